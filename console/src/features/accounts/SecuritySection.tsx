import { useState } from "react";
import { errorText } from "../../kit/errors";
import { currentLocaleTag, useTexts } from "../../kit/i18n";
import { momentText } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import type { SystemInfo } from "./api";
import { ChangePasswordDialog } from "./ChangePasswordDialog";
import { IdentitiesPart } from "./IdentitiesPart";
import { endOtherSessions, endSession, type LoginSession, listSessions } from "./own-api";

/** Password, places where one is signed in, and other ways to sign in. */
export function SecuritySection({ info }: { info: SystemInfo }) {
  const t = useTexts();
  const i = useIdentityTexts();
  const [isChanging, setChanging] = useState(false);
  const [isChanged, setChanged] = useState(false);
  return (
    <>
      <SectionHead
        title={i.security}
        intro={i.securityIntro}
        action={
          info.auth_mode !== "oauth" && (
            <button type="button" className="button" onClick={() => setChanging(true)}>
              {t.changePassword}
            </button>
          )
        }
      />
      {isChanged && <Notice kind="success">{i.passwordChanged}</Notice>}
      <Sessions key={String(isChanged)} />
      <IdentitiesPart info={info} />
      {isChanging && (
        <ChangePasswordDialog onChanged={() => setChanged(true)} onClose={() => setChanging(false)} />
      )}
    </>
  );
}

function Sessions() {
  const i = useIdentityTexts();
  const sessions = useLoad(listSessions, "sessions");
  const [error, setError] = useState<unknown>(null);
  const [ended, setEnded] = useState<number | null>(null);
  const run = async (act: () => Promise<number>) => {
    setError(null);
    setEnded(null);
    try {
      setEnded(await act());
      await sessions.reload();
    } catch (failure) {
      setError(failure);
    }
  };
  const hasOthers = sessions.data?.some((session) => !session.current) ?? false;
  return (
    <>
      <SectionHead
        level={2}
        title={i.sessions}
        action={
          hasOthers && (
            <button
              type="button"
              className="button"
              onClick={() => run(() => endOtherSessions().then((answer) => answer.ended))}
            >
              {i.endOthers}
            </button>
          )
        }
      />
      <LoadState of={sessions} />
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      {ended !== null && <Notice kind="success">{i.sessionsEnded(ended)}</Notice>}
      <ul className="cards">
        {sessions.data?.map((session) => (
          <SessionRow
            key={session.id}
            session={session}
            onEnd={() => run(() => endSession(session.id).then(() => 1))}
          />
        ))}
      </ul>
    </>
  );
}

function SessionRow({ session, onEnd }: { session: LoginSession; onEnd: () => void }) {
  const i = useIdentityTexts();
  const at = (iso: string) => momentText(iso, currentLocaleTag());
  const method =
    session.method === "password" ? i.byPassword : i.byProvider(session.method.replace(/^upstream:/, ""));
  return (
    <Row
      title={deviceName(session.user_agent) || i.unknownDevice}
      marks={[session.current && i.thisDevice]}
      lines={[
        [session.address, method].filter(Boolean).join(" · "),
        i.seenBetween(at(session.created_at), at(session.last_seen_at)),
      ]}
      actions={
        !session.current && (
          <button
            type="button"
            className="button"
            aria-label={i.endSessionOn(deviceName(session.user_agent) || i.unknownDevice)}
            onClick={onEnd}
          >
            {i.endSession}
          </button>
        )
      }
    />
  );
}

const BROWSERS: [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrom(e|ium)\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

/** "Firefox, Linux" for the usual browsers, the text itself for everything else. */
export function deviceName(userAgent: string): string {
  const first = (table: [RegExp, string][]) => table.find(([pattern]) => pattern.test(userAgent))?.[1];
  const known = [first(BROWSERS), first(SYSTEMS)].filter(Boolean);
  return known.length > 0 ? known.join(", ") : userAgent;
}
