import { type FormEvent, useState } from "react";
import { errorText } from "../../kit/errors";
import { ApiError } from "../../kit/http";
import { useTexts } from "../../kit/i18n";
import { followNext } from "../../kit/next-address";
import { goTo } from "../../kit/route";
import { useCountdown } from "../../kit/use-countdown";
import { useIdentityTexts } from "../../texts/identity";
import { Notice } from "../../ui/Notice";
import { PasswordField } from "../../ui/PasswordField";
import { TextField } from "../../ui/TextField";
import { startAccount } from "./account-store";
import { register, sendCode, signIn } from "./api";

/** A new account: e-mail, the code that was mailed to it, user name and password. Signs in with it at the end. */
export function SignUpForm({ next }: { next: string | null }) {
  const t = useTexts();
  const i = useIdentityTexts();
  const [email, setEmail] = useState("");
  const [code, setCode] = useState("");
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const name = username.trim();
    try {
      await register({ username: name, password, email: email.trim(), verification_code: code.trim() });
    } catch (failure) {
      setError(failure);
      setBusy(false);
      return;
    }
    await enter(name, password, next);
  };
  return (
    <form className="login-form" onSubmit={submit} aria-label={t.signUp}>
      <EmailWithCode email={email} onEmail={setEmail} code={code} onCode={setCode} />
      <TextField
        label={i.username}
        hint={i.usernameHint}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={64}
        required
        value={username}
        onChange={setUsername}
      />
      <PasswordField label={t.password} hint={t.passwordHint} value={password} onChange={setPassword} />
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <button type="submit" className="button primary wide" disabled={isBusy}>
        {i.createAccount}
      </button>
      <p className="login-more">
        {i.haveAccount} <a href="#/">{t.signIn}</a>
      </p>
    </form>
  );
}

/** The account is there; if it cannot be signed in at once, the sign-in page says why when it is tried there. */
async function enter(name: string, password: string, next: string | null): Promise<void> {
  try {
    await signIn(name, password);
  } catch (failure) {
    if (!(failure instanceof ApiError)) throw failure;
    goTo({ page: "chat", sessionId: null }, { replace: true });
    return;
  }
  if (followNext(next)) await startAccount();
}

interface EmailWithCodeProps {
  email: string;
  onEmail: (email: string) => void;
  code: string;
  onCode: (code: string) => void;
}

function EmailWithCode({ email, onEmail, code, onCode }: EmailWithCodeProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const [wait, startWait] = useCountdown();
  const [sentTo, setSentTo] = useState("");
  const [error, setError] = useState<unknown>(null);
  const send = async () => {
    setError(null);
    setSentTo("");
    try {
      const { retry_after } = await sendCode(email.trim());
      startWait(retry_after);
      setSentTo(email.trim());
    } catch (failure) {
      if (failure instanceof ApiError && failure.retryAfterSeconds !== null)
        startWait(failure.retryAfterSeconds);
      setError(failure);
    }
  };
  return (
    <>
      <TextField
        label={i.email}
        type="email"
        autoComplete="email"
        maxLength={254}
        required
        value={email}
        onChange={onEmail}
      />
      <div className="field-with-action">
        <TextField
          label={i.code}
          inputMode="numeric"
          autoComplete="one-time-code"
          pattern="\s*[0-9]{6}\s*"
          title={i.codeHint}
          required
          value={code}
          onChange={onCode}
        />
        <button type="button" className="button" onClick={send} disabled={wait > 0 || email.trim() === ""}>
          {wait > 0 ? t.tryAgainIn(wait) : i.sendCode}
        </button>
      </div>
      {sentTo !== "" && <Notice kind="success">{i.codeSent(sentTo)}</Notice>}
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
    </>
  );
}
