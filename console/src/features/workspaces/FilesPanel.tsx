import { type DragEvent, useRef, useState } from "react";
import { errorText } from "../../kit/errors";
import { currentLocaleTag, useTexts } from "../../kit/i18n";
import { momentText } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useRuntimeTexts } from "../../texts/runtime";
import { ActionDialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { IconAction } from "../../ui/Rows";
import { SidePanel } from "../../ui/SidePanel";
import { deleteFile, fileUrl, listFiles, type Workspace, type WorkspaceFile } from "./api";
import { clean, contentOf, nameOf, sizeText, trailOf } from "./folders";
import { type Upload, useUploads } from "./use-uploads";

interface FilesPanelProps {
  workspace: Workspace;
  /** Changes when an agent may have changed files, so the list is read again. */
  version: string;
  onClose: () => void;
}

/** The workspace a person and an agent share: look, bring files in, take them out. */
export function FilesPanel({ workspace, version, onClose }: FilesPanelProps) {
  const r = useRuntimeTexts();
  const listing = useLoad(
    () => listFiles(workspace),
    [workspace.agentId, workspace.sessionId, version].join("/"),
  );
  const [folder, setFolder] = useState("");
  const [doomed, setDoomed] = useState<WorkspaceFile | null>(null);
  const { uploads, start, dismiss } = useUploads(workspace, listing.reload);
  const picker = useRef<HTMLInputElement>(null);
  const { reload } = listing;
  const drop = (event: DragEvent) => {
    event.preventDefault();
    if (workspace.isMissing) return;
    void start([...event.dataTransfer.files], folder);
  };
  const files = listing.data === null ? null : contentOf(listing.data.files, folder);
  const emptyText = workspace.isMissing ? r.filesNeedChat : r.filesEmpty;
  return (
    <SidePanel
      title={r.files}
      onClose={onClose}
      actions={
        <>
          <IconAction icon="turn" label={r.refresh} onClick={reload} />
          <a
            className="icon-button"
            href={fileUrl(workspace, folder || "/")}
            download
            aria-label={r.downloadZip}
            title={r.downloadZip}
          >
            <Icon name="save" />
          </a>
        </>
      }
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is a second way; the button is the first */}
      <div className="files" onDragOver={(event) => event.preventDefault()} onDrop={drop}>
        <p className="hint">{r.filesIntro}</p>
        <Trail folder={folder} onOpen={setFolder} />
        <LoadState of={listing} />
        {files?.length === 0 && <p className="muted">{folder === "" ? emptyText : r.folderEmpty}</p>}
        <ul className="file-rows">
          {files?.map((file) => (
            <FileRow
              key={file.path}
              file={file}
              workspace={workspace}
              onOpen={() => setFolder(clean(file.path))}
              onDelete={() => setDoomed(file)}
            />
          ))}
        </ul>
        {listing.data?.truncated && <Notice kind="info">{r.filesTruncated}</Notice>}
        {uploads.map((upload) => (
          <UploadRow key={upload.id} upload={upload} onDismiss={() => dismiss(upload.id)} />
        ))}
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          aria-label={r.upload}
          onChange={(event) => {
            void start([...(event.target.files ?? [])], folder);
            event.target.value = "";
          }}
        />
        {!workspace.isMissing && (
          <button type="button" className="button wide" onClick={() => picker.current?.click()}>
            <Icon name="upload" size={16} />
            {r.upload}
          </button>
        )}
      </div>
      {doomed !== null && (
        <DeleteDialog workspace={workspace} file={doomed} onDone={reload} onClose={() => setDoomed(null)} />
      )}
    </SidePanel>
  );
}

function Trail({ folder, onOpen }: { folder: string; onOpen: (folder: string) => void }) {
  const r = useRuntimeTexts();
  return (
    <nav className="trail" aria-label={r.workspaceRoot}>
      {["", ...trailOf(folder)].map((path) => (
        <button
          key={path}
          type="button"
          aria-current={path === folder ? "location" : undefined}
          onClick={() => onOpen(path)}
        >
          {path === "" ? r.workspaceRoot : nameOf(path)}
        </button>
      ))}
    </nav>
  );
}

interface FileRowProps {
  file: WorkspaceFile;
  workspace: Workspace;
  onOpen: () => void;
  onDelete: () => void;
}

function FileRow({ file, workspace, onOpen, onDelete }: FileRowProps) {
  const t = useTexts();
  const r = useRuntimeTexts();
  const changed = momentText(new Date(file.modified_time * 1000).toISOString(), currentLocaleTag());
  return (
    <li>
      {file.is_directory ? (
        <button type="button" className="file-name" onClick={onOpen}>
          <Icon name="folder" size={17} />
          <span>{file.name}</span>
        </button>
      ) : (
        <a
          className="file-name"
          href={fileUrl(workspace, file.path, true)}
          target="_blank"
          rel="noreferrer noopener"
          title={r.openFile}
        >
          <Icon name="file" size={17} />
          <span>
            {file.name}
            <small>
              {sizeText(file.size)} · {changed}
            </small>
          </span>
        </a>
      )}
      <a
        className="icon-button"
        href={fileUrl(workspace, file.path)}
        download
        aria-label={r.downloadNamed(file.name)}
        title={file.is_directory ? r.downloadZip : r.downloadNamed(file.name)}
      >
        <Icon name="save" size={16} />
      </a>
      <IconAction icon="trash" label={t.deleteNamed(file.name)} onClick={onDelete} />
    </li>
  );
}

function UploadRow({ upload, onDismiss }: { upload: Upload; onDismiss: () => void }) {
  const r = useRuntimeTexts();
  const t = useTexts();
  if (upload.error !== null)
    return (
      <Notice
        kind="error"
        action={<IconAction icon="close" size="small" label={t.close} onClick={onDismiss} />}
      >
        {r.uploadFailed(upload.name)} {errorText(upload.error)}
      </Notice>
    );
  const text = r.uploading(upload.name, upload.percent);
  return (
    <div className="upload">
      <span>{text}</span>
      <progress value={upload.percent} max={100} aria-label={text} />
    </div>
  );
}

interface DeleteProps {
  workspace: Workspace;
  file: WorkspaceFile;
  onDone: () => Promise<void>;
  onClose: () => void;
}

function DeleteDialog({ workspace, file, onDone, onClose }: DeleteProps) {
  const t = useTexts();
  const r = useRuntimeTexts();
  const run = async () => {
    await deleteFile(workspace, file.path);
    await onDone();
  };
  return (
    <ActionDialog title={r.deleteFileTitle} action={t.delete} isDangerous onAction={run} onClose={onClose}>
      <p>{file.is_directory ? r.deleteFolderText(file.name) : r.deleteFileText(file.name)}</p>
    </ActionDialog>
  );
}
