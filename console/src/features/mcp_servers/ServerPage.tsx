import { useState } from "react";
import { errorText } from "../../kit/errors";
import { currentLocaleTag, useTexts } from "../../kit/i18n";
import { goTo } from "../../kit/route";
import { momentText } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useWorkshopTexts, wordOf } from "../../texts/workshop";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { Badge, MoreActions } from "../../ui/Rows";
import type { Claims } from "../accounts/api";
import { deleteServer, readOffer, refreshServer, type Server, toggleServer } from "./api";
import { OfferView } from "./OfferView";
import { ServerForm } from "./ServerForm";
import { SignInThere } from "./SignInThere";
import { addressOf, stateMark } from "./server-facts";

interface ServerPageProps {
  server: Server;
  user: Claims;
  onChanged: () => Promise<void>;
}

/** One server: its state, what it offers, and what changed since that was approved. */
export function ServerPage({ server, user, onChanged }: ServerPageProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const offer = useLoad(() => readOffer(server), `${server.hash}/${server.pending_hash}/${server.state}`);
  const [open, setOpen] = useState<"edit" | "delete" | null>(null);
  const [said, setSaid] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const act = async (action: () => Promise<string | null>) => {
    setBusy(true);
    setError(null);
    setSaid(null);
    try {
      setSaid(await action());
      await onChanged();
      await offer.reload();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  const look = async () => {
    const { status } = await refreshServer(server);
    return status === "refreshed" ? w.serverAnswers : null;
  };
  const toggle = async () => {
    await toggleServer(server);
    return null;
  };
  const mark = stateMark(w, server);
  if (open === "edit")
    return <ServerForm server={server} onSaved={onChanged} onClose={() => setOpen(null)} isInside />;
  return (
    <>
      <header className="page-head">
        <div>
          <h1>
            {server.name}
            <Badge kind={mark.kind}>{mark.text}</Badge>
          </h1>
          {server.description && <p className="muted">{server.description}</p>}
        </div>
        <div className="page-actions">
          <button
            type="button"
            className="button"
            disabled={isBusy || server.disabled}
            onClick={() => act(look)}
          >
            {w.lookAgain}
          </button>
          <MoreActions
            label={t.actionsFor(server.name)}
            entries={[
              { label: t.edit, icon: "edit", onSelect: () => setOpen("edit") },
              {
                label: server.disabled ? w.switchOn : w.switchOff,
                icon: server.disabled ? "check" : "close",
                onSelect: () => void act(toggle),
              },
              { label: t.delete, icon: "trash", isDangerous: true, onSelect: () => setOpen("delete") },
            ]}
          />
        </div>
      </header>
      {said !== null && <Notice kind="success">{said}</Notice>}
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      {server.error !== null && <Notice kind="warning">{server.error}</Notice>}
      {server.auth === "oauth" && server.user_id === user.userid && (
        <SignInThere server={server} onChanged={onChanged} />
      )}
      <Facts server={server} />
      <LoadState of={offer} />
      {offer.data !== null && <OfferView server={server} offer={offer.data} onApproved={onChanged} />}
      {open === "delete" && (
        <ActionDialog
          title={w.deleteServerTitle}
          action={t.delete}
          isDangerous
          onAction={async () => {
            await deleteServer(server);
            goTo({ page: "servers", name: null });
            await onChanged();
          }}
          onClose={() => setOpen(null)}
        >
          <p>{w.deleteServerText(server.name)}</p>
        </ActionDialog>
      )}
    </>
  );
}

function Facts({ server }: { server: Server }) {
  const w = useWorkshopTexts();
  const checked = momentText(server.last_checked_at, currentLocaleTag());
  return (
    <dl className="facts">
      {addressOf(server) && (
        <div className="span-two">
          <dt>{w.address}</dt>
          <dd>{addressOf(server)}</dd>
        </div>
      )}
      <div>
        <dt>{w.protocol}</dt>
        <dd>{wordOf(w, "protocol", server.protocol)}</dd>
      </div>
      <div>
        <dt>{w.access}</dt>
        <dd>{wordOf(w, "auth", server.auth)}</dd>
      </div>
      {checked && (
        <div>
          <dt>{w.lastCheck}</dt>
          <dd>{checked}</dd>
        </div>
      )}
    </dl>
  );
}
