import { type KeyboardEvent, memo, useContext, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { useRuntimeTexts } from "../../texts/runtime";
import { CopyButton } from "../../ui/CopyButton";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { IconAction } from "../../ui/Rows";
import { fileUrl } from "../workspaces/api";
import { withoutLinks } from "./attachments";
import { WorkspaceContext } from "./Markdown";
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
  const shown = withoutLinks(text);
  if (isEditing && onEdit) return <Editor text={text} onSave={onEdit} onDone={() => setEditing(false)} />;
  return (
    <div className="user-row">
      <div className="user-message">
        <span className="visually-hidden">{t.youSaid}</span>
        {answers === null ? shown.text : <GivenAnswers answers={answers} />}
        <Sent message={message} files={shown.files} />
      </div>
      <CopyButton text={text} label={t.copyMessage} />
      {onEdit && answers === null && (
        <IconAction icon="edit" size="small" label={r.editQuestion} onClick={() => setEditing(true)} />
      )}
    </div>
  );
});

/** Files and pictures that went with a message. */
function Sent({ message, files }: { message: MessageLine; files: { name: string; address: string }[] }) {
  const workspace = useContext(WorkspaceContext);
  const parts = Array.isArray(message.content) ? message.content : [];
  const pictures = parts.flatMap((part) => (part.type === "image_url" ? [part.image_url.url] : []));
  if (files.length === 0 && pictures.length === 0) return null;
  const placeOf = (address: string, isInline: boolean) =>
    workspace !== null && !/^(https?|data):/i.test(address) ? fileUrl(workspace, address, isInline) : null;
  return (
    <ul className="sent-files">
      {pictures.map((address) => (
        <li key={address}>
          <SentPicture address={address} place={placeOf(address, true)} />
        </li>
      ))}
      {files.map(({ name, address }) => (
        <li key={address} className="chip">
          <Icon name="file" size={15} />
          <a href={placeOf(address, false) ?? undefined} download>
            {name}
          </a>
        </li>
      ))}
    </ul>
  );
}

/** Pictures from elsewhere would tell that address what is read here, so they stay links. */
function SentPicture({ address, place }: { address: string; place: string | null }) {
  const name = address.startsWith("data:") ? "" : (address.split("/").at(-1) ?? "");
  const source = place ?? (address.startsWith("data:image/") ? address : null);
  if (source !== null) return <img src={source} alt={name} loading="lazy" />;
  return (
    <a href={address} target="_blank" rel="noreferrer noopener">
      {name || address}
    </a>
  );
}

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
