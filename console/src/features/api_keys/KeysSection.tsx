import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { ActionDialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { OverlapField } from "../../ui/OverlapField";
import { MoreActions } from "../../ui/Rows";
import { type Secret, SecretDialog } from "../../ui/SecretDialog";
import { SectionHead } from "../../ui/Sections";
import { type ApiKey, deleteKey, type FreshKey, listKeys, rotateKey } from "./api";
import { KeyForm } from "./KeyForm";
import { KeyRow } from "./KeyRow";

type Open = { do: "new" } | { do: "edit" | "rotate" | "delete"; key: ApiKey } | null;

/** One's own API keys. A secret is seen once, right after it was made. */
export function KeysSection({ isAdmin }: { isAdmin: boolean }) {
  const t = useTexts();
  const i = useIdentityTexts();
  const keys = useLoad(listKeys, "keys");
  const [open, setOpen] = useState<Open>(null);
  const [secret, setSecret] = useState<Secret | null>(null);
  const close = () => setOpen(null);
  const show = (fresh: FreshKey) => setSecret({ label: fresh.name, value: fresh.key });
  return (
    <>
      <SectionHead
        title={i.keys}
        intro={i.keysIntro}
        action={
          <button type="button" className="button primary" onClick={() => setOpen({ do: "new" })}>
            <Icon name="plus" size={16} />
            {i.newKey}
          </button>
        }
      />
      <LoadState of={keys} />
      {keys.data?.length === 0 && <p className="muted">{i.noKeys}</p>}
      <ul className="cards">
        {keys.data?.map((key) => (
          <KeyRow
            key={key.id}
            apiKey={key}
            actions={
              <MoreActions
                label={t.actionsFor(key.name)}
                entries={[
                  { label: t.edit, icon: "edit", onSelect: () => setOpen({ do: "edit", key }) },
                  { label: i.rotate, icon: "turn", onSelect: () => setOpen({ do: "rotate", key }) },
                  {
                    label: t.delete,
                    icon: "trash",
                    isDangerous: true,
                    onSelect: () => setOpen({ do: "delete", key }),
                  },
                ]}
              />
            }
          />
        ))}
      </ul>
      {(open?.do === "new" || open?.do === "edit") && (
        <KeyForm
          apiKey={open.do === "edit" ? open.key : null}
          isAdmin={isAdmin}
          onFresh={show}
          onSaved={keys.reload}
          onClose={close}
        />
      )}
      {open?.do === "rotate" && (
        <RotateDialog apiKey={open.key} onFresh={show} onDone={keys.reload} onClose={close} />
      )}
      {open?.do === "delete" && (
        <ActionDialog
          title={i.deleteKeyTitle}
          action={t.delete}
          isDangerous
          onAction={() => deleteKey(open.key.id).then(keys.reload)}
          onClose={close}
        >
          <p>{i.deleteKeyText(open.key.name)}</p>
        </ActionDialog>
      )}
      {secret !== null && (
        <SecretDialog title={i.keyReady} secrets={[secret]} onClose={() => setSecret(null)} />
      )}
    </>
  );
}

interface RotateProps {
  apiKey: ApiKey;
  onFresh: (key: FreshKey) => void;
  onDone: () => Promise<void>;
  onClose: () => void;
}

function RotateDialog({ apiKey, onFresh, onDone, onClose }: RotateProps) {
  const i = useIdentityTexts();
  const [overlap, setOverlap] = useState(0);
  const rotate = async () => {
    onFresh(await rotateKey(apiKey.id, overlap));
    await onDone();
  };
  return (
    <ActionDialog title={i.rotateTitle} action={i.rotate} onAction={rotate} onClose={onClose}>
      <p>{i.rotateText(apiKey.name)}</p>
      <OverlapField value={overlap} onChange={setOverlap} />
    </ActionDialog>
  );
}
