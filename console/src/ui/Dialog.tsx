import {
  type FormEvent,
  type ReactNode,
  type SyntheticEvent,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { createPortal } from "react-dom";
import { errorText } from "../kit/errors";
import { useTexts } from "../kit/i18n";
import { Notice } from "./Notice";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  isWide?: boolean;
  /** Escape does not close it: what it shows cannot be seen again, or what was typed would be lost. */
  isSticky?: boolean;
}

/** A modal window; the browser keeps the focus inside and closes it with Escape. It stands outside of what opened it. */
export function Dialog({ title, onClose, children, isWide = false, isSticky = false }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  // Closed while it still stands in the page: only then does the browser give the focus back to what opened it.
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => {
      dialog?.close();
      // What opened it may be gone, such as the row that was deleted.
      if (document.activeElement === document.body) document.getElementById("main")?.focus();
    };
  }, []);
  const cancel = (event: SyntheticEvent) => {
    if (event.target !== ref.current) return;
    if (isSticky) event.preventDefault();
    else onClose();
  };
  return createPortal(
    <dialog
      ref={ref}
      className={isWide ? "dialog wide" : "dialog"}
      aria-labelledby={titleId}
      onCancel={cancel}
      // A second Escape closes a window in spite of a refusal, unless the key itself is taken.
      onKeyDown={(event) => isSticky && event.key === "Escape" && event.preventDefault()}
      onClose={(event) => event.target === ref.current && !ref.current.open && onClose()}
    >
      <h2 id={titleId}>{title}</h2>
      {children}
    </dialog>,
    document.body,
  );
}

interface ActionDialogProps extends DialogProps {
  action: string;
  isDangerous?: boolean;
  /** False while there is nothing yet that the action could be about. */
  isReady?: boolean;
  /** The window does not close when the action is done: it goes on to say what came of it. */
  staysOpen?: boolean;
  /** The window closes when this is done and stays open with the error when it fails. */
  onAction: () => Promise<void>;
}

/** A question or small form with one action. */
export function ActionDialog(props: ActionDialogProps) {
  const {
    title,
    onClose,
    children,
    action,
    isDangerous,
    isReady = true,
    isWide,
    isSticky,
    staysOpen,
    onAction,
  } = props;
  const t = useTexts();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy || !isReady) return;
    setBusy(true);
    setError(null);
    try {
      await onAction();
      if (!staysOpen) onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose} isWide={isWide} isSticky={isSticky}>
      <form onSubmit={submit}>
        {children}
        {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t.cancel}
          </button>
          <button
            type="submit"
            className={isDangerous ? "button danger" : "button primary"}
            disabled={isBusy || !isReady}
          >
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
