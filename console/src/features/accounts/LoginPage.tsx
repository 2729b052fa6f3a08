import { type FormEvent, lazy, type ReactNode, Suspense, useState } from "react";
import { errorText } from "../../kit/errors";
import { ApiError } from "../../kit/http";
import { useTexts } from "../../kit/i18n";
import { followNext, hereOrNull, signInWishes } from "../../kit/next-address";
import { hrefOf, useRoute } from "../../kit/route";
import { useCountdown } from "../../kit/use-countdown";
import { Icon, type IconName } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { PasswordField } from "../../ui/PasswordField";
import { Mark, Spinner } from "../../ui/Spinner";
import { TextField } from "../../ui/TextField";
import { startAccount } from "./account-store";
import { type Account, type SignInProvider, type SystemInfo, signIn } from "./api";
import { LanguageSwitch } from "./LanguageSwitch";
import { signInErrorText } from "./sign-in-errors";

const SignUpForm = lazy(() => import("./SignUpForm").then((module) => ({ default: module.SignUpForm })));

interface LoginPageProps {
  info: SystemInfo;
  reason: unknown;
  /** Somebody is signed in already, and was sent here to do it again. */
  account?: Account | null;
}

/** Sign-in and sign-up, with what the address asks for: where to go next, and what went wrong elsewhere. */
export function LoginPage({ info, reason, account = null }: LoginPageProps) {
  const t = useTexts();
  const isSignUp = useRoute().page === "sign-up" && info.allow_registration === true && account === null;
  const wishes = signInWishes();
  return (
    <main className="login" id="main" tabIndex={-1}>
      <div className="login-card">
        <Mark size={44} />
        <h1>{info.instance_name}</h1>
        <p className="muted">{isSignUp ? t.signUp : t.loginIntro}</p>
        {info.announcement !== "" && <Notice kind="info">{info.announcement}</Notice>}
        {wishes.error !== null && !isSignUp && (
          <Notice kind="error">{signInErrorText(wishes.error, t)}</Notice>
        )}
        {account !== null && <Present account={account} next={wishes.next} />}
        {isSignUp ? (
          <Suspense fallback={<Spinner />}>
            <SignUpForm next={wishes.next} />
          </Suspense>
        ) : (
          <SignInWays info={info} reason={reason} />
        )}
      </div>
      <LanguageSwitch />
    </main>
  );
}

function Present({ account, next }: { account: Account; next: string | null }) {
  const t = useTexts();
  const name = account.user.nickname || account.user.username;
  const goOn = () => followNext(next) && startAccount();
  return (
    <>
      <Notice kind="info">{t.signedInAs(name)}</Notice>
      <button type="button" className="button" onClick={goOn}>
        {t.goOnAs(name)}
      </button>
    </>
  );
}

const isNative = (provider: SignInProvider): boolean =>
  provider.type === "native" || provider.id === "native";

function SignInWays({ info, reason }: { info: SystemInfo; reason: unknown }) {
  const t = useTexts();
  const { isLocalOnly } = signInWishes();
  const hasForm = info.has_local_auth || info.auth_providers.some(isNative);
  const others = info.auth_providers.filter((provider) => !isNative(provider));
  // Without a form the wish to see only the form would leave nothing to sign in with.
  const shown = isLocalOnly && hasForm ? [] : others;
  return (
    <>
      {hasForm && <PasswordForm info={info} reason={reason} />}
      {!hasForm && reason !== null && <Notice kind="error">{errorText(reason)}</Notice>}
      {!hasForm && others.length === 0 && <Notice kind="warning">{t.noSignIn}</Notice>}
      {hasForm && shown.length > 0 && <p className="or">{t.orElse}</p>}
      {shown.length > 0 && <Providers providers={shown} />}
      {info.allow_registration === true && (
        <p className="login-more">
          {t.noAccountYet} <a href={hrefOf({ page: "sign-up" })}>{t.signUp}</a>
        </p>
      )}
    </>
  );
}

const ICONS: Record<string, IconName> = {
  "key-round": "key",
  "shield-check": "shield",
  building2: "building",
  github: "branch",
  mail: "mail",
};

function Providers({ providers }: { providers: SignInProvider[] }): ReactNode {
  const t = useTexts();
  const next = signInWishes().next ?? hereOrNull();
  const query = next === null ? "" : `?next=${encodeURIComponent(next)}`;
  return (
    <nav className="providers" aria-label={t.signInWith}>
      {providers.map((provider) => (
        <a key={provider.id} className="button wide" href={`${provider.login_url}${query}`}>
          <Icon name={ICONS[provider.icon ?? ""] ?? "globe"} />
          {provider.button_text || provider.name}
        </a>
      ))}
    </nav>
  );
}

function PasswordForm({ info, reason }: { info: SystemInfo; reason: unknown }) {
  const t = useTexts();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<unknown>(reason);
  const [isBusy, setBusy] = useState(false);
  const [wait, startWait] = useCountdown();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy || wait > 0) return;
    setBusy(true);
    setError(null);
    try {
      await signIn(name.trim(), password);
      if (followNext(signInWishes().next)) await startAccount();
    } catch (failure) {
      if (failure instanceof ApiError && failure.retryAfterSeconds !== null)
        startWait(failure.retryAfterSeconds);
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <form className="login-form" onSubmit={submit} aria-label={t.signIn}>
      <TextField
        label={t.userOrEmail}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
        value={name}
        onChange={setName}
      />
      <PasswordField
        label={t.password}
        name="password"
        autoComplete="current-password"
        value={password}
        onChange={setPassword}
      />
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <button type="submit" className="button primary wide" disabled={isBusy || wait > 0}>
        {wait > 0 ? t.tryAgainIn(wait) : isBusy ? t.signingIn : t.signIn}
      </button>
      {info.native_login_admin_only && <p className="hint">{t.adminsOnly}</p>}
    </form>
  );
}
