import { useTexts } from "../kit/i18n";
import { CopyButton } from "./CopyButton";
import { Dialog } from "./Dialog";
import { Notice } from "./Notice";

export interface Secret {
  label: string;
  value: string;
}

interface SecretDialogProps {
  title: string;
  secrets: Secret[];
  onClose: () => void;
}

/** Shows what the server tells exactly once. Only its own button closes it, so that a stray key loses nothing. */
export function SecretDialog({ title, secrets, onClose }: SecretDialogProps) {
  const t = useTexts();
  return (
    <Dialog title={title} onClose={onClose} isSticky>
      <div className="dialog-body">
        <Notice kind="warning">{t.shownOnce}</Notice>
        {secrets.map((secret) => (
          <div className="secret" key={secret.label}>
            <span className="hint">{secret.label}</span>
            <div className="secret-value">
              <code>{secret.value}</code>
              <CopyButton text={secret.value} label={t.copyNamed(secret.label)} />
            </div>
          </div>
        ))}
        <div className="dialog-actions">
          <button type="button" className="button primary" onClick={onClose}>
            {t.savedIt}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
