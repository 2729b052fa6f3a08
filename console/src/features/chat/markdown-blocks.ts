/**
 * Cuts Markdown into blocks that never change again and one block that is still being written,
 * so that a long answer is parsed once and not with every new word.
 */
const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;
const LIST_ITEM = /^ {0,3}(?:[-*+]|\d{1,9}[.)])\s/;
const DEFINITION = /^ {0,3}\[[^\]]+\]:/m;

export function splitBlocks(text: string): string[] {
  // References reach across blocks, so such a text stays whole.
  if (DEFINITION.test(text)) return [text];
  const blocks: string[] = [];
  let block: string[] = [];
  let fence: string | null = null;
  const lines = text.split("\n");
  lines.forEach((line, index) => {
    fence = nextFence(fence, line);
    const isBreak = fence === null && line.trim() === "" && !continuesList(block, lines[index + 1]);
    if (!isBreak) block.push(line);
    else if (block.length > 0) {
      blocks.push(block.join("\n"));
      block = [];
    }
  });
  if (block.some((line) => line.trim() !== "")) blocks.push(block.join("\n"));
  return blocks;
}

function nextFence(open: string | null, line: string): string | null {
  const match = FENCE.exec(line);
  const mark = match?.[1];
  if (mark === undefined) return open;
  if (open === null) return mark[0] === "`" && match?.[2]?.includes("`") ? null : mark;
  const closes = mark[0] === open[0] && mark.length >= open.length && match?.[2]?.trim() === "";
  return closes ? null : open;
}

/** A blank line inside a list, or before an indented part, does not end the block. */
function continuesList(block: string[], next: string | undefined): boolean {
  if (next === undefined) return block.length > 0 && LIST_ITEM.test(block[0] ?? "");
  if (!LIST_ITEM.test(block[0] ?? "")) return false;
  return LIST_ITEM.test(next) || /^\s+\S/.test(next) || next.trim() === "";
}

/** Completes what is half written at the end of a growing block, so marks do not flicker. */
export function closeOpenMarks(block: string): string {
  if (isInsideFence(block)) return block;
  const last = block.slice(block.lastIndexOf("\n") + 1);
  const withoutLink = last.replace(/!?\[([^\]]*)\]\([^)\s]*$/, "$1").replace(/!?\[([^\]]*)$/, "$1");
  return block.slice(0, block.length - last.length) + closePairs(withoutLink);
}

function isInsideFence(block: string): boolean {
  return block.split("\n").reduce<string | null>(nextFence, null) !== null;
}

function closePairs(line: string): string {
  const prose = line.replace(/`[^`]*`/g, "");
  if (prose.includes("`")) return `${line}\``;
  if (count(prose, "**") % 2 === 1) return prose.endsWith("**") ? line.slice(0, -2) : `${line.trimEnd()}**`;
  if (count(prose, "~~") % 2 === 1) return prose.endsWith("~~") ? line.slice(0, -2) : `${line.trimEnd()}~~`;
  return line;
}

const count = (text: string, mark: string): number => text.split(mark).length - 1;
