import { useState } from "react";
import { errorText } from "../../kit/errors";
import { hrefOf } from "../../kit/route";
import { useWorkshopTexts } from "../../texts/workshop";
import { Notice } from "../../ui/Notice";
import { endSignIn, type Server, startSignIn } from "./api";

/** Signing in to a server of tools, which leads there and back, and signing out (product.md 8.5). */
export function SignInThere({ server, onChanged }: { server: Server; onChanged: () => Promise<void> }) {
  const w = useWorkshopTexts();
  const [error, setError] = useState<unknown>(null);
  const [fault] = useState(takeFault);
  const start = async () => {
    try {
      const { authorization_url } = await startSignIn(server.name, backTo(server.name));
      if (/^https?:/i.test(authorization_url)) location.assign(authorization_url);
    } catch (failure) {
      setError(failure);
    }
  };
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

const backTo = (name: string): string => `/${hrefOf({ page: "servers", name })}`;

/** What went wrong on the way back, told once: it stands in the address and leaves it. */
function takeFault(): string | null {
  const query = new URLSearchParams(location.search);
  const fault = query.get("mcp_error");
  if (fault !== null) history.replaceState(null, "", location.pathname + location.hash);
  return fault;
}
