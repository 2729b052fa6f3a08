import { isValidElement, type ReactNode, useEffect, useState } from "react";
import { CopyButton } from "../../ui/CopyButton";

interface CodeElementProps {
  className?: string;
  children?: ReactNode;
}

/** A code block of an answer: language, copy button, and colours once it is complete. */
export function CodeBlock({ source, isGrowing }: { source: ReactNode; isGrowing: boolean }) {
  const props = isValidElement<CodeElementProps>(source) ? source.props : {};
  const code = String(props.children ?? "").replace(/\n$/, "");
  const language = /language-(\S+)/.exec(props.className ?? "")?.[1] ?? "";
  return <Code code={code} language={language} isGrowing={isGrowing} />;
}

export function Code({
  code,
  language,
  isGrowing = false,
}: {
  code: string;
  language: string;
  isGrowing?: boolean;
}) {
  const html = useHighlighted(code, language, !isGrowing);
  return (
    <div className="code-block">
      <div className="code-head">
        <span>{language || "text"}</span>
        <CopyButton text={code} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>
        {html === null ? (
          <code>{code}</code>
        ) : (
          // biome-ignore lint/security/noDangerouslySetInnerHtml: the highlighter escapes the code it is given
          <code dangerouslySetInnerHTML={{ __html: html }} />
        )}
      </pre>
    </div>
  );
}

const LONGEST_COLOURED = 50_000;

function useHighlighted(code: string, language: string, isWanted: boolean): string | null {
  const [done, setDone] = useState<{ code: string; html: string | null } | null>(null);
  useEffect(() => {
    if (!isWanted || language === "" || code.length > LONGEST_COLOURED) return;
    let isCurrent = true;
    import("./highlight")
      .then(({ highlight }) => isCurrent && setDone({ code, html: highlight(code, language) }))
      .catch(() => {}); // Without the colours the code is still readable.
    return () => {
      isCurrent = false;
    };
  }, [code, language, isWanted]);
  return done?.code === code ? done.html : null;
}
