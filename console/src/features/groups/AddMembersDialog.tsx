import { useState } from "react";
import { useIdentityTexts } from "../../texts/identity";
import { ChoiceList } from "../../ui/ChoiceList";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { Check } from "../../ui/TextField";
import { addMembers, type Group, type Member, userOptions } from "./api";
import { useOptions } from "./use-options";

interface AddMembersProps {
  group: Group & { members: Member[] };
  /** Only administrators name managers. */
  mayName: boolean;
  onAdded: () => Promise<void>;
  onClose: () => void;
}

export function AddMembersDialog({ group, mayName, onAdded, onClose }: AddMembersProps) {
  const i = useIdentityTexts();
  const users = useOptions(userOptions);
  const [chosen, setChosen] = useState<string[]>([]);
  const [isManager, setManager] = useState(false);
  const present = new Set(group.members.map((member) => member.user_id));
  const add = async () => {
    if (chosen.length > 0) await addMembers(group.id, chosen, isManager ? "manager" : undefined);
    await onAdded();
  };
  return (
    <ActionDialog title={i.addMembers} action={i.addMembers} isWide onAction={add} onClose={onClose}>
      <LoadState of={users.loaded} />
      {users.loaded.data !== null && (
        <ChoiceList
          label={i.people}
          choices={users.known.filter((user) => !present.has(user.value))}
          chosen={chosen}
          onChange={setChosen}
          onFilter={users.onFilter}
          emptyText={i.nobodyElse}
        />
      )}
      {mayName && (
        <Check label={i.asManagers} detail={i.managersHint} isChecked={isManager} onChange={setManager} />
      )}
    </ActionDialog>
  );
}
