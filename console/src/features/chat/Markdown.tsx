import { createContext, memo, type ReactNode, useContext } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { fileUrl, type Workspace } from "../workspaces/api";
import { CitationMark } from "./CitationMark";
import { CodeBlock } from "./CodeBlock";
import { markCitations } from "./citations";
import { closeOpenMarks, splitBlocks } from "./markdown-blocks";

/** Whose workspace the file links of an answer point into. */
export const WorkspaceContext = createContext<Workspace | null>(null);

const plugins = [remarkGfm];
const treePlugins = [markCitations];
const settledParts: Components = {
  a: Link,
  cite: CitationMark,
  img: Picture,
  table: Table,
  pre: SettledCode,
};
const growingParts: Components = { ...settledParts, pre: GrowingCode };

export function Markdown({ text, isGrowing = false }: { text: string; isGrowing?: boolean }) {
  const blocks = splitBlocks(text);
  return (
    <div className="prose">
      {blocks.map((block, index) => (
        // A block keeps its place while the text grows, so its number is its identity.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <Block key={index} text={block} isGrowing={isGrowing && index === blocks.length - 1} />
      ))}
    </div>
  );
}

const Block = memo(function Block({ text, isGrowing }: { text: string; isGrowing: boolean }) {
  return (
    <ReactMarkdown
      remarkPlugins={plugins}
      rehypePlugins={treePlugins}
      components={isGrowing ? growingParts : settledParts}
    >
      {isGrowing ? closeOpenMarks(text) : text}
    </ReactMarkdown>
  );
});

function Link({ href, children }: { href?: string; children?: ReactNode }) {
  const workspace = useContext(WorkspaceContext);
  if (!href) return <span>{children}</span>;
  if (/^(https?:|mailto:)/i.test(href)) {
    return (
      <a href={href} target="_blank" rel="noreferrer noopener">
        {children}
      </a>
    );
  }
  if (href.startsWith("#")) return <span>{children}</span>;
  if (workspace === null || href.startsWith("/api/")) return <a href={href}>{children}</a>;
  return (
    <a href={fileUrl(workspace, safeDecode(href))} download>
      {children}
    </a>
  );
}

function safeDecode(href: string): string {
  try {
    return decodeURI(href);
  } catch {
    return href;
  }
}

/** Pictures from elsewhere would tell that address what is read here, so they stay links. */
function Picture({ src, alt }: { src?: string | Blob; alt?: string }) {
  const workspace = useContext(WorkspaceContext);
  if (typeof src !== "string") return null;
  if (/^https?:/i.test(src)) return <Link href={src}>{alt || src}</Link>;
  const isOwnFile = workspace !== null && !src.startsWith("/api/");
  const address = isOwnFile ? fileUrl(workspace, safeDecode(src), true) : src;
  return <img src={address} alt={alt ?? ""} loading="lazy" />;
}

function Table({ children }: { children?: ReactNode }) {
  return (
    <div className="table-scroll">
      <table>{children}</table>
    </div>
  );
}

function SettledCode({ children }: { children?: ReactNode }) {
  return <CodeBlock source={children} isGrowing={false} />;
}

function GrowingCode({ children }: { children?: ReactNode }) {
  return <CodeBlock source={children} isGrowing />;
}
