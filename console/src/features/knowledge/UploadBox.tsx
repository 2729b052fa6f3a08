import { type DragEvent, useRef, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { IconAction } from "../../ui/Rows";
import { Check } from "../../ui/TextField";
import { sizeText } from "../workspaces/folders";
import { isTable, TABLE_FILES } from "./base-facts";
import { fileUnderway } from "./batches";
import { droppedFiles, folderFiles } from "./dropped-files";
import { Meter } from "./IndexFacts";
import { type Batch, type Batches, useBatches } from "./use-batches";

interface UploadBoxProps {
  kdbId: string;
  isQa: boolean;
  onTaken: (taskId: string) => void;
}

/** Where files come in: by buttons, or dropped with the folders they lie in. */
export function UploadBox({ kdbId, isQa, onTaken }: UploadBoxProps) {
  const k = useKnowledgeTexts();
  const batches = useBatches(kdbId, onTaken);
  const [isReplacing, setReplacing] = useState(false);
  const [isOver, setOver] = useState(false);
  const [remark, setRemark] = useState<string | null>(null);
  const add = (files: File[]) => {
    const fitting = isQa ? files.filter(({ name }) => isTable(name)) : files;
    const others = files.filter((file) => !fitting.includes(file)).map(({ name }) => name);
    setRemark(others.length > 0 ? k.qaOnly(others.join(", ")) : files.length === 0 ? k.nothingToAdd : null);
    if (fitting.length > 0) batches.add(fitting, isReplacing);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void droppedFiles(event.dataTransfer).then(add, () => setRemark(k.nothingToAdd));
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is a second way; the buttons are the first
    <div
      className={isOver ? "drop-box over" : "drop-box"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        const isInside = event.currentTarget.contains(event.relatedTarget as Node | null);
        if (!isInside) setOver(false);
      }}
      onDrop={drop}
    >
      <div className="drop-line">
        <FileButton icon="upload" label={k.addFiles} accept={isQa ? TABLE_FILES : undefined} onFiles={add} />
        <FileButton icon="folder" label={k.addFolder} isFolder onFiles={(files) => add(folderFiles(files))} />
        <span className="hint">{isOver ? k.dropNow : k.dropHere}</span>
      </div>
      {isQa && <p className="hint">{k.qaFilesHint}</p>}
      <Check
        label={k.replaceSame}
        detail={k.replaceSameHint}
        isChecked={isReplacing}
        onChange={setReplacing}
      />
      {remark !== null && <Notice kind="warning">{remark}</Notice>}
      {batches.batches.map((batch) => (
        <BatchRow key={batch.id} batch={batch} batches={batches} />
      ))}
    </div>
  );
}

interface FileButtonProps {
  icon: "upload" | "folder";
  label: string;
  accept?: string;
  isFolder?: boolean;
  onFiles: (files: File[]) => void;
}

function FileButton({ icon, label, accept, isFolder = false, onFiles }: FileButtonProps) {
  const picker = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={(input) => {
          picker.current = input;
          // No attribute that React knows.
          if (input !== null) input.webkitdirectory = isFolder;
        }}
        type="file"
        multiple
        hidden
        accept={accept}
        aria-label={label}
        onChange={(event) => {
          const files = [...(event.target.files ?? [])];
          event.target.value = "";
          if (files.length > 0) onFiles(files);
        }}
      />
      <button type="button" className="button" onClick={() => picker.current?.click()}>
        <Icon name={icon} size={16} />
        {label}
      </button>
    </>
  );
}

function BatchRow({ batch, batches }: { batch: Batch; batches: Batches }) {
  const k = useKnowledgeTexts();
  const { id, files, state, percent } = batch;
  if (state === "failed") return <FailedBatch batch={batch} batches={batches} />;
  if (state === "waiting") return <p className="hint">{k.waitingToSend(files.length)}</p>;
  const place = fileUnderway(files, percent);
  const text = k.sendingFile(files[place]?.name ?? "", place + 1, files.length);
  return (
    <div className="with-end">
      <Meter text={`${text}: ${percent} %`} value={percent} max={100} />
      <IconAction icon="stop" label={k.stopSending} onClick={() => batches.stop(id)} />
    </div>
  );
}

/** What was not taken stays: with the reason, and with what can be done about it. */
function FailedBatch({ batch, batches }: { batch: Batch; batches: Batches }) {
  const t = useTexts();
  const k = useKnowledgeTexts();
  const { id, files, error } = batch;
  return (
    <div className="stack tight">
      <Notice kind={error === null ? "info" : "error"}>
        {k.notTaken(files.length)} {error !== null && errorText(error)}
      </Notice>
      <ul className="plain-rows">
        {files.map((file) => (
          <li key={`${file.webkitRelativePath}${file.name}${file.size}${file.lastModified}`}>
            <Icon name="file" size={16} />
            <span className="breaking">{file.name}</span>
            <small>{sizeText(file.size)}</small>
            <IconAction
              icon="close"
              size="small"
              label={k.leaveOut(file.name)}
              onClick={() => batches.leaveOut(id, file)}
            />
          </li>
        ))}
      </ul>
      <div className="drop-line">
        <button type="button" className="button small" onClick={() => batches.again(id)}>
          {k.sendAgain}
        </button>
        <button type="button" className="button quiet small" onClick={() => batches.leaveOut(id, null)}>
          {t.cancel}
        </button>
      </div>
    </div>
  );
}
