import { CopyButton } from "../../ui/CopyButton";

/** Plain text of a tool in a box that scrolls. */
export function Output({ text, isError = false }: { text: string; isError?: boolean }) {
  return (
    <div className={isError ? "output error" : "output"}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{text.replace(/\n$/, "")}</pre>
      <CopyButton text={text} />
    </div>
  );
}
