import { useIdentityTexts } from "../../texts/identity";
import { type Choice, ChoiceList } from "../../ui/ChoiceList";
import { LoadState } from "../../ui/LoadState";
import { groupOptions, type Option, userOptions } from "./api";
import { useOptions } from "./use-options";

/** Somebody who has a right to a thing already. */
export interface Grantee {
  kind: "user" | "group";
  id: string;
  name?: string;
}

export interface ChosenGrantees {
  users: string[];
  groups: string[];
}

interface GranteesProps {
  /** Whom the thing belongs to: nobody grants it to them. */
  ownerId: string;
  present: Grantee[];
  chosen: ChosenGrantees;
  /** `nameOf` tells what somebody is called who was chosen or was there before. */
  onChange: (chosen: ChosenGrantees, nameOf: (grantee: Grantee) => string) => void;
}

/** A choice of people and groups for sharing something. */
export function Grantees({ ownerId, present, chosen, onChange }: GranteesProps) {
  const i = useIdentityTexts();
  const people = useOptions(userOptions);
  const circles = useOptions(groupOptions);
  const users = choicesOf(people.known, present, "user").filter(({ value }) => value !== ownerId);
  const groups = choicesOf(circles.known, present, "group");
  const nameOf = ({ kind, id }: Grantee) =>
    (kind === "user" ? users : groups).find(({ value }) => value === id)?.label ?? id;
  const change = (part: Partial<ChosenGrantees>) => onChange({ ...chosen, ...part }, nameOf);
  return (
    <>
      <LoadState of={people.loaded} />
      <ChoiceList
        label={i.people}
        choices={users}
        chosen={chosen.users}
        onChange={(ids) => change({ users: ids })}
        onFilter={people.onFilter}
        emptyText={i.nobodyElse}
      />
      <ChoiceList
        label={i.groups}
        choices={groups}
        chosen={chosen.groups}
        onChange={(ids) => change({ groups: ids })}
        onFilter={circles.onFilter}
        emptyText={i.noGroups}
      />
    </>
  );
}

/** Those one may choose, and those who have a grant although the directory does not show them. */
function choicesOf(options: Option[], present: Grantee[], kind: Grantee["kind"]): Choice[] {
  const hidden = present.filter(
    (grantee) => grantee.kind === kind && !options.some((option) => option.value === grantee.id),
  );
  return [...options, ...hidden.map(({ id, name }) => ({ value: id, label: name || id }))];
}
