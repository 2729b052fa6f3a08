/** The parts of the form of an agent that can be folded. */
import { useTexts } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { useWorkshopTexts } from "../../texts/workshop";
import { AreaField } from "../../ui/AreaField";
import { type Choice, ChoiceList } from "../../ui/ChoiceList";
import { Check, SelectField, TextField } from "../../ui/TextField";
import { type AgentFormValues, BUDGET_KEYS, CONTEXT_KEYS } from "./form-values";
import type { FormChoices } from "./use-form-choices";
import { WorkflowFields } from "./WorkflowFields";

interface GroupProps {
  values: AgentFormValues;
  set: (part: Partial<AgentFormValues>) => void;
  choices: FormChoices;
  agentId: string | null;
}

const LEVELS = ["minimal", "low", "medium", "high", "xhigh", "max"] as const;

export function ModelFields({ values, set, choices }: GroupProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const models = choices.providers.map(({ id, name }) => ({ value: id, label: name }));
  return (
    <>
      <div className="field-row">
        <SelectField
          label={t.model}
          value={values.llm_provider_id}
          options={[{ value: "", label: t.defaultModel }, ...withLost(models, values.llm_provider_id)]}
          onChange={(llm_provider_id) => set({ llm_provider_id })}
        />
        <SelectField
          label={w.smallModel}
          hint={w.smallModelHint}
          value={values.fast_llm_provider_id}
          options={[{ value: "", label: w.sameModel }, ...withLost(models, values.fast_llm_provider_id)]}
          onChange={(fast_llm_provider_id) => set({ fast_llm_provider_id })}
        />
      </div>
      <div className="field-row">
        <SelectField
          label={t.deepThinking}
          value={values.deepThinking}
          options={[
            { value: "model", label: t.thinkingByModel },
            { value: "on", label: t.on },
            { value: "off", label: t.off },
          ]}
          onChange={(value) => set({ deepThinking: value as AgentFormValues["deepThinking"] })}
        />
        {values.deepThinking !== "off" && (
          <SelectField
            label={w.thinkingLevel}
            value={values.thinkingLevel}
            options={[
              { value: "", label: w.think_default },
              ...LEVELS.map((level) => ({ value: level, label: w[`think_${level}`] })),
            ]}
            onChange={(thinkingLevel) => set({ thinkingLevel })}
          />
        )}
      </div>
      <Check
        label={w.seesImages}
        isChecked={values.enableMultimodal}
        onChange={(enableMultimodal) => set({ enableMultimodal })}
      />
    </>
  );
}

export function SkillFields({ values, set, choices }: GroupProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const byName = new Map((choices.skills ?? []).map((skill) => [skill.name, skill]));
  const known = [...byName.values()].map(({ name, description, state }) => ({
    value: name,
    label: state === "approved" ? name : `${name} (${w[`state_${state}`]})`,
    detail: description,
  }));
  return (
    <>
      {(choices.skills !== null || values.availableSkills.length > 0) && (
        <ChoiceList
          label={t.skills}
          choices={withLost(known, ...values.availableSkills)}
          chosen={values.availableSkills}
          onChange={(availableSkills) => set({ availableSkills })}
          emptyText={w.noSkillsYet}
        />
      )}
      <WorkflowFields workflows={values.workflows} onChange={(workflows) => set({ workflows })} />
    </>
  );
}

export function KnowledgeFields({ values, set, choices }: GroupProps) {
  const w = useWorkshopTexts();
  const bases = (choices.bases ?? []).map(({ id, name, intro }) => ({
    value: id,
    label: name,
    detail: intro ?? undefined,
  }));
  return (
    <>
      {(choices.bases !== null || values.availableKnowledgeBases.length > 0) && (
        <ChoiceList
          label={w.knowledgeBases}
          choices={withLost(bases, ...values.availableKnowledgeBases)}
          chosen={values.availableKnowledgeBases}
          onChange={(availableKnowledgeBases) => set({ availableKnowledgeBases })}
          emptyText={w.noKnowledge}
        />
      )}
      <a className="button quiet small fit" href={hrefOf({ page: "knowledge", kdbId: null })}>
        {w.manageKnowledge}
      </a>
      <SelectField
        label={w.memoryType}
        value={values.memoryType}
        options={[
          { value: "session", label: w.memory_session },
          { value: "user", label: w.memory_user },
        ]}
        onChange={(memoryType) => set({ memoryType })}
      />
    </>
  );
}

