import { useRef, useState } from "react";
import { currentLocaleTag, useTexts } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { momentText } from "../../kit/time";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { ActionDialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import type { MenuEntry } from "../../ui/Menu";
import { Badge, MoreActions } from "../../ui/Rows";
import { sizeText } from "../workspaces/folders";
import { hasText, isUnderway, refusalText, remarksOf, stateText } from "./doc-facts";
import {
  cancelDocument,
  type Doc,
  deleteDocument,
  fetchOriginal,
  redoDocument,
  uploadDocuments,
} from "./documents-api";

interface DocumentRowProps {
  doc: Doc;
  kdbId: string;
  mayChange: boolean;
  /** Does something and shows what it answers, or why it failed. */
  onAct: (run: () => Promise<string | null>) => Promise<void>;
  onTask: (taskId: string) => void;
}

export function DocumentRow({ doc, kdbId, mayChange, onAct, onTask }: DocumentRowProps) {
  const t = useTexts();
  const k = useKnowledgeTexts();
  const [isDoomed, setDoomed] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const act = (run: () => Promise<unknown>) => () => void onAct(() => run().then(() => null));
  const replace = (file: File) =>
    onAct(async () => {
      const { taskId } = await uploadDocuments(kdbId, [named(file, doc.doc_name)], true);
      onTask(taskId);
      return k.replaced(doc.doc_name);
    });
  const download: MenuEntry = {
    label: k.original,
    icon: "save",
    onSelect: () => fetchOriginal(doc.id),
  };
  const changes: MenuEntry[] = [
    isUnderway(doc)
      ? { label: k.stopReading, icon: "stop", onSelect: act(() => cancelDocument(kdbId, doc.id)) }
      : { label: k.readAgain, icon: "turn", onSelect: act(() => redoDocument(doc.id)) },
    { label: k.replaceFile, icon: "upload", onSelect: () => picker.current?.click() },
    { label: t.delete, icon: "trash", isDangerous: true, onSelect: () => setDoomed(true) },
  ];
  return (
    <li className="doc-row">
      <Icon name="file" size={18} />
      <div className="card-text">
        <strong>
          {hasText(doc) ? (
            <a href={hrefOf({ page: "document", docId: doc.id })}>{doc.doc_name}</a>
          ) : (
            doc.doc_name
          )}
        </strong>
        {doc.status !== 2 && <Badge kind={doc.status === 3 ? "bad" : "usual"}>{stateText(doc, k)}</Badge>}
        {doc.status === 2 && doc.vectors === "pending" && <Badge kind="warn">{k.vectorsPending}</Badge>}
        {doc.status === 1 && (
          <progress className="wide" value={doc.progress} max={100} aria-label={stateText(doc, k)} />
        )}
        <Remarks doc={doc} />
        <p className="hint">{factsOf(doc, k)}</p>
      </div>
      <MoreActions
        label={t.actionsFor(doc.doc_name)}
        entries={mayChange ? [download, ...changes] : [download]}
      />
      <input
        ref={picker}
        type="file"
        hidden
        accept={extensionOf(doc.doc_name)}
        aria-label={k.replaceFile}
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = "";
          if (file) void replace(file);
        }}
      />
      {isDoomed && (
        <ActionDialog
          title={k.deleteDocumentTitle}
          action={t.delete}
          isDangerous
          onAction={async () => {
            await deleteDocument(doc.id);
            void onAct(async () => null);
          }}
          onClose={() => setDoomed(false)}
        >
          <p>{k.deleteDocumentText(doc.doc_name)}</p>
        </ActionDialog>
      )}
    </li>
  );
}

function Remarks({ doc }: { doc: Doc }) {
  const k = useKnowledgeTexts();
  const refusal = refusalText(doc, k);
  return (
    <>
      {refusal !== null && <p className="doc-refusal">{refusal}</p>}
      {remarksOf(doc, k).map((remark) => (
        <p className="hint" key={remark}>
          {remark}
        </p>
      ))}
    </>
  );
}

function factsOf(doc: Doc, k: ReturnType<typeof useKnowledgeTexts>): string {
  const facts = [
    sizeText(doc.size),
    doc.pages !== null && doc.pages > 0 && k.pageCount(doc.pages),
    doc.passages > 0 && k.passageCount(doc.passages),
    momentText(doc.create_time, currentLocaleTag()),
  ];
  return facts.filter(Boolean).join(" · ");
}

const extensionOf = (name: string): string | undefined => /\.[^.]+$/.exec(name)?.[0];

/** The server knows what is replaced by its name, so the new file takes it on. */
const named = (file: File, name: string): File => new File([file], name, { type: file.type });
