import { useState } from "react";
import { useLoad } from "../../kit/use-load";
import { useWorkshopTexts } from "../../texts/workshop";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { SelectField } from "../../ui/TextField";
import { listAgents } from "../agents/api";
import { copyToAgent, type Skill } from "./api";

interface CopyDialogProps {
  skill: Skill;
  onDone: (said: string) => void;
  onClose: () => void;
}

/** Gives one agent a copy of its own, which later changes of the skill do not reach. */
export function CopyDialog({ skill, onDone, onClose }: CopyDialogProps) {
  const w = useWorkshopTexts();
  const agents = useLoad(listAgents, "agents");
  const [agentId, setAgentId] = useState("");
  const changeable = (agents.data ?? []).filter(({ access }) => access === "owner" || access === "admin");
  const chosen = changeable.find(({ id }) => id === agentId) ?? changeable[0];
  const copy = async () => {
    if (chosen === undefined) return;
    await copyToAgent(skill, chosen.id);
    onDone(w.copiedToAgent(chosen.name));
  };
  return (
    <ActionDialog
      title={w.copyToAgent}
      action={w.copyAction}
      isReady={chosen !== undefined}
      onAction={copy}
      onClose={onClose}
    >
      <LoadState of={agents} />
      {agents.data !== null && changeable.length === 0 && <p className="muted">{w.noOtherAgents}</p>}
      {chosen !== undefined && (
        <SelectField
          label={w.agent}
          value={chosen.id}
          options={changeable.map(({ id, name }) => ({ value: id, label: name }))}
          onChange={setAgentId}
        />
      )}
    </ActionDialog>
  );
}
