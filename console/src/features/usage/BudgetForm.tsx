import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { useWorkshopTexts } from "../../texts/workshop";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { SelectField, TextField } from "../../ui/TextField";
import { listAgents } from "../agents/api";
import { groupOptions, type Option, userOptions } from "../groups/api";
import { type BudgetItem, PERIODS, type Scope, saveBudget } from "./api";
import { BudgetFields } from "./BudgetFields";
import { toBudget, toTexts } from "./ceilings";

interface BudgetFormProps {
  /** Null for a new one. */
  item: BudgetItem | null;
  onSaved: () => Promise<void>;
  onClose: () => void;
}

const SCOPES = ["server", "default_user", "user", "group", "agent"] as const satisfies Scope[];
const CURRENCY = /^[A-Z]{3}$/;

/** For whom, and how much; an empty field is no limit. */
export function BudgetForm({ item, onSaved, onClose }: BudgetFormProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const [scope, setScope] = useState<Scope>(item?.scope ?? "server");
  const [id, setId] = useState(item?.id ?? "all");
  const [texts, setTexts] = useState(() => toTexts(item?.budget ?? {}));
  const [currency, setCurrency] = useState(item?.budget.currency ?? "");
  const choose = (next: string) => {
    setScope(next as Scope);
    setId(next === "server" || next === "default_user" ? "all" : "");
  };
  const save = async () => {
    const code = currency.trim().toUpperCase();
    await saveBudget(scope, id, { ...toBudget(texts), ...(CURRENCY.test(code) && { currency: code }) });
    await onSaved();
  };
  return (
    <ActionDialog
      title={item === null ? w.newBudget : w.editBudget}
      action={t.save}
      isWide
      isReady={id !== ""}
      onAction={save}
      onClose={onClose}
    >
      {item === null && (
        <SelectField
          label={w.budgetFor}
          value={scope}
          options={SCOPES.map((value) => ({ value, label: w[`scope_${value}`] }))}
          onChange={choose}
        />
      )}
      {item === null && id !== "all" && <TargetField key={scope} scope={scope} value={id} onChange={setId} />}
      {item !== null && <p className="muted">{item.label || w[`scope_${item.scope}`]}</p>}
      <BudgetFields periods={periodsOf(scope)} texts={texts} onChange={setTexts} />
      <TextField label={w.currency} maxLength={3} placeholder="USD" value={currency} onChange={setCurrency} />
    </ActionDialog>
  );
}

/** The budget of an agent has no members of conversation and month (platform.md 14.3). */
const periodsOf = (scope: Scope) =>
  scope === "agent" ? PERIODS.filter((period) => period === "run" || period === "day") : PERIODS;

interface TargetProps {
  scope: Scope;
  value: string;
  onChange: (id: string) => void;
}

function TargetField({ scope, value, onChange }: TargetProps) {
  const i = useIdentityTexts();
  const w = useWorkshopTexts();
  const targets = useLoad(() => targetsOf(scope), scope);
  const label = scope === "user" ? w.person : scope === "group" ? w.group : w.agent;
  return (
    <>
      <LoadState of={targets} />
      {targets.data !== null && (
        <SelectField
          label={label}
          required
          value={value}
          options={[{ value: "", label: i.choose }, ...targets.data]}
          onChange={onChange}
        />
      )}
    </>
  );
}

async function targetsOf(scope: Scope): Promise<Option[]> {
  if (scope === "user") return userOptions("");
  if (scope === "group") return groupOptions("");
  return (await listAgents()).map(({ id, name }) => ({ value: id, label: name }));
}
