import { useTexts } from "../../kit/i18n";
import { goTo } from "../../kit/route";
import { useStore } from "../../kit/store";
import { Icon } from "../../ui/Icon";
import { Menu } from "../../ui/Menu";
import { agentStore, chooseAgent, chosenAgent } from "./agent-store";

/** Which agent answers the next message. */
export function AgentPicker() {
  const t = useTexts();
  const state = useStore(agentStore);
  const chosen = chosenAgent(state);
  const choices = (state.agents ?? []).map((agent) => ({
    label: agent.name,
    detail: agent.access === "builtin" ? t.builtinAgent : agent.description,
    isChecked: agent.id === chosen?.id,
    onSelect: () => chooseAgent(agent.id),
  }));
  const manage = {
    label: t.manageAgents,
    icon: "agent" as const,
    onSelect: () => goTo({ page: "agents", agentId: null }),
  };
  return (
    <Menu
      label={t.chooseAgent}
      triggerClass="picker"
      align="start"
      trigger={
        <>
          <span className="picker-name">{chosen?.name ?? "…"}</span>
          <Icon name="chevron" size={15} />
        </>
      }
      entries={[...choices, manage]}
    />
  );
}
