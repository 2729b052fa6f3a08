import { type KeyboardEvent, memo, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { useRuntimeTexts } from "../../texts/runtime";
import { CopyButton } from "../../ui/CopyButton";
import { Notice } from "../../ui/Notice";
import { IconAction } from "../../ui/Rows";
import { readResponse } from "./questionnaire";
import { textOf } from "./transcript";
import type { MessageLine } from "./wire";

interface UserMessageProps {
  message: MessageLine;
  /** Present where the message can be written anew. Raises when the server refuses the text. */
  onEdit?: (text: string) => Promise<void>;
}

export const UserMessage = memo(function UserMessage({ message, onEdit }: UserMessageProps) {
  const t = useTexts();
  const r = useRuntimeTexts();
  const [isEditing, setEditing] = useState(false);
  const text = textOf(message);
  const answers = readResponse(text);
  if (isEditing && onEdit) return <Editor text={text} onSave={onEdit} onDone={() => setEditing(false)} />;
  return (
    <div className="user-row">
      <div className="user-message">
        <span className="visually-hidden">{t.youSaid}</span>
        {answers === null ? text : <GivenAnswers answers={answers} />}
      </div>
      <CopyButton text={text} label={t.copyMessage} />
      {onEdit && answers === null && (
        <IconAction icon="edit" size="small" label={r.editQuestion} onClick={() => setEditing(true)} />
      )}
    </div>
  );
});

function GivenAnswers({ answers }: { answers: { question: string; answer: string }[] }) {
  const r = useRuntimeTexts();
  return (
    <dl className="answers">
      {answers.map(({ question, answer }) => (
        <div key={question}>
          <dt>{question}</dt>
          <dd>{answer || r.notAnswered}</dd>
        </div>
      ))}
    </dl>
  );
}

interface EditorProps {
  text: string;
  onSave: (text: string) => Promise<void>;
  onDone: () => void;
}

function Editor({ text, onSave, onDone }: EditorProps) {
  const t = useTexts();
  const r = useRuntimeTexts();
  const [value, setValue] = useState(text);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const save = async () => {
    if (value.trim() === "" || isBusy) return;
    setBusy(true);
    setError(null);
    try {
      await onSave(value.trim());
      onDone();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") onDone();
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    void save();
  };
  return (
    <div className="user-editor field">
      <textarea
        // biome-ignore lint/a11y/noAutofocus: the person has just asked to type here
        autoFocus
        aria-label={r.editQuestion}
        rows={3}
        value={value}
        onChange={(event) => setValue(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <div className="form-actions">
        <button type="button" className="button small" onClick={onDone}>
          {t.cancel}
        </button>
        <button
          type="button"
          className="button primary small"
          disabled={isBusy || value.trim() === ""}
          onClick={save}
        >
          {r.saveAndAsk}
        </button>
      </div>
    </div>
  );
}
