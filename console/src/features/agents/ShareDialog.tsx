import { useEffect, useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { type Choice, ChoiceList } from "../../ui/ChoiceList";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { groupOptions, type Option, userOptions } from "../groups/api";
import { useOptions } from "../groups/use-options";
import { type Agent, type AgentGrants, getAgentGrants, shareAgent } from "./api";

/** Who may use an agent beside its owner: people and groups. */
export function ShareDialog({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const t = useTexts();
  const i = useIdentityTexts();
  const grants = useLoad(() => getAgentGrants(agent.id), agent.id);
  const people = useOptions(userOptions);
  const circles = useOptions(groupOptions);
  const [users, setUsers] = useState<string[]>([]);
  const [groups, setGroups] = useState<string[]>([]);
  const { data } = grants;
  useEffect(() => {
    if (data === null) return;
    setUsers(data.user_ids);
    setGroups(data.group_ids);
  }, [data]);
  const save = async () => {
    await shareAgent(agent.id, users, groups);
  };
  return (
    <ActionDialog
      title={t.shareNamed(agent.name)}
      action={t.save}
      isWide
      // Before the present state is known, saving would take everything away.
      isReady={data !== null}
      onAction={save}
      onClose={onClose}
    >
      <p className="muted">{i.shareIntro}</p>
      <LoadState of={grants} />
      {data !== null && <LoadState of={people.loaded} />}
      {data !== null && (
        <>
          <ChoiceList
            label={i.people}
            choices={choicesOf(people.known, data, "user").filter(({ value }) => value !== agent.user_id)}
            chosen={users}
            onChange={setUsers}
            onFilter={people.onFilter}
            emptyText={i.nobodyElse}
          />
          <ChoiceList
            label={i.groups}
            choices={choicesOf(circles.known, data, "group")}
            chosen={groups}
            onChange={setGroups}
            onFilter={circles.onFilter}
            emptyText={i.noGroups}
          />
        </>
      )}
    </ActionDialog>
  );
}

/** Those one may choose, and those who have a grant although the directory does not show them. */
function choicesOf(options: Option[], { grants }: AgentGrants, kind: "user" | "group"): Choice[] {
  const hidden = grants.filter(
    (grant) => grant.kind === kind && !options.some((option) => option.value === grant.id),
  );
  return [...options, ...hidden.map((grant) => ({ value: grant.id, label: grant.name || grant.id }))];
}
