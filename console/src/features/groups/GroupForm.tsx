import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useIdentityTexts } from "../../texts/identity";
import { AreaField } from "../../ui/AreaField";
import { ActionDialog } from "../../ui/Dialog";
import { TextField } from "../../ui/TextField";
import { createGroup, type Group, updateGroup } from "./api";

interface GroupFormProps {
  group: Group | null;
  /** Managers describe their group, administrators name it as well. */
  mayRename: boolean;
  onSaved: (group: Group) => Promise<void>;
  onClose: () => void;
}

export function GroupForm({ group, mayRename, onSaved, onClose }: GroupFormProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const [name, setName] = useState(group?.name ?? "");
  const [description, setDescription] = useState(group?.description ?? "");
  const save = async () => {
    const fields = { name: name.trim(), description: description.trim() };
    if (group === null) await onSaved(await createGroup(fields));
    else await onSaved(await updateGroup(group.id, mayRename ? fields : { description: fields.description }));
  };
  return (
    <ActionDialog
      title={group === null ? i.newGroup : i.editGroup}
      action={group === null ? i.createGroup : t.save}
      onAction={save}
      onClose={onClose}
    >
      {mayRename && <TextField label={t.name} required maxLength={64} value={name} onChange={setName} />}
      <AreaField label={t.description} maxLength={500} value={description} onChange={setDescription} />
    </ActionDialog>
  );
}
