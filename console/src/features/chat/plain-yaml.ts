/** The little of YAML that models write forms in: maps, lists and texts, by indentation. */

interface Row {
  indent: number;
  text: string;
}

/** Raises `SyntaxError` for what it does not know. Every scalar is a text. */
export function readYaml(source: string): unknown {
  const rows = source
    .split("\n")
    .map((line) => ({ indent: line.length - line.trimStart().length, text: line.trim() }))
    .filter(({ text }) => text !== "" && !text.startsWith("#"));
  const reader = new Reader(rows);
  const value = reader.block(rows[0]?.indent ?? 0);
  if (!reader.isDone) throw new SyntaxError("unexpected indentation");
  return value;
}

const isItem = ({ text }: Row): boolean => text === "-" || text.startsWith("- ");
const PAIR = /^("[^"]*"|'[^']*'|[^:\s][^:]*?):(?:\s+(.*))?$/;

class Reader {
  private at = 0;

  constructor(private readonly rows: Row[]) {}

  get isDone(): boolean {
    return this.at >= this.rows.length;
  }

  block(indent: number): unknown {
    const row = this.rows[this.at];
    if (row === undefined) return "";
    return isItem(row) ? this.list(indent) : this.map(indent);
  }

  private list(indent: number): unknown[] {
    const items: unknown[] = [];
    for (let row = this.here(indent); row !== null && isItem(row); row = this.here(indent)) {
      const rest = row.text.slice(1).trimStart();
      if (rest === "") {
        this.at += 1;
        items.push(this.below(indent));
      } else if (PAIR.test(rest)) {
        // The first pair stands behind the dash; the others are as far in as it is.
        const inner = indent + row.text.length - rest.length;
        this.rows[this.at] = { indent: inner, text: rest };
        items.push(this.map(inner));
      } else {
        this.at += 1;
        items.push(scalar(rest));
      }
    }
    return items;
  }

  private map(indent: number): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    for (let row = this.here(indent); row !== null && !isItem(row); row = this.here(indent)) {
      const [, key = "", value = ""] = PAIR.exec(row.text) ?? [];
      if (key === "") throw new SyntaxError(`no pair: ${row.text}`);
      this.at += 1;
      entries.push([String(scalar(key)), value === "" ? this.below(indent, true) : scalar(value)]);
    }
    return Object.fromEntries(entries);
  }

  private here(indent: number): Row | null {
    const row = this.rows[this.at];
    return row !== undefined && row.indent === indent ? row : null;
  }

  /** What is further in. The items of a list may stand as far out as the name of it. */
  private below(indent: number, mayBeListHere = false): unknown {
    const row = this.rows[this.at];
    if (row === undefined) return "";
    if (row.indent > indent || (mayBeListHere && row.indent === indent && isItem(row)))
      return this.block(row.indent);
    return "";
  }
}

function scalar(text: string): unknown {
  const quoted = /^"(.*)"$|^'(.*)'$/.exec(text);
  if (quoted !== null) return quoted[1] ?? quoted[2];
  const listed = /^\[(.*)\]$/.exec(text);
  if (listed === null) return text;
  const inner = listed[1]?.trim() ?? "";
  return inner === "" ? [] : inner.split(",").map((each) => scalar(each.trim()));
}
