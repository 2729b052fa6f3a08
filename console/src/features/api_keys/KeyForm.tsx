import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { fromLines, toLines } from "../../kit/lines";
import { dayOf, endOfDay } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { AreaField } from "../../ui/AreaField";
import { type Choice, ChoiceList } from "../../ui/ChoiceList";
import { ActionDialog } from "../../ui/Dialog";
import { Check, TextField } from "../../ui/TextField";
import { listAgents } from "../agents/api";
import { type Budget, PERIODS } from "../usage/api";
import { BudgetFields } from "../usage/BudgetFields";
import { toBudget, toTexts } from "../usage/ceilings";
import { type ApiKey, createKey, type FreshKey, type KeyFields, SCOPES, type Scope, updateKey } from "./api";

interface KeyFormProps {
  apiKey: ApiKey | null;
  isAdmin: boolean;
  onFresh: (key: FreshKey) => void;
  onSaved: () => Promise<void>;
  onClose: () => void;
}

export function KeyForm({ apiKey, isAdmin, onFresh, onSaved, onClose }: KeyFormProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const agents = useLoad(listAgents, "agents");
  const [name, setName] = useState(apiKey?.name ?? "");
  const [scopes, setScopes] = useState<Scope[]>(apiKey?.scopes ?? ["read", "chat", "write"]);
  const [day, setDay] = useState(dayOfEnd(apiKey));
  const [agentIds, setAgentIds] = useState(apiKey?.agent_ids ?? []);
  const [addresses, setAddresses] = useState(fromLines(apiKey?.addresses ?? []));
  const [ceilings, setCeilings] = useState(() => toTexts(apiKey?.budget ?? {}));
  const save = async () => {
    const fields: KeyFields = {
      name: name.trim(),
      scopes: SCOPES.filter((scope) => scopes.includes(scope)),
      expires_at: day === "" ? null : endOfDay(day),
      agent_ids: agentIds,
      addresses: toLines(addresses),
      budget: withCurrency(toBudget(ceilings), apiKey?.budget),
    };
    if (apiKey === null) onFresh(await createKey(fields));
    else await updateKey(apiKey.id, day === dayOfEnd(apiKey) ? withoutEnd(fields) : fields);
    await onSaved();
  };
  const toggle = (scope: Scope, isOn: boolean) =>
    setScopes(isOn ? [...scopes, scope] : scopes.filter((other) => other !== scope));
  return (
    <ActionDialog
      title={apiKey === null ? i.newKey : i.editKey}
      action={apiKey === null ? i.createKey : t.save}
      isWide
      onAction={save}
      onClose={onClose}
    >
      <TextField
        label={t.name}
        required
        maxLength={64}
        value={name}
        onChange={setName}
        hint={i.keyNameHint}
      />
      <fieldset className="field">
        <legend>{i.scopes}</legend>
        {SCOPES.filter((scope) => scope !== "admin" || isAdmin).map((scope) => (
          <Check
            key={scope}
            label={scope}
            detail={i[`scope_${scope}`]}
            isChecked={scopes.includes(scope)}
            onChange={(isOn) => toggle(scope, isOn)}
          />
        ))}
      </fieldset>
      <TextField
        label={i.expiresOn}
        hint={i.expiresHint}
        type="date"
        min={apiKey === null ? dayOf(new Date().toISOString()) : undefined}
        value={day}
        onChange={setDay}
      />
      <ChoiceList
        label={i.onlyAgents}
        choices={agentChoices(agents.data ?? [], agentIds)}
        chosen={agentIds}
        onChange={setAgentIds}
        emptyText={i.noAgentsYet}
      />
      <AreaField label={i.onlyAddresses} hint={i.addressesHint} value={addresses} onChange={setAddresses} />
      <details className="more-fields" open={apiKey?.budget != null}>
        <summary>{i.keyBudget}</summary>
        <BudgetFields periods={PERIODS} texts={ceilings} onChange={setCeilings} />
      </details>
    </ActionDialog>
  );
}

/** Amounts stay in the currency they came in; no ceiling at all is no budget. */
const withCurrency = (budget: Budget, before: Budget | null | undefined): Budget | null =>
  Object.keys(budget).length === 0
    ? null
    : { ...budget, ...(before?.currency && { currency: before.currency }) };

const dayOfEnd = (apiKey: ApiKey | null): string => (apiKey?.expires_at ? dayOf(apiKey.expires_at) : "");

/** An end that was not changed is not sent: it may lie in the past, where no new one may. */
function withoutEnd({ expires_at: _, ...fields }: KeyFields): Omit<KeyFields, "expires_at"> {
  return fields;
}

/** The agents one sees, and those a key already names although they are not seen any more. */
function agentChoices(agents: { id: string; name: string }[], chosen: string[]): Choice[] {
  const known = agents.map(({ id, name }) => ({ value: id, label: name }));
  const others = chosen.filter((id) => !agents.some((agent) => agent.id === id));
  return [...known, ...others.map((id) => ({ value: id, label: id }))];
}
