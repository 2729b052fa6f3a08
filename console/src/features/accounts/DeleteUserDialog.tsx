import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { SelectField } from "../../ui/TextField";
import { userOptions } from "../groups/api";
import { deleteUser, type Fate, type User } from "./users-api";

interface DeleteUserProps {
  user: User;
  onDeleted: () => Promise<void>;
  onClose: () => void;
}

const FATES = ["delete", "transfer", "delete_all"] as const;

/** Deletes a person, and asks what becomes of the objects. */
export function DeleteUserDialog({ user, onDeleted, onClose }: DeleteUserProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const [fate, setFate] = useState<Fate>("delete");
  const [heir, setHeir] = useState("");
  const users = useLoad(userOptions, "users");
  const heirs = (users.data ?? []).filter((option) => option.value !== user.user_id);
  return (
    <ActionDialog
      title={i.deleteUserTitle(user.username)}
      action={t.delete}
      isDangerous
      onAction={() => deleteUser(user.user_id, fate, heir).then(onDeleted)}
      onClose={onClose}
    >
      <p>{i.deleteUserText}</p>
      <fieldset className="field">
        <legend>{i.itsObjects}</legend>
        {FATES.map((each) => (
          <label className="check" key={each}>
            <input type="radio" name="fate" checked={fate === each} onChange={() => setFate(each)} />
            <span>
              {i[`fate_${each}`]}
              <small>{i[`fate_${each}_hint`]}</small>
            </span>
          </label>
        ))}
      </fieldset>
      {fate === "transfer" && <LoadState of={users} />}
      {fate === "transfer" && (
        <SelectField
          label={i.heir}
          required
          value={heir}
          options={[{ value: "", label: i.choose }, ...heirs]}
          onChange={setHeir}
        />
      )}
    </ActionDialog>
  );
}
