import { useTexts } from "../../kit/i18n";
import { useWorkshopTexts } from "../../texts/workshop";
import { AreaField } from "../../ui/AreaField";
import { Icon } from "../../ui/Icon";
import { IconAction } from "../../ui/Rows";
import { TextField } from "../../ui/TextField";
import { emptyWorkflow, type WorkflowValues } from "./form-values";

interface WorkflowFieldsProps {
  workflows: WorkflowValues[];
  onChange: (workflows: WorkflowValues[]) => void;
}

const MOST_WORKFLOWS = 50;

/** Named lists of steps. */
export function WorkflowFields({ workflows, onChange }: WorkflowFieldsProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const change = (key: number, part: Partial<WorkflowValues>) =>
    onChange(workflows.map((each) => (each.key === key ? { ...each, ...part } : each)));
  return (
    <fieldset className="field">
      <legend>{w.workflows}</legend>
      <p className="hint">{w.workflowsHint}</p>
      {workflows.map(({ key, name, steps }) => (
        <div className="workflow" key={key}>
          <div className="field-with-action">
            <TextField
              label={w.workflowName}
              required
              maxLength={100}
              value={name}
              onChange={(text) => change(key, { name: text })}
            />
            <IconAction
              icon="trash"
              label={w.removeNamed(name || t.name)}
              onClick={() => onChange(workflows.filter((each) => each.key !== key))}
            />
          </div>
          <AreaField label={w.steps} value={steps} onChange={(text) => change(key, { steps: text })} />
        </div>
      ))}
      {workflows.length < MOST_WORKFLOWS && (
        <button
          type="button"
          className="button small fit"
          onClick={() => onChange([...workflows, emptyWorkflow()])}
        >
          <Icon name="plus" size={15} />
          {w.addWorkflow}
        </button>
      )}
    </fieldset>
  );
}
