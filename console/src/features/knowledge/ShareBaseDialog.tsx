import { useEffect, useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useLoad } from "../../kit/use-load";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { SelectField } from "../../ui/TextField";
import { type ChosenGrantees, type Grantee, Grantees } from "../groups/Grantees";
import { type BaseInfo, type Grant, getGrants, setGrants } from "./api";

/** Who may read a base or change its documents beside its owner. */
export function ShareBaseDialog({ base, onClose }: { base: BaseInfo; onClose: () => void }) {
  const t = useTexts();
  const k = useKnowledgeTexts();
  const present = useLoad(() => getGrants(base.kdbId), base.kdbId);
  const [grants, setChosen] = useState<Grant[]>([]);
  const { data } = present;
  useEffect(() => {
    if (data !== null) setChosen(data);
  }, [data]);
  const choose = (chosen: ChosenGrantees, nameOf: (grantee: Grantee) => string) =>
    setChosen((old) => grantsOf(chosen, old, nameOf));
  const save = async () => {
    await setGrants(base.kdbId, grants);
  };
  return (
    <ActionDialog
      title={t.shareNamed(base.name)}
      action={t.save}
      isWide
      // Before the present state is known, saving would take everything away.
      isReady={data !== null}
      onAction={save}
      onClose={onClose}
    >
      <p className="muted">{k.shareBaseIntro}</p>
      <LoadState of={present} />
      {data !== null && (
        <Grantees ownerId={base.user_id} present={data} chosen={chosenOf(grants)} onChange={choose} />
      )}
      {grants.length > 0 && (
        <fieldset className="field">
          <legend>{k.rightsTitle}</legend>
          <div className="rights">
            {grants.map((grant) => (
              <SelectField
                key={`${grant.kind} ${grant.id}`}
                label={k.rightOf(grant.name || grant.id)}
                value={grant.permission}
                options={[
                  { value: "read", label: k.right_read },
                  { value: "write", label: k.right_write },
                ]}
                onChange={(permission) =>
                  setChosen((old) => old.map((each) => (each === grant ? withRight(each, permission) : each)))
                }
              />
            ))}
          </div>
        </fieldset>
      )}
    </ActionDialog>
  );
}

const withRight = (grant: Grant, permission: string): Grant => ({
  ...grant,
  permission: permission === "write" ? "write" : "read",
});

const chosenOf = (grants: Grant[]): ChosenGrantees => ({
  users: grants.filter(({ kind }) => kind === "user").map(({ id }) => id),
  groups: grants.filter(({ kind }) => kind === "group").map(({ id }) => id),
});

/** Whoever was there keeps the right; whoever is new may read. */
export function grantsOf(
  { users, groups }: ChosenGrantees,
  old: Grant[],
  nameOf: (grantee: Grantee) => string,
): Grant[] {
  const chosen: Grantee[] = [
    ...users.map((id): Grantee => ({ kind: "user", id })),
    ...groups.map((id): Grantee => ({ kind: "group", id })),
  ];
  return chosen.map(
    (grantee) =>
      old.find(({ kind, id }) => kind === grantee.kind && id === grantee.id) ?? {
        ...grantee,
        name: nameOf(grantee),
        permission: "read",
      },
  );
}
