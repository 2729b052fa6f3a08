/** Lists that are typed one entry per line. */
export const toLines = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

export const fromLines = (lines: string[]): string => lines.join("\n");
