import { lazy, Suspense, useEffect } from "react";
import { accountStore, startAccount } from "../features/accounts/account-store";
import { LoginPage } from "../features/accounts/LoginPage";
import { errorText } from "../kit/errors";
import { useLocale, useTexts } from "../kit/i18n";
import { followNext, isSignInAddress, signInWishes } from "../kit/next-address";
import { useStore } from "../kit/store";
import { Notice } from "../ui/Notice";
import { Spinner } from "../ui/Spinner";

// The login page needs none of it, so it does not wait for it.
const Shell = lazy(() => import("./Shell").then((module) => ({ default: module.Shell })));

export function App() {
  const state = useStore(accountStore);
  useLocale();
  useEffect(() => {
    void startAccount();
  }, []);
  const wishes = signInWishes();
  const hasErrand = wishes.next !== null || wishes.error !== null;
  // Whoever is signed in already has nothing to do on the sign-in page, unless it was asked for something.
  useEffect(() => {
    if (state.step === "signed-in" && isSignInAddress() && !hasErrand) followNext(null);
  }, [state.step, hasErrand]);
  if (state.step === "starting") return <Waiting />;
  if (state.step === "unreachable") return <Unreachable error={state.error} />;
  if (state.step === "signed-out") return <LoginPage info={state.info} reason={state.error} />;
  if (isSignInAddress() && hasErrand)
    return <LoginPage info={state.info} reason={null} account={state.account} />;
  return (
    <Suspense fallback={<Waiting />}>
      <Shell key={state.account.user.userid} account={state.account} info={state.info} />
    </Suspense>
  );
}

function Waiting() {
  return (
    <div className="centre">
      <Spinner />
    </div>
  );
}

function Unreachable({ error }: { error: unknown }) {
  const t = useTexts();
  return (
    <main className="centre">
      <Notice
        kind="error"
        action={
          <button type="button" className="button small" onClick={() => startAccount()}>
            {t.retry}
          </button>
        }
      >
        {errorText(error)}
      </Notice>
    </main>
  );
}
