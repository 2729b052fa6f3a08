/** Headers as they are typed: one `Name: value` per line. */
export function headersOf(text: string): Record<string, string> {
  const pairs = text
    .split("\n")
    .map((line) => line.split(":"))
    .map(([name = "", ...rest]) => [name.trim(), rest.join(":").trim()] as const)
    .filter(([name]) => name !== "");
  return Object.fromEntries(pairs);
}

export const linesOf = (headers: Record<string, string>): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");
