import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useDebounced } from "../../kit/use-debounced";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { Filters } from "../../ui/Filters";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { Pager } from "../../ui/Pager";
import { SectionHead } from "../../ui/Sections";
import { SelectField, TextField } from "../../ui/TextField";
import { userOptions } from "../groups/api";
import { ACTIONS } from "./actions";
import { type AuditFilter, listAudit, OUTCOMES } from "./api";
import { EntryRow } from "./EntryRow";
import { ExportDialog } from "./ExportDialog";
import { VerifyDialog } from "./VerifyDialog";

const PAGE_SIZE = 50;
const EVERYTHING: AuditFilter = {
  from: "",
  to: "",
  user_id: "",
  action: "",
  object_type: "",
  object_id: "",
  outcome: "",
  address: "",
};

/** The audit log of the whole server. */
export function AuditSection() {
  const i = useIdentityTexts();
  const [page, setPage] = useState(1);
  const [filter, setFilter] = useState(EVERYTHING);
  const settled = useDebounced(filter);
  const entries = useLoad(() => listAudit(settled, page, PAGE_SIZE), JSON.stringify([settled, page]));
  const [open, setOpen] = useState<"verify" | "export" | null>(null);
  const change = (part: Partial<AuditFilter>) => {
    setFilter((old) => ({ ...old, ...part }));
    setPage(1);
  };
  return (
    <>
      <SectionHead
        title={i.audit}
        intro={i.auditIntro}
        action={
          <>
            <button type="button" className="button" onClick={() => setOpen("verify")}>
              <Icon name="shield" size={16} />
              {i.verifyLog}
            </button>
            <button type="button" className="button" onClick={() => setOpen("export")}>
              <Icon name="save" size={16} />
              {i.exportLog}
            </button>
          </>
        }
      />
      <AuditFilters filter={filter} onChange={change} />
      <LoadState of={entries} />
      {entries.data?.total === 0 && <p className="muted">{i.noEntries}</p>}
      <ol className="entries">
        {entries.data?.items.map((entry) => (
          <EntryRow key={entry.seq} entry={entry} />
        ))}
      </ol>
      <Pager page={page} pageSize={PAGE_SIZE} total={entries.data?.total ?? 0} onPage={setPage} />
      {open === "verify" && <VerifyDialog onClose={() => setOpen(null)} />}
      {open === "export" && <ExportDialog filter={filter} onClose={() => setOpen(null)} />}
    </>
  );
}

interface FiltersProps {
  filter: AuditFilter;
  onChange: (part: Partial<AuditFilter>) => void;
}

function AuditFilters({ filter, onChange }: FiltersProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const users = useLoad(userOptions, "users");
  const any = { value: "", label: i.any };
  return (
    <Filters label={i.audit}>
      <TextField
        label={i.action}
        placeholder="auth."
        list="audit-actions"
        value={filter.action}
        onChange={(action) => onChange({ action: action.trim() })}
      />
      <datalist id="audit-actions">
        {ACTIONS.map((action) => (
          <option key={action} value={action} />
        ))}
      </datalist>
      <SelectField
        label={i.outcome}
        value={filter.outcome}
        options={[any, ...OUTCOMES.map((value) => ({ value, label: i[`outcome_${value}`] }))]}
        onChange={(outcome) => onChange({ outcome })}
      />
      <SelectField
        label={i.person}
        value={filter.user_id}
        options={[any, ...(users.data ?? [])]}
        onChange={(user_id) => onChange({ user_id })}
      />
      <TextField label={i.from} type="date" value={filter.from} onChange={(from) => onChange({ from })} />
      <TextField label={i.to} type="date" value={filter.to} onChange={(to) => onChange({ to })} />
      <details className="more-fields">
        <summary>{t.moreSettings}</summary>
        <div className="field-row">
          <TextField
            label={i.objectType}
            value={filter.object_type}
            onChange={(object_type) => onChange({ object_type: object_type.trim() })}
          />
          <TextField
            label={i.objectId}
            value={filter.object_id}
            onChange={(object_id) => onChange({ object_id: object_id.trim() })}
          />
          <TextField
            label={i.factAddress}
            value={filter.address}
            onChange={(address) => onChange({ address: address.trim() })}
          />
        </div>
      </details>
    </Filters>
  );
}
