import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { fromLines, toLines } from "../../kit/lines";
import { useIdentityTexts } from "../../texts/identity";
import { AreaField } from "../../ui/AreaField";
import { ActionDialog } from "../../ui/Dialog";
import { Check, SelectField, TextField } from "../../ui/TextField";
import {
  AUTH_METHODS,
  type AuthMethod,
  CLIENT_SCOPES,
  type Client,
  type ClientFields,
  createClient,
  updateClient,
} from "./api";

interface ClientFormProps {
  client: Client | null;
  onSecret: (clientId: string, secret: string) => void;
  onSaved: () => Promise<void>;
  onClose: () => void;
}

const FRESH: ClientFields = {
  client_name: "",
  client_uri: null,
  redirect_uris: [],
  token_endpoint_auth_method: "client_secret_basic",
  scope: "openid profile email",
  skip_consent: false,
  require_pkce: false,
  introspect_all: false,
  enabled: true,
};

/** The fields a client has beside those of this form stay as they are: what is absent is unchanged. */
const toFields = (client: Client | null): ClientFields =>
  client === null
    ? FRESH
    : (Object.fromEntries(
        Object.keys(FRESH).map((key) => [key, client[key as keyof ClientFields]]),
      ) as unknown as ClientFields);

export function ClientForm({ client, onSecret, onSaved, onClose }: ClientFormProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const [clientId, setClientId] = useState("");
  const [redirects, setRedirects] = useState(fromLines(client?.redirect_uris ?? []));
  const [fields, setFields] = useState(() => toFields(client));
  const set = (change: Partial<ClientFields>) => setFields((old) => ({ ...old, ...change }));
  const save = async () => {
    const whole = {
      ...fields,
      client_name: fields.client_name.trim(),
      client_uri: fields.client_uri?.trim() || null,
      redirect_uris: toLines(redirects),
    };
    if (client === null) {
      const id = clientId.trim();
      const made = await createClient(id === "" ? whole : { ...whole, client_id: id });
      if (made.client_secret !== null) onSecret(made.client_id, made.client_secret);
    } else await updateClient(client.client_id, whole);
    await onSaved();
  };
  return (
    <ActionDialog
      title={client === null ? i.newClient : i.editClient}
      action={client === null ? i.addClient : t.save}
      isWide
      onAction={save}
      onClose={onClose}
    >
      <TextField
        label={t.name}
        required
        maxLength={100}
        value={fields.client_name}
        onChange={(client_name) => set({ client_name })}
      />
      {client === null && (
        <TextField
          label={i.clientId}
          hint={i.clientIdHint}
          pattern="[A-Za-z0-9._\-]{2,128}"
          value={clientId}
          onChange={setClientId}
        />
      )}
      <AreaField
        label={i.redirectUris}
        hint={i.redirectUrisHint}
        required
        value={redirects}
        onChange={setRedirects}
      />
      <TextField
        label={i.clientUri}
        type="url"
        value={fields.client_uri ?? ""}
        onChange={(client_uri) => set({ client_uri })}
      />
      <SelectField
        label={i.authMethod}
        value={fields.token_endpoint_auth_method}
        options={AUTH_METHODS.map((value) => ({ value, label: i[`method_${value}`] }))}
        onChange={(method) => set({ token_endpoint_auth_method: method as AuthMethod })}
      />
      <ScopeChoice scope={fields.scope} onChange={(scope) => set({ scope })} />
      <fieldset className="field">
        <legend>{i.behaviour}</legend>
        <Check
          label={i.skipConsent}
          detail={i.skipConsentHint}
          isChecked={fields.skip_consent}
          onChange={(skip_consent) => set({ skip_consent })}
        />
        <Check
          label={i.requirePkce}
          isChecked={fields.require_pkce}
          onChange={(require_pkce) => set({ require_pkce })}
        />
        <Check
          label={i.introspectAll}
          isChecked={fields.introspect_all}
          onChange={(introspect_all) => set({ introspect_all })}
        />
      </fieldset>
    </ActionDialog>
  );
}

function ScopeChoice({ scope, onChange }: { scope: string; onChange: (scope: string) => void }) {
  const i = useIdentityTexts();
  const chosen = scope.split(" ").filter(Boolean);
  const toggle = (word: string, isOn: boolean) =>
    onChange(CLIENT_SCOPES.filter((each) => (each === word ? isOn : chosen.includes(each))).join(" "));
  return (
    <fieldset className="field">
      <legend>{i.mostScopes}</legend>
      <div className="check-grid">
        {CLIENT_SCOPES.map((word) => (
          <Check
            key={word}
            label={word}
            isChecked={chosen.includes(word)}
            onChange={(isOn) => toggle(word, isOn)}
          />
        ))}
      </div>
    </fieldset>
  );
}
