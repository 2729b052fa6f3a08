import { useTexts } from "../../kit/i18n";
import { useRuntimeTexts } from "../../texts/runtime";
import { Field } from "../../ui/Field";
import type { Provider } from "../llm_providers/api";
import type { AgentFormValues } from "./AgentForm";
import { FOUNDATION_TOOLS, toolTitle } from "./tools";

interface FieldsProps {
  values: AgentFormValues;
  providers: Provider[];
  onChange: (values: AgentFormValues) => void;
}

export function AgentFields({ values, providers, onChange }: FieldsProps) {
  const t = useTexts();
  const set = (part: Partial<AgentFormValues>) => onChange({ ...values, ...part });
  return (
    <>
      <Field label={t.name}>
        {(ids) => (
          <input
            {...ids}
            required
            maxLength={100}
            value={values.name}
            onChange={(event) => set({ name: event.target.value })}
          />
        )}
      </Field>
      <Field label={t.description}>
        {(ids) => (
          <input
            {...ids}
            maxLength={2000}
            value={values.description}
            onChange={(event) => set({ description: event.target.value })}
          />
        )}
      </Field>
      <Field label={t.instructions} hint={t.instructionsHint}>
        {(ids) => (
          <textarea
            {...ids}
            rows={7}
            value={values.systemPrefix}
            onChange={(event) => set({ systemPrefix: event.target.value })}
          />
        )}
      </Field>
      <ToolChoice chosen={values.availableTools} onChange={(availableTools) => set({ availableTools })} />
      <div className="field-row">
        <Field label={t.model}>
          {(ids) => (
            <select
              {...ids}
              value={values.llm_provider_id}
              onChange={(event) => set({ llm_provider_id: event.target.value })}
            >
              <option value="">{t.defaultModel}</option>
              {providers.map((provider) => (
                <option key={provider.id} value={provider.id}>
                  {provider.name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={t.deepThinking}>
          {(ids) => (
            <select
              {...ids}
              value={values.deepThinking}
              onChange={(event) =>
                set({ deepThinking: event.target.value as AgentFormValues["deepThinking"] })
              }
            >
              <option value="model">{t.thinkingByModel}</option>
              <option value="on">{t.on}</option>
              <option value="off">{t.off}</option>
            </select>
          )}
        </Field>
        <Field label={t.maxRounds}>
          {(ids) => (
            <input
              {...ids}
              type="number"
              min={1}
              max={200}
              value={values.maxLoopCount}
              onChange={(event) => set({ maxLoopCount: event.target.value })}
            />
          )}
        </Field>
      </div>
      <label className="check">
        <input
          type="checkbox"
          checked={values.moreSuggest}
          onChange={(event) => set({ moreSuggest: event.target.checked })}
        />
        <span>{t.moreSuggest}</span>
      </label>
    </>
  );
}

function ToolChoice({ chosen, onChange }: { chosen: string[]; onChange: (tools: string[]) => void }) {
  const t = useTexts();
  const r = useRuntimeTexts();
  const names: string[] = [...FOUNDATION_TOOLS];
  // Tools of other kinds that the agent already has stay visible and can be taken away.
  const all = [...names, ...chosen.filter((name) => !names.includes(name))];
  const toggle = (name: string, isOn: boolean) =>
    onChange(isOn ? [...chosen, name] : chosen.filter((other) => other !== name));
  return (
    <fieldset className="field">
      <legend>{t.tools}</legend>
      <div className="tool-choice">
        {all.map((name) => (
          <label key={name} className="check">
            <input
              type="checkbox"
              checked={chosen.includes(name)}
              onChange={(event) => toggle(name, event.target.checked)}
            />
            <span>
              {toolTitle(r, name)}
              <code>{name}</code>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
