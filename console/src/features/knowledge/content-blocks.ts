/** The text of a document as it is shown: cut where pages and headings begin. */
import { lengthOf, placesOf } from "../../kit/code-points";
import type { Content } from "./documents-api";

export interface Block {
  kind: "page" | "heading" | "text";
  /** Where it begins in the whole text, in characters. */
  start: number;
  text: string;
  /** Where what is shown of it begins: the signs that make a line a heading are left out. */
  textStart: number;
  /** Of a heading; never more than one below the heading before. */
  level?: number;
  page?: number;
}

/** `level` 1 is the name of the document itself. */
export function blocksOf(content: Pick<Content, "start" | "text" | "pages" | "headings">): Block[] {
  const { start, text } = content;
  const end = start + lengthOf(text);
  const isShown = (place: { start: number }) => place.start >= start && place.start < end;
  const pages = new Map(content.pages.filter(isShown).map(({ page, start: at }) => [at, page]));
  const headings = new Map(content.headings.filter(isShown).map((heading) => [heading.start, heading]));
  const cuts = [...new Set([start, ...pages.keys(), ...headings.keys()])].sort((a, b) => a - b);
  const places = [
    ...placesOf(
      text,
      cuts.map((cut) => cut - start),
    ),
    text.length,
  ];
  const blocks: Block[] = [];
  let level = 1;
  cuts.forEach((at, index) => {
    const page = pages.get(at);
    if (page !== undefined) blocks.push({ kind: "page", start: at, textStart: at, text: "", page });
    const piece = text.slice(places[index], places[index + 1]);
    const heading = headings.get(at);
    if (heading === undefined) {
      addText(blocks, at, piece);
      return;
    }
    const line = piece.split("\n", 1)[0] ?? "";
    level = Math.min(Math.max(heading.level, 1) + 1, level + 1, 6);
    const signs = /^#{1,6}\s+/.exec(line)?.[0].length ?? 0;
    blocks.push({ kind: "heading", start: at, textStart: at + signs, text: line.slice(signs), level });
    addText(blocks, at + lengthOf(line), piece.slice(line.length));
  });
  return blocks;
}

/** Empty lines around a block are space enough already. */
function addText(blocks: Block[], start: number, text: string): void {
  const shown = text.replace(/^\n+/, "");
  if (shown.trim() === "") return;
  const textStart = start + text.length - shown.length;
  blocks.push({ kind: "text", start: textStart, textStart, text: shown.trimEnd() });
}

export const WINDOW = 20_000;
const BEFORE = 1_500;

/** Where the shown part of a text begins, so that a place stands in it with something before it. */
export const windowFor = (place: number | null): number => Math.max(0, (place ?? 0) - BEFORE);
