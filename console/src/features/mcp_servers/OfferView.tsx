import { useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { useWorkshopTexts, wordOf } from "../../texts/workshop";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { Badge } from "../../ui/Rows";
import { Code } from "../chat/CodeBlock";
import { approveOffer, type Offer, type Server, type ServerTool } from "./api";

interface OfferProps {
  server: Server;
  offer: Offer;
  onApproved: () => Promise<void>;
}

/** The tools of a server beside what was approved, and the approval of changes (product.md 8.4). */
export function OfferView({ server, offer, onApproved }: OfferProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const rank = { changed: 0, new: 1, removed: 2, same: 3 };
  const tools = [...offer.tools].sort((a, b) => rank[a.change] - rank[b.change]);
  return (
    <>
      {offer.pending_hash !== null && (
        <Changes server={server} offer={offer} hash={offer.pending_hash} onApproved={onApproved} />
      )}
      <section className="stack tight">
        <h2 className="group-head">{t.tools}</h2>
        {tools.length === 0 && <p className="muted">{w.noTools}</p>}
        <ul className="entries">
          {tools.map((tool) => (
            <ToolEntry key={tool.name} tool={tool} />
          ))}
        </ul>
      </section>
      <NamedList title={w.resources} items={offer.resources} />
      <NamedList title={w.prompts} items={offer.prompts} />
      {offer.instructions && (
        <section className="stack tight">
          <h2 className="group-head">{w.serverSays}</h2>
          <p className="quoted">{offer.instructions}</p>
        </section>
      )}
    </>
  );
}

function Changes({ server, offer, hash, onApproved }: OfferProps & { hash: string }) {
  const w = useWorkshopTexts();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const isFrozen = offer.state === "frozen";
  const approve = async () => {
    setBusy(true);
    setError(null);
    try {
      await approveOffer(server, hash);
      await onApproved();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <section className="ask open review" aria-label={isFrozen ? w.frozenTitle : w.newToolsTitle}>
      <h2>{isFrozen ? w.frozenTitle : w.newToolsTitle}</h2>
      <p className="muted">{isFrozen ? w.frozenText : w.newToolsText}</p>
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <div className="ask-foot">
        <button type="button" className="button primary small" disabled={isBusy} onClick={approve}>
          {w.approveTools}
        </button>
      </div>
    </section>
  );
}

function ToolEntry({ tool }: { tool: ServerTool }) {
  const w = useWorkshopTexts();
  const kind = tool.change === "changed" || tool.change === "removed" ? "bad" : "warn";
  const hasPast = tool.change === "changed" && tool.pinned !== null;
  return (
    <li className="entry">
      <details open={hasPast}>
        <summary>
          <Icon name="right" size={15} />
          <strong>{tool.name}</strong>
          {tool.change !== "same" && <Badge kind={kind}>{wordOf(w, "change", tool.change)}</Badge>}
          <span className="entry-text muted">{tool.description}</span>
        </summary>
        <div className="entry-body">
          {tool.wire_name !== tool.name && <p className="hint">{w.onWire(tool.wire_name)}</p>}
          {hasPast && <Definition title={w.toolBefore} of={tool.pinned ?? {}} />}
          <Definition title={hasPast ? w.toolNow : null} of={tool} />
        </div>
      </details>
    </li>
  );
}

function Definition({
  title,
  of,
}: {
  title: string | null;
  of: { description?: string; input_schema?: unknown };
}) {
  const w = useWorkshopTexts();
  return (
    <>
      {title !== null && <h3>{title}</h3>}
      {of.description && <p className="quoted">{of.description}</p>}
      {of.input_schema !== undefined && (
        <details className="more-fields">
          <summary>{w.schema}</summary>
          <Code code={JSON.stringify(of.input_schema, null, 2)} language="json" />
        </details>
      )}
    </>
  );
}

function NamedList({ title, items = [] }: { title: string; items?: Offer["resources"] }) {
  if (items.length === 0) return null;
  return (
    <section className="stack tight">
      <h2 className="group-head">{title}</h2>
      <ul className="plain-rows">
        {items.map(({ name, description }) => (
          <li key={name}>
            <span>{name}</span>
            {description && <small>{description}</small>}
          </li>
        ))}
      </ul>
    </section>
  );
}
