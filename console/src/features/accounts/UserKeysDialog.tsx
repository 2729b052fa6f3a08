import { useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { Dialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { IconAction } from "../../ui/Rows";
import { deleteKeyOf, listKeysOf } from "../api_keys/api";
import { KeyRow } from "../api_keys/KeyRow";
import type { User } from "./users-api";

/** The API keys of somebody else: to be seen and ended, never read. */
export function UserKeysDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const t = useTexts();
  const i = useIdentityTexts();
  const keys = useLoad(() => listKeysOf(user.user_id), user.user_id);
  const [error, setError] = useState<unknown>(null);
  const end = (id: string) => {
    setError(null);
    deleteKeyOf(user.user_id, id).then(keys.reload).catch(setError);
  };
  return (
    <Dialog title={i.keysOf(user.username)} onClose={onClose} isWide>
      <div className="dialog-body">
        <LoadState of={keys} />
        {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
        {keys.data?.length === 0 && <p className="muted">{i.noKeys}</p>}
        <ul className="cards">
          {keys.data?.map((key) => (
            <KeyRow
              key={key.id}
              apiKey={key}
              actions={
                <IconAction icon="trash" label={t.deleteNamed(key.name)} onClick={() => end(key.id)} />
              }
            />
          ))}
        </ul>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t.close}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
