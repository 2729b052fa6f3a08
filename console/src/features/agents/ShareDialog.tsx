import { useEffect, useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { type ChosenGrantees, Grantees } from "../groups/Grantees";
import { type Agent, getAgentGrants, shareAgent } from "./api";

/** Who may use an agent beside its owner: people and groups. */
export function ShareDialog({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const t = useTexts();
  const i = useIdentityTexts();
  const grants = useLoad(() => getAgentGrants(agent.id), agent.id);
  const [chosen, setChosen] = useState<ChosenGrantees>({ users: [], groups: [] });
  const { data } = grants;
  useEffect(() => {
    if (data !== null) setChosen({ users: data.user_ids, groups: data.group_ids });
  }, [data]);
  const save = async () => {
    await shareAgent(agent.id, chosen.users, chosen.groups);
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
      {data !== null && (
        <Grantees
          ownerId={agent.user_id}
          present={data.grants}
          chosen={chosen}
          onChange={(next) => setChosen(next)}
        />
      )}
    </ActionDialog>
  );
}
