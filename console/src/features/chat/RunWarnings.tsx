import { useState } from "react";
import { errorText } from "../../kit/errors";
import { useRuntimeTexts } from "../../texts/runtime";
import { Notice } from "../../ui/Notice";
import { goSignIn, takeFault } from "../mcp_servers/sign-in";
import type { RunWarning } from "./api";

const SIGN_IN = /^needs_authorization: GET \/api\/mcp\/(.+)\/oauth\/start(?:\?agent_id=(.+))?$/;
const THINGS = [
  "available_tools",
  "available_skills",
  "available_knowledge_bases",
  "available_sub_agent_ids",
  "extra_mcp_config",
];

interface RunWarningsProps {
  warnings: RunWarning[];
  sessionId: string;
}

/** What the newest run did without, and the sign-in that would change that (product.md 8.5). */
export function RunWarnings({ warnings, sessionId }: RunWarningsProps) {
  const r = useRuntimeTexts();
  const [fault] = useState(takeFault);
  const [error, setError] = useState<unknown>(null);
  const servers = new Map<string, string | undefined>();
  const others: string[] = [];
  for (const { field, value, reason } of warnings) {
    const [, name, agentId] = SIGN_IN.exec(reason) ?? [];
    if (name !== undefined) servers.set(name, agentId);
    else if (THINGS.includes(field)) others.push(value);
  }
  return (
    <>
      {fault !== null && <Notice kind="error">{r.signInFailed}</Notice>}
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      {[...servers].map(([name, agentId]) => (
        <Notice
          key={name}
          kind="warning"
          action={
            <button
              type="button"
              className="button small"
              onClick={() => goSignIn(name, { page: "chat", sessionId }, agentId).catch(setError)}
            >
              {r.signInThere}
            </button>
          }
        >
          {r.signInNeeded(name)}
        </Notice>
      ))}
      {others.length > 0 && <p className="hint">{r.leftOut(others.join(", "))}</p>}
    </>
  );
}
