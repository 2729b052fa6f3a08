/** Files that go with a message: links at the end of its text, and pictures as parts of their own (S3.3). */
import type { Content } from "./wire";

export interface Attached {
  name: string;
  /** In the workspace, without a leading slash. */
  path: string;
  isPicture: boolean;
}

const PLACE = "/workspace/";
const LINK = /^\[([^\]\n]*)\]\((?:<(\/workspace\/[^>\n]*)>|(\/workspace\/[^)\n]*))\)$/;
/** What would end a plain link too early. */
const NEEDS_MARKS = /[\s()<>]/;

function linkTo({ name, path }: Attached): string {
  const address = PLACE + path;
  const label = name.replace(/[[\]\n]/g, "_");
  return NEEDS_MARKS.test(address) ? `[${label}](<${address}>)` : `[${label}](${address})`;
}

/** A message with its files. Pictures become links too where only a text can go. */
export function contentWith(text: string, files: Attached[], asText = false): Content {
  const pictures = asText ? [] : files.filter(({ isPicture }) => isPicture);
  const links = files.filter((file) => !pictures.includes(file)).map(linkTo);
  const whole = links.length === 0 ? text : `${text}\n\n${links.join("\n")}`;
  if (pictures.length === 0) return whole;
  return [
    { type: "text", text: whole },
    ...pictures.map(({ path }) => ({ type: "image_url" as const, image_url: { url: PLACE + path } })),
  ];
}

/** The text of a message without the links at its end, and the files they lead to. */
export function withoutLinks(text: string): { text: string; files: { name: string; address: string }[] } {
  const lines = text.split("\n");
  const files: { name: string; address: string }[] = [];
  let last = lines.length;
  for (; last > 0; last -= 1) {
    const match = LINK.exec(lines[last - 1] ?? "");
    if (match === null) break;
    files.unshift({ name: match[1] ?? "", address: match[2] ?? match[3] ?? "" });
  }
  return { text: lines.slice(0, last).join("\n").trimEnd(), files };
}

/** Puts the tags of a run before a message (S3.4). The server takes them off again. */
export function withTags(content: Content, tags: string): Content {
  if (tags === "") return content;
  if (typeof content === "string") return `${tags} ${content}`;
  if (!Array.isArray(content)) return content;
  const [first, ...rest] = content;
  return first?.type === "text" ? [{ ...first, text: `${tags} ${first.text}` }, ...rest] : content;
}

export interface Wishes {
  plan: boolean;
  think: boolean;
  skills: string[];
}

export function tagsOf({ plan, think, skills }: Wishes): string {
  return [
    plan ? "<enable_plan>true</enable_plan>" : "",
    think ? "<enable_deep_thinking>true</enable_deep_thinking>" : "",
    ...skills.map((name) => `<skill>${name}</skill>`),
  ].join("");
}
