import { useState } from "react";
import { errorText } from "../../kit/errors";
import { useWorkshopTexts } from "../../texts/workshop";
import { Notice } from "../../ui/Notice";
import { endSignIn, type Server } from "./api";
import { goSignIn, takeFault } from "./sign-in";

/** Signing in to a server of tools, which leads there and back, and signing out (product.md 8.5). */
export function SignInThere({ server, onChanged }: { server: Server; onChanged: () => Promise<void> }) {
  const w = useWorkshopTexts();
  const [error, setError] = useState<unknown>(null);
  const [fault] = useState(takeFault);
  const start = () => goSignIn(server.name, { page: "servers", name: server.name }).catch(setError);
  const end = () => endSignIn(server.name).then(onChanged).catch(setError);
  const failed: unknown = fault === null ? undefined : (w as Record<string, unknown>)[`authFailed_${fault}`];
  return (
    <>
      {typeof failed === "string" && <Notice kind="error">{failed}</Notice>}
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      {server.authorized ? (
        <Notice
          kind="info"
          action={
            <button type="button" className="button small" onClick={end}>
              {w.forgetSignIn}
            </button>
          }
        >
          {w.signedInThere}
        </Notice>
      ) : (
        <Notice
          kind="warning"
          action={
            <button type="button" className="button primary small" onClick={start}>
              {w.authorize}
            </button>
          }
        >
          {w.authorizeText(server.name)}
        </Notice>
      )}
    </>
  );
}
