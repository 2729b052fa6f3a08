import { type Loaded, useLoad } from "../../kit/use-load";
import { allBases, type Base } from "../knowledge/api";
import { listProviders, type Provider } from "../llm_providers/api";
import { listSkills, type Skill } from "../skills/api";
import { listTools, type Tool } from "../toolbox/api";
import { type Agent, listAgents } from "./api";

export interface FormChoices {
  providers: Provider[];
  /** Null until they are known, and where the server has no such list. */
  tools: Tool[] | null;
  skills: Skill[] | null;
  bases: Base[] | null;
  agents: Agent[];
  failed: Loaded<unknown>;
}

/**
 * Everything an agent of this owner can be made of. A list that a server does not have leaves out its field, and no
 * more. Administrators see everybody's servers of tools; an agent gets those of its owner.
 */
export function useFormChoices(ownerId: string): FormChoices {
  const providers = useLoad(listProviders, "providers");
  const tools = useLoad(listTools, "tools");
  const skills = useLoad(listSkills, "skills");
  const bases = useLoad(allBases, "bases");
  const agents = useLoad(listAgents, "agents");
  return {
    providers: providers.data ?? [],
    tools: tools.data?.filter(({ user_id }) => !user_id || user_id === ownerId) ?? null,
    skills: skills.data,
    bases: bases.data,
    agents: agents.data ?? [],
    failed: providers,
  };
}
