/** Cuts a byte stream into text lines; bytes may be cut anywhere, also inside a character. */
export class LineSplitter {
  private readonly decoder = new TextDecoder("utf-8");
  private rest = "";

  /** The lines completed by these bytes, without their line ends. */
  push(bytes: Uint8Array): string[] {
    return this.split(this.decoder.decode(bytes, { stream: true }));
  }

  /** The last line, if the stream ended without a line end. */
  finish(): string[] {
    const lines = this.split(`${this.decoder.decode()}\n`);
    this.rest = "";
    return lines;
  }

  private split(text: string): string[] {
    const pieces = (this.rest + text).split("\n");
    this.rest = pieces.pop() ?? "";
    return pieces.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  }
}
