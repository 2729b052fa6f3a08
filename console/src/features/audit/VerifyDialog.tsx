import { type FormEvent, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { useIdentityTexts } from "../../texts/identity";
import { CopyButton } from "../../ui/CopyButton";
import { Dialog } from "../../ui/Dialog";
import { Notice } from "../../ui/Notice";
import { TextField } from "../../ui/TextField";
import { type Verdict, verifyAudit } from "./api";

/** Checks the chain of the log, against a head that was noted earlier if there is one. */
export function VerifyDialog({ onClose }: { onClose: () => void }) {
  const t = useTexts();
  const i = useIdentityTexts();
  const [head, setHead] = useState("");
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const verify = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    setVerdict(null);
    try {
      setVerdict(await verifyAudit(parseHead(head)));
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={i.verifyLog} onClose={onClose}>
      <form onSubmit={verify}>
        <p className="muted">{i.verifyIntro}</p>
        <TextField
          label={i.notedHead}
          hint={i.notedHeadHint}
          pattern="\s*[0-9]+:[0-9a-f]{64}\s*"
          title={i.notedHeadHint}
          value={head}
          onChange={setHead}
        />
        {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
        {verdict !== null && <Result verdict={verdict} />}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t.close}
          </button>
          <button type="submit" className="button primary" disabled={isBusy}>
            {isBusy ? i.checking : i.check}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Result({ verdict }: { verdict: Verdict }) {
  const i = useIdentityTexts();
  const head = `${verdict.head.seq}:${verdict.head.hash}`;
  if (!verdict.ok)
    return (
      <Notice kind="error">
        {i.chainBroken(String(verdict.broken_at ?? "?"), verdict.reason ? i[`reason_${verdict.reason}`] : "")}
      </Notice>
    );
  return (
    <>
      <Notice kind="success">{i.chainWhole(verdict.entries)}</Notice>
      <div className="secret">
        <span className="hint">{i.headNow}</span>
        <div className="secret-value">
          <code>{head}</code>
          <CopyButton text={head} />
        </div>
      </div>
    </>
  );
}

/** `SEQ:HASH` as the server writes it; null for an empty field. */
export function parseHead(text: string): Verdict["head"] | null {
  const [seq, hash] = text.trim().split(":");
  return seq && hash ? { seq: Number(seq), hash } : null;
}
