import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useStore } from "../../kit/store";
import { useScheduleTexts } from "../../texts/schedules";
import { AreaField } from "../../ui/AreaField";
import { ActionDialog } from "../../ui/Dialog";
import { FormSection } from "../../ui/FormSection";
import { SelectField, TextField } from "../../ui/TextField";
import { agentStore, chosenAgent } from "../agents/agent-store";
import {
  addTask,
  changeTask,
  LONGEST_MESSAGE,
  LONGEST_NAME,
  type Missed,
  type Overlap,
  type SessionMode,
  type Task,
} from "./api";
import { CadenceFields } from "./CadenceFields";
import { browserZone, scheduleOf } from "./cadence";
import { NextTimes } from "./NextTimes";
import { changesOf, draftOf, newValues, type TaskValues, valuesOf } from "./task-values";

interface TaskFormProps {
  /** Null for a new one. */
  task: Task | null;
  onSaved: () => Promise<void>;
  onClose: () => void;
}

/** A new task, or the values of one. What was typed stays when the server refuses it, and Escape does not lose it. */
export function TaskForm({ task, onSaved, onClose }: TaskFormProps) {
  const t = useTexts();
  const s = useScheduleTexts();
  const [before] = useState(() =>
    task === null
      ? newValues(chosenAgent(agentStore.get())?.id ?? "", browserZone(), new Date())
      : valuesOf(task, new Date()),
  );
  const [values, setValues] = useState(before);
  const change = (part: Partial<TaskValues>) => setValues((old) => ({ ...old, ...part }));
  const schedule = scheduleOf(values.cadence);
  const save = async () => {
    if (task === null) await addTask(draftOf(values));
    else await changeTask(task.task_id, changesOf(values, before));
    await onSaved();
  };
  return (
    <ActionDialog
      title={task === null ? s.newTask : s.editTask}
      action={task === null ? s.createTask : t.save}
      isWide
      isSticky={Object.keys(changesOf(values, before)).length > 0}
      isReady={
        values.name.trim() !== "" &&
        values.description.trim() !== "" &&
        values.agentId !== "" &&
        schedule !== ""
      }
      onAction={save}
      onClose={onClose}
    >
      <TextField
        label={t.name}
        required
        maxLength={LONGEST_NAME}
        value={values.name}
        onChange={(name) => change({ name })}
      />
      <AreaField
        label={s.message}
        hint={s.messageHint}
        rows={4}
        required
        maxLength={LONGEST_MESSAGE}
        value={values.description}
        onChange={(description) => change({ description })}
      />
      <AgentField agentId={values.agentId} onChange={(agentId) => change({ agentId })} />
      <CadenceFields
        cadence={values.cadence}
        onChange={(part) => change({ cadence: { ...values.cadence, ...part } })}
      >
        <ZoneField zone={values.timezone} onChange={(timezone) => change({ timezone })} />
      </CadenceFields>
      <NextTimes schedule={schedule} timezone={values.timezone.trim()} />
      <FormSection title={s.more}>
        <FurtherFields values={values} onChange={change} />
      </FormSection>
    </ActionDialog>
  );
}

function AgentField({ agentId, onChange }: { agentId: string; onChange: (id: string) => void }) {
  const s = useScheduleTexts();
  const { agents } = useStore(agentStore);
  const known = (agents ?? []).map(({ id, name }) => ({ value: id, label: name }));
  // The agent of a task may not be seen any more; it stays until another one is chosen.
  const isKnown = known.some(({ value }) => value === agentId);
  const options = isKnown ? known : [{ value: agentId, label: agentId }, ...known];
  return <SelectField label={s.agent} required value={agentId} options={options} onChange={onChange} />;
}

const zones = (): string[] => Intl.supportedValuesOf?.("timeZone") ?? [];

function ZoneField({ zone, onChange }: { zone: string; onChange: (zone: string) => void }) {
  const s = useScheduleTexts();
  const [offered] = useState(zones);
  return (
    <>
      <TextField
        label={s.timezone}
        required
        maxLength={64}
        list="task-zones"
        placeholder="Asia/Shanghai"
        spellCheck={false}
        autoComplete="off"
        value={zone}
        onChange={onChange}
      />
      <datalist id="task-zones">
        {["UTC", ...offered].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}

interface FurtherProps {
  values: TaskValues;
  onChange: (part: Partial<TaskValues>) => void;
}

const SESSION_MODES: SessionMode[] = ["new", "same"];
const MISSED: Missed[] = ["run_once", "skip"];
const OVERLAPS: Overlap[] = ["skip", "queue"];

function FurtherFields({ values, onChange }: FurtherProps) {
  const s = useScheduleTexts();
  return (
    <div className="field-row">
      <SelectField
        label={s.sessionMode}
        value={values.sessionMode}
        options={SESSION_MODES.map((value) => ({ value, label: s[`session_${value}`] }))}
        onChange={(sessionMode) => onChange({ sessionMode: sessionMode as SessionMode })}
      />
      <SelectField
        label={s.retries}
        value={values.maxRetries}
        options={["0", "1", "2", "3", "4", "5"].map((value) => ({ value, label: value }))}
        onChange={(maxRetries) => onChange({ maxRetries })}
      />
      <SelectField
        label={s.missed}
        value={values.missed}
        options={MISSED.map((value) => ({ value, label: s[`missed_${value}`] }))}
        onChange={(missed) => onChange({ missed: missed as Missed })}
      />
      <SelectField
        label={s.overlap}
        value={values.overlap}
        options={OVERLAPS.map((value) => ({ value, label: s[`overlap_${value}`] }))}
        onChange={(overlap) => onChange({ overlap: overlap as Overlap })}
      />
    </div>
  );
}
