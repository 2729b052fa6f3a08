import { useState } from "react";
import { currentLocaleTag, useTexts } from "../../kit/i18n";
import { momentText } from "../../kit/time";
import { useDebounced } from "../../kit/use-debounced";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { ActionDialog } from "../../ui/Dialog";
import { Filters, SearchField } from "../../ui/Filters";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { OverlapField } from "../../ui/OverlapField";
import { Pager } from "../../ui/Pager";
import { MoreActions, Row } from "../../ui/Rows";
import { type Secret, SecretDialog } from "../../ui/SecretDialog";
import { SectionHead } from "../../ui/Sections";
import { type Client, deleteClient, listClients, renewSecret, updateClient } from "./api";
import { ClientForm } from "./ClientForm";

const PAGE_SIZE = 20;
type Open = { do: "new" } | { do: "edit" | "secret" | "switch" | "delete"; client: Client } | null;

/** The apps that may send people here to sign in. Those from the configuration can only be looked at. */
export function ClientsSection() {
  const i = useIdentityTexts();
  const [page, setPage] = useState(1);
  const [typed, setTyped] = useState("");
  const q = useDebounced(typed.trim());
  const clients = useLoad(() => listClients(page, PAGE_SIZE, q), `${page} ${q}`);
  const [open, setOpen] = useState<Open>(null);
  const [secrets, setSecrets] = useState<Secret[] | null>(null);
  const show = (clientId: string, value: string) =>
    setSecrets([
      { label: i.clientId, value: clientId },
      { label: i.clientSecret, value },
    ]);
  const search = (text: string) => {
    setTyped(text);
    setPage(1);
  };
  return (
    <>
      <SectionHead
        title={i.clients}
        intro={i.clientsIntro}
        action={
          <button type="button" className="button primary" onClick={() => setOpen({ do: "new" })}>
            <Icon name="plus" size={16} />
            {i.newClient}
          </button>
        }
      />
      <Filters label={i.clients}>
        <SearchField value={typed} onChange={search} />
      </Filters>
      <LoadState of={clients} />
      {clients.data?.total === 0 && <p className="muted">{i.noClients}</p>}
      <ul className="cards">
        {clients.data?.items.map((client) => (
          <ClientRow key={client.client_id} client={client} onOpen={setOpen} />
        ))}
      </ul>
      <Pager page={page} pageSize={PAGE_SIZE} total={clients.data?.total ?? 0} onPage={setPage} />
      <ClientDialogs open={open} onClose={() => setOpen(null)} onSecret={show} reload={clients.reload} />
      {secrets !== null && (
        <SecretDialog title={i.secretReady} secrets={secrets} onClose={() => setSecrets(null)} />
      )}
    </>
  );
}

function ClientRow({ client, onOpen }: { client: Client; onOpen: (open: Open) => void }) {
  const t = useTexts();
  const i = useIdentityTexts();
  const isLocked = client.source === "config";
  const isPublic = client.token_endpoint_auth_method === "none";
  const used = momentText(client.last_used_at, currentLocaleTag());
  const secret = {
    label: i.newSecret,
    icon: "key" as const,
    onSelect: () => onOpen({ do: "secret", client }),
  };
  return (
    <Row
      title={client.client_name || client.client_id}
      marks={[
        isLocked && i.fromConfiguration,
        client.source === "registration" && i.registeredItself,
        isPublic && i.publicClient,
        !client.enabled && i.disabled,
      ]}
      isFaded={!client.enabled}
      lines={[
        <code key="id">{client.client_id}</code>,
        client.redirect_uris.join(", "),
        [client.scope, used === "" ? i.neverUsed : i.lastUsed(used, "")].join(" · "),
      ]}
      actions={
        !isLocked && (
          <MoreActions
            label={t.actionsFor(client.client_name || client.client_id)}
            entries={[
              { label: t.edit, icon: "edit", onSelect: () => onOpen({ do: "edit", client }) },
              ...(isPublic ? [] : [secret]),
              {
                label: client.enabled ? i.disable : i.enable,
                icon: client.enabled ? "stop" : "check",
                onSelect: () => onOpen({ do: "switch", client }),
              },
              {
                label: t.delete,
                icon: "trash",
                isDangerous: true,
                onSelect: () => onOpen({ do: "delete", client }),
              },
            ]}
          />
        )
      }
    />
  );
}

interface DialogsProps {
  open: Open;
  onClose: () => void;
  onSecret: (clientId: string, secret: string) => void;
  reload: () => Promise<void>;
}

function ClientDialogs({ open, onClose, onSecret, reload }: DialogsProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  if (open === null) return null;
  if (open.do === "new" || open.do === "edit") {
    const client = open.do === "edit" ? open.client : null;
    return <ClientForm client={client} onSecret={onSecret} onSaved={reload} onClose={onClose} />;
  }
  const { client } = open;
  const name = client.client_name || client.client_id;
  if (open.do === "secret")
    return <SecretForm client={client} onSecret={onSecret} onClose={onClose} reload={reload} />;
  if (open.do === "switch")
    return (
      <ActionDialog
        title={client.enabled ? i.disableNamed(name) : i.enableNamed(name)}
        action={client.enabled ? i.disable : i.enable}
        isDangerous={client.enabled}
        onAction={() => updateClient(client.client_id, { enabled: !client.enabled }).then(reload)}
        onClose={onClose}
      >
        <p>{client.enabled ? i.disableClientText : i.enableClientText}</p>
      </ActionDialog>
    );
  return (
    <ActionDialog
      title={i.deleteClientTitle}
      action={t.delete}
      isDangerous
      onAction={() => deleteClient(client.client_id).then(reload)}
      onClose={onClose}
    >
      <p>{i.deleteClientText(name)}</p>
    </ActionDialog>
  );
}

function SecretForm({ client, onSecret, onClose, reload }: Omit<DialogsProps, "open"> & { client: Client }) {
  const i = useIdentityTexts();
  const [overlap, setOverlap] = useState(0);
  const renew = async () => {
    const { client_secret } = await renewSecret(client.client_id, overlap);
    onSecret(client.client_id, client_secret);
    await reload();
  };
  return (
    <ActionDialog title={i.newSecret} action={i.newSecret} onAction={renew} onClose={onClose}>
      <p>{i.newSecretText(client.client_name || client.client_id)}</p>
      <OverlapField value={overlap} onChange={setOverlap} />
    </ActionDialog>
  );
}