export function TeamFields({ values, set, choices, agentId }: GroupProps) {
  const w = useWorkshopTexts();
  const modes = [
    { value: "simple", label: w.mode_simple },
    { value: "multi", label: w.mode_multi },
    { value: "fibre", label: w.mode_fibre },
    { value: "team", label: w.mode_team },
  ];
  const others = choices.agents
    .filter(({ id }) => id !== agentId)
    .map(({ id, name, description }) => ({ value: id, label: name, detail: description }));
  const canDelegate = values.agentMode === "fibre" || values.agentMode === "team";
  return (
    <>
      <SelectField
        label={w.mode}
        value={values.agentMode}
        options={withLost(modes, values.agentMode)}
        onChange={(agentMode) => set({ agentMode })}
      />
      {canDelegate && (
        <SelectField
          label={w.subAgents}
          value={values.subAgentSelectionMode}
          options={[
            { value: "manual", label: w.subAgentsManual },
            { value: "auto", label: w.subAgentsAuto },
          ]}
          onChange={(subAgentSelectionMode) => set({ subAgentSelectionMode })}
        />
      )}
      {canDelegate && values.subAgentSelectionMode !== "auto" && (
        <ChoiceList
          label={w.chosenAgents}
          choices={withLost(others, ...values.availableSubAgentIds)}
          chosen={values.availableSubAgentIds}
          onChange={(availableSubAgentIds) => set({ availableSubAgentIds })}
          emptyText={w.noOtherAgents}
        />
      )}
    </>
  );
}

export function SafetyFields({ values, set }: GroupProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  return (
    <>
      <div className="field-row">
        <SelectField
          label={w.approvalMode}
          value={values.toolApprovalMode}
          options={(["auto", "risky", "always"] as const).map((value) => ({
            value,
            label: w[`approval_${value}`],
          }))}
          onChange={(toolApprovalMode) => set({ toolApprovalMode })}
        />
        <TextField
          label={t.maxRounds}
          type="number"
          min={1}
          max={200}
          value={values.maxLoopCount}
          onChange={(maxLoopCount) => set({ maxLoopCount })}
        />
      </div>
      <div className="field-row">
        <AreaField
          label={w.deniedCommands}
          hint={w.deniedCommandsHint}
          value={values.deny}
          onChange={(deny) => set({ deny })}
        />
        <AreaField
          label={w.egress}
          hint={w.egressHint}
          value={values.egress}
          onChange={(egress) => set({ egress })}
        />
      </div>
      <fieldset className="field">
        <legend>{w.budget}</legend>
        <div className="field-row">
          {BUDGET_KEYS.map((key) => (
            <TextField
              key={key}
              label={budgetLabel(w, key)}
              type="number"
              min={0}
              step={key.startsWith("cost") ? "any" : 1}
              placeholder={w.noCeiling}
              value={values.budget[key]}
              onChange={(text) => set({ budget: { ...values.budget, [key]: text } })}
            />
          ))}
        </div>
      </fieldset>
    </>
  );
}

export function ContextFields({ values, set }: GroupProps) {
  const w = useWorkshopTexts();
  return (
    <>
      <AreaField
        label={w.contextKeys}
        hint={w.contextKeysHint}
        placeholder="team = Sales"
        value={values.contextFacts}
        onChange={(contextFacts) => set({ contextFacts })}
      />
      <fieldset className="field">
        <legend>{w.contextBudget}</legend>
        <div className="field-row">
          {CONTEXT_KEYS.map((key) => {
            const isShare = key.endsWith("ratio") || key === "compression_threshold";
            return (
              <TextField
                key={key}
                label={w[`ctx_${key}`]}
                type="number"
                min={0}
                max={isShare ? 1 : undefined}
                step={isShare ? 0.05 : 1}
                placeholder={w.byServer}
                value={values.contextBudget[key]}
                onChange={(text) => set({ contextBudget: { ...values.contextBudget, [key]: text } })}
              />
            );
          })}
        </div>
      </fieldset>
    </>
  );
}

function budgetLabel(w: ReturnType<typeof useWorkshopTexts>, key: (typeof BUDGET_KEYS)[number]): string {
  const [unit, , period] = key.split("_") as ["tokens" | "cost", "per", "run" | "day"];
  return `${w[unit]}, ${w[`period_${period}`].toLowerCase()}`;
}

/** The choices, and those that are chosen although they are not to be seen any more. */
function withLost(choices: Choice[], ...chosen: string[]): Choice[] {
  const known = new Set(choices.map(({ value }) => value));
  const lost = chosen.filter((value) => value !== "" && !known.has(value));
  return [...choices, ...lost.map((value) => ({ value, label: value }))];
}
