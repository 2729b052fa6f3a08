import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useIdentityTexts } from "../../texts/identity";
import { Dialog } from "../../ui/Dialog";
import { SelectField, TextField } from "../../ui/TextField";
import { type AuditFilter, exportAddress } from "./api";

interface ExportProps {
  filter: AuditFilter;
  onClose: () => void;
}

/** The log as a file. The browser fetches it itself, so its size does not matter to the page. */
export function ExportDialog({ filter, onClose }: ExportProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const [from, setFrom] = useState(filter.from);
  const [to, setTo] = useState(filter.to);
  const [form, setForm] = useState<"clear" | "stored">("clear");
  return (
    <Dialog title={i.exportLog} onClose={onClose}>
      <div className="dialog-body">
        <p className="muted">{i.exportIntro}</p>
        <div className="field-row">
          <TextField label={i.from} type="date" value={from} onChange={setFrom} />
          <TextField label={i.to} type="date" value={to} onChange={setTo} />
        </div>
        <SelectField
          label={i.exportForm}
          hint={form === "clear" ? i.exportClearHint : i.exportStoredHint}
          value={form}
          options={[
            { value: "clear", label: i.exportClear },
            { value: "stored", label: i.exportStored },
          ]}
          onChange={(value) => setForm(value === "stored" ? "stored" : "clear")}
        />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t.close}
          </button>
          <a className="button primary" href={exportAddress({ from, to }, form)} download>
            {i.download}
          </a>
        </div>
      </div>
    </Dialog>
  );
}
