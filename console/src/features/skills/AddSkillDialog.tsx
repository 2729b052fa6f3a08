import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useLoad } from "../../kit/use-load";
import { useWorkshopTexts } from "../../texts/workshop";
import { ActionDialog, Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Segments } from "../../ui/Segments";
import { SelectField, TextField } from "../../ui/TextField";
import type { Claims } from "../accounts/api";
import { listAgents } from "../agents/api";
import { type BatchResult, importFromAddress, type Place, uploadSkills } from "./api";

interface AddSkillProps {
  user: Claims;
  onImported: () => Promise<void>;
  onClose: () => void;
}

/** Brings skills in, from files or from an address, and says what became of each. */
export function AddSkillDialog({ user, onImported, onClose }: AddSkillProps) {
  const w = useWorkshopTexts();
  const [way, setWay] = useState<"file" | "address">("file");
  const [files, setFiles] = useState<File[]>([]);
  const [address, setAddress] = useState("");
  const [subpath, setSubpath] = useState("");
  const [holder, setHolder] = useState("user");
  const [percent, setPercent] = useState<number | null>(null);
  const [results, setResults] = useState<BatchResult[] | null>(null);
  const bring = async (place: Place): Promise<BatchResult[]> => {
    if (way === "file") return uploadSkills(files, place, setPercent);
    const { name, state } = await importFromAddress(address.trim(), place);
    return [{ filename: address, success: true, message: "", name, state }];
  };
  const add = async () => {
    try {
      setResults(await bring(placeOf(holder, subpath)));
    } finally {
      setPercent(null);
    }
    await onImported();
  };
  if (results !== null) return <Results results={results} onClose={onClose} />;
  return (
    <ActionDialog
      title={w.addSkill}
      action={w.importSkill}
      isReady={way === "file" ? files.length > 0 : address.trim() !== ""}
      onAction={add}
      // What came in is told before the window goes.
      staysOpen
      onClose={onClose}
    >
      <Segments
        label={w.source}
        value={way}
        options={[
          { value: "file", label: w.fromFile },
          { value: "address", label: w.fromAddress },
        ]}
        onChange={setWay}
      />
      {way === "file" ? (
        <Field label={w.chooseFiles}>
          {(ids) => (
            <input
              {...ids}
              type="file"
              multiple
              accept=".zip,application/zip"
              onChange={(event) => setFiles([...(event.target.files ?? [])])}
            />
          )}
        </Field>
      ) : (
        <TextField
          label={w.skillAddress}
          hint={w.skillAddressHint}
          type="url"
          placeholder="https://github.com/…/tree/main/skills/report"
          value={address}
          onChange={setAddress}
        />
      )}
      <HolderField user={user} value={holder} onChange={setHolder} />
      <TextField label={w.subpath} hint={w.subpathHint} value={subpath} onChange={setSubpath} />
      {percent !== null && <progress className="wide" value={percent} max={100} aria-label={w.importSkill} />}
    </ActionDialog>
  );
}

function placeOf(holder: string, subpath: string): Place {
  const isAgent = holder !== "user" && holder !== "system";
  return {
    is_system: holder === "system",
    is_agent: isAgent,
    agent_id: isAgent ? holder : undefined,
    subpath: subpath.trim() || undefined,
  };
}

interface HolderProps {
  user: Claims;
  value: string;
  onChange: (value: string) => void;
}

/** `user`, `system`, or the id of an agent. */
function HolderField({ user, value, onChange }: HolderProps) {
  const w = useWorkshopTexts();
  const agents = useLoad(listAgents, "agents");
  const changeable = (agents.data ?? []).filter(({ access }) => access === "owner" || access === "admin");
  const options = [
    { value: "user", label: w.forMe },
    ...(user.role === "admin" ? [{ value: "system", label: w.forEverybody }] : []),
    ...changeable.map(({ id, name }) => ({ value: id, label: `${w.forAgent}: ${name}` })),
  ];
  return <SelectField label={w.skillFor} value={value} options={options} onChange={onChange} />;
}

function Results({ results, onClose }: { results: BatchResult[]; onClose: () => void }) {
  const t = useTexts();
  const w = useWorkshopTexts();
  return (
    <Dialog title={w.addSkill} onClose={onClose}>
      <div className="dialog-body">
        {results.map((result) => (
          <ResultNotice key={result.filename} result={result} />
        ))}
        <div className="dialog-actions">
          <button type="button" className="button primary" onClick={onClose}>
            {t.close}
          </button>
        </div>
      </div>
    </Dialog>
  );
}

function ResultNotice({ result }: { result: BatchResult }) {
  const w = useWorkshopTexts();
  const name = result.name ?? result.filename;
  if (!result.success)
    return (
      <Notice kind="error">
        {w.notImported(result.filename)} {result.message}
      </Notice>
    );
  if (result.state === "approved") return <Notice kind="success">{w.imported(name)}</Notice>;
  return <Notice kind="warning">{w.importedWaits(name)}</Notice>;
}
