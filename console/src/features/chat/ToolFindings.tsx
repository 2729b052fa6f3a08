import { useTexts } from "../../kit/i18n";
import { hrefOf, type Route } from "../../kit/route";
import { isObject, resultOf, str, type Values } from "./tool-facts";
import type { MessageLine } from "./wire";

interface Finding {
  title: string;
  address: string;
  text: string;
  /** A passage of a knowledge base. */
  document: Route | null;
}

/** What a search or a look at pages has found: titles with a few words, addresses as links. */
export function Findings({ result }: { result?: MessageLine }) {
  const t = useTexts();
  const findings = findingsOf(resultOf(result));
  if (findings === null) return null;
  if (findings.length === 0) return <p className="hint">{t.nothingFound}</p>;
  return (
    <ol className="findings">
      {findings.map((finding, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a list that never changes
        <li key={index}>
          {finding.document !== null ? (
            <a href={hrefOf(finding.document)}>{finding.title}</a>
          ) : /^https?:/i.test(finding.address) ? (
            <a href={finding.address} target="_blank" rel="noreferrer noopener">
              {finding.title || finding.address}
            </a>
          ) : (
            <strong>{finding.title || finding.address}</strong>
          )}
          {finding.text && <p>{finding.text}</p>}
        </li>
      ))}
    </ol>
  );
}

const SHOWN_CHARACTERS = 300;

function findingsOf(values: Values): Finding[] | null {
  const lists = [values.results, values.search_results, values.long_term_memory, values.notes].filter(
    Array.isArray,
  );
  if (lists.length === 0) return null;
  return lists
    .flat()
    .filter(isObject)
    .map((each) => ({
      title: str(each.title) || str(each.path),
      address: str(each.final_url) || str(each.url) || str(each.image_url),
      text: textOf(each).slice(0, SHOWN_CHARACTERS),
      document: documentOf(each),
    }));
}

function documentOf({ doc_id, start, end }: Values): Route | null {
  if (typeof doc_id !== "string" || typeof start !== "number" || typeof end !== "number") return null;
  return { page: "document", docId: doc_id, start, end };
}

function textOf(values: Values): string {
  const snippets = Array.isArray(values.snippets)
    ? values.snippets.filter(isObject).map(({ text }) => str(text))
    : [];
  const known = [values.error, values.snippet, values.doc_content, values.content].map(str).find(Boolean);
  return known ?? snippets.join(" … ");
}
