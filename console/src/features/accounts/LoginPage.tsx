import { type FormEvent, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { Field } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Mark } from "../../ui/Spinner";
import { startAccount } from "./account-store";
import { type SystemInfo, signIn } from "./api";
import { LanguageSwitch } from "./LanguageSwitch";

export function LoginPage({ info, reason }: { info: SystemInfo; reason: unknown }) {
  const t = useTexts();
  const upstream = info.auth_providers.filter((provider) => provider.type !== "native");
  return (
    <main className="login">
      <div className="login-card">
        <Mark size={44} />
        <h1>{info.instance_name}</h1>
        <p className="muted">{t.loginIntro}</p>
        {info.announcement !== "" && <Notice kind="info">{info.announcement}</Notice>}
        {info.has_local_auth && <PasswordForm info={info} reason={reason} />}
        {!info.has_local_auth && reason !== null && <Notice kind="error">{errorText(reason)}</Notice>}
        {upstream.map((provider) => (
          <a key={provider.id} className="button wide" href={provider.login_url}>
            {provider.button_text || provider.name}
          </a>
        ))}
      </div>
      <LanguageSwitch />
    </main>
  );
}

function PasswordForm({ info, reason }: { info: SystemInfo; reason: unknown }) {
  const t = useTexts();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<unknown>(reason);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn(name.trim(), password);
      await startAccount();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <form className="login-form" onSubmit={submit} aria-label={t.signIn}>
      <Field label={t.userOrEmail}>
        {(ids) => (
          <input
            {...ids}
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      <Field label={t.password}>
        {(ids) => (
          <input
            {...ids}
            type="password"
            name="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
      </Field>
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <button type="submit" className="button primary wide" disabled={isBusy}>
        {isBusy ? t.signingIn : t.signIn}
      </button>
      {info.native_login_admin_only && <p className="hint">{t.adminsOnly}</p>}
    </form>
  );
}
