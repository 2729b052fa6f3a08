import { useTexts } from "../../kit/i18n";
import { useWorkshopTexts } from "../../texts/workshop";
import { FormSection } from "../../ui/FormSection";
import { LoadState } from "../../ui/LoadState";
import { Check, TextField } from "../../ui/TextField";
import {
  ContextFields,
  KnowledgeFields,
  ModelFields,
  SafetyFields,
  SkillFields,
  TeamFields,
} from "./FieldGroups";
import type { AgentFormValues } from "./form-values";
import { PromptField } from "./PromptField";
import { ToolChoice } from "./ToolChoice";
import { useFormChoices } from "./use-form-choices";

interface FieldsProps {
  values: AgentFormValues;
  agentId: string | null;
  ownerId: string;
  onChange: (values: AgentFormValues) => void;
}

/** The form of an agent: what nearly everybody fills in first, the rest in parts to unfold. */
export function AgentFields({ values, agentId, ownerId, onChange }: FieldsProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const choices = useFormChoices(ownerId);
  const set = (part: Partial<AgentFormValues>) => onChange({ ...values, ...part });
  const group = { values, set, choices, agentId };
  const model = choices.providers.find(({ id }) => id === values.llm_provider_id)?.name ?? t.defaultModel;
  const memory = values.memoryType === "user" ? w.memory_user : w.memory_session;
  const mode = modeText(w, values.agentMode);
  return (
    <>
      <TextField
        label={t.name}
        required
        maxLength={100}
        value={values.name}
        onChange={(name) => set({ name })}
      />
      <TextField
        label={t.description}
        maxLength={2000}
        value={values.description}
        onChange={(description) => set({ description })}
      />
      <PromptField value={values.systemPrefix} onChange={(systemPrefix) => set({ systemPrefix })} />
      <Check
        label={t.moreSuggest}
        isChecked={values.moreSuggest}
        onChange={(moreSuggest) => set({ moreSuggest })}
      />
      <Check
        label={w.asDefault}
        isChecked={values.is_default}
        onChange={(is_default) => set({ is_default })}
      />
      {choices.failed.error !== null && <LoadState of={choices.failed} />}
      <div>
        <FormSection title={w.sectionModel} state={model}>
          <ModelFields {...group} />
        </FormSection>
        <FormSection title={w.sectionTools} state={t.toolCount(values.availableTools.length)} isOpen>
          <ToolChoice
            tools={choices.tools}
            chosen={values.availableTools}
            onChange={(availableTools) => set({ availableTools })}
          />
          <SkillFields {...group} />
        </FormSection>
        <FormSection title={w.sectionKnowledge} state={memory}>
          <KnowledgeFields {...group} />
        </FormSection>
        <FormSection title={w.sectionTeam} state={mode}>
          <TeamFields {...group} />
        </FormSection>
        <FormSection title={w.sectionSafety} state={w[`approval_${approvalOf(values)}`]}>
          <SafetyFields {...group} />
        </FormSection>
        <FormSection title={w.sectionContext}>
          <ContextFields {...group} />
        </FormSection>
      </div>
    </>
  );
}

const approvalOf = ({ toolApprovalMode }: AgentFormValues): "auto" | "risky" | "always" =>
  toolApprovalMode === "risky" || toolApprovalMode === "always" ? toolApprovalMode : "auto";

function modeText(w: ReturnType<typeof useWorkshopTexts>, mode: string): string {
  const known = { simple: w.mode_simple, multi: w.mode_multi, fibre: w.mode_fibre, team: w.mode_team };
  return known[mode as keyof typeof known] ?? mode;
}
