import { type FormEvent, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { goTo } from "../../kit/route";
import { useWorkshopTexts } from "../../texts/workshop";
import { AreaField } from "../../ui/AreaField";
import { Notice } from "../../ui/Notice";
import { SelectField, TextField } from "../../ui/TextField";
import { type Auth, addServer, type Protocol, type Server, type ServerDraft, updateServer } from "./api";
import { headersOf, linesOf } from "./header-lines";
import { addressOf } from "./server-facts";

interface ServerFormProps {
  server: Server | null;
  onSaved: () => Promise<void>;
  /** Absent where the form is a page of its own. */
  onClose?: () => void;
  /** It stands in a page that is there already. */
  isInside?: boolean;
}

export interface ServerValues {
  name: string;
  description: string;
  protocol: Protocol;
  address: string;
  auth: Auth;
  key: string;
  headers: string;
  clientId: string;
  clientSecret: string;
  scope: string;
}

/** A new server, or an own one; both are tried before they are saved. */
export function ServerForm({ server, onSaved, onClose, isInside = false }: ServerFormProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const [values, setValues] = useState(() => toValues(server));
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const leave = onClose ?? (() => goTo({ page: "servers", name: null }));
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const draft = toDraft(values);
    try {
      if (server !== null) await updateServer(server, draft);
      else await addServer(draft);
      await onSaved();
      if (server !== null) leave();
      else goTo({ page: "servers", name: draft.name }, { replace: true });
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <form className={isInside ? "stack" : "page"} onSubmit={save}>
      <header className="page-head">
        <div>
          <h1>{server === null ? w.addServer : w.editServer}</h1>
          <p className="muted">{w.serversIntro}</p>
        </div>
      </header>
      <ServerFields
        values={values}
        isNew={server === null}
        onChange={(part) => setValues((old) => ({ ...old, ...part }))}
      />
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <div className="form-actions">
        <button type="button" className="button" onClick={leave}>
          {t.cancel}
        </button>
        <button type="submit" className="button primary" disabled={isBusy}>
          {isBusy ? t.verifying : t.save}
        </button>
      </div>
    </form>
  );
}

interface FieldsProps {
  values: ServerValues;
  isNew: boolean;
  onChange: (part: Partial<ServerValues>) => void;
}

const PROTOCOLS: Protocol[] = ["streamable_http", "sse", "stdio"];
const AUTHS: Auth[] = ["none", "api_key", "oauth"];

function ServerFields({ values, isNew, onChange }: FieldsProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const isProgram = values.protocol === "stdio";
  return (
    <>
      <div className="field-row">
        <TextField
          label={t.name}
          required
          maxLength={64}
          readOnly={!isNew}
          value={values.name}
          onChange={(name) => onChange({ name })}
        />
        <SelectField
          label={w.protocol}
          value={values.protocol}
          options={PROTOCOLS.map((value) => ({ value, label: w[`protocol_${value}`] }))}
          onChange={(protocol) => onChange({ protocol: protocol as Protocol })}
        />
      </div>
      <TextField
        label={isProgram ? w.stdioEntry : w.address}
        hint={isProgram ? w.stdioHint : undefined}
        type={isProgram ? "text" : "url"}
        required
        placeholder={isProgram ? undefined : "https://example.com/mcp"}
        value={values.address}
        onChange={(address) => onChange({ address })}
      />
      <TextField
        label={t.description}
        maxLength={1000}
        value={values.description}
        onChange={(description) => onChange({ description })}
      />
      {!isProgram && <AccessFields values={values} isNew={isNew} onChange={onChange} />}
    </>
  );
}

function AccessFields({ values, onChange }: FieldsProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  return (
    <>
      <SelectField
        label={w.access}
        value={values.auth}
        options={AUTHS.map((value) => ({ value, label: w[`auth_${value}`] }))}
        onChange={(auth) => onChange({ auth: auth as Auth })}
      />
      {values.auth === "api_key" && (
        <TextField
          label={t.apiKey}
          hint={w.serverKeyHint}
          required
          autoComplete="off"
          spellCheck={false}
          value={values.key}
          onChange={(key) => onChange({ key })}
        />
      )}
      <details className="more-fields" open={values.headers !== ""}>
        <summary>{w.moreOfServer}</summary>
        <div className="stack">
          <AreaField
            label={w.headers}
            hint={w.headersHint}
            value={values.headers}
            onChange={(headers) => onChange({ headers })}
          />
          {values.auth === "oauth" && (
            <div className="field-row">
              <TextField
                label={w.clientId}
                hint={w.clientHint}
                value={values.clientId}
                onChange={(clientId) => onChange({ clientId })}
              />
              <TextField
                label={w.clientSecret}
                autoComplete="off"
                value={values.clientSecret}
                onChange={(clientSecret) => onChange({ clientSecret })}
              />
              <TextField label={w.scope} value={values.scope} onChange={(scope) => onChange({ scope })} />
            </div>
          )}
        </div>
      </details>
    </>
  );
}

function toValues(server: Server | null): ServerValues {
  return {
    name: server?.name ?? "",
    description: server?.description ?? "",
    protocol: server?.protocol ?? "streamable_http",
    address: server === null ? "" : addressOf(server),
    auth: server?.auth ?? "none",
    key: server?.api_key ?? "",
    headers: linesOf(server?.headers ?? {}),
    clientId: "",
    clientSecret: "",
    scope: "",
  };
}

/** Secrets travel as they stand in the fields: an untouched one is its mask, which means "unchanged". */
export function toDraft(values: ServerValues): ServerDraft {
  const address = values.address.trim();
  const draft: ServerDraft = {
    name: values.name.trim(),
    protocol: values.protocol,
    description: values.description.trim(),
    headers: headersOf(values.headers),
    auth: values.auth,
  };
  if (values.protocol === "stdio") return { ...draft, command: address, auth: "none" };
  const oauth = {
    client_id: values.clientId.trim() || undefined,
    client_secret: values.clientSecret.trim() || undefined,
    scope: values.scope.trim() || undefined,
  };
  return {
    ...draft,
    [values.protocol === "sse" ? "sse_url" : "streamable_http_url"]: address,
    ...(values.auth === "api_key" && { api_key: values.key.trim() }),
    ...(values.auth === "oauth" && Object.values(oauth).some(Boolean) && { oauth }),
  };
}
