import { useState } from "react";
import { ApiError } from "../../kit/http";
import { useTexts, wordOf } from "../../kit/i18n";
import { goTo, hrefOf, type KnowledgePart } from "../../kit/route";
import { type Loaded, useLoad } from "../../kit/use-load";
import { useRepeated } from "../../kit/use-repeated";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import type { MenuEntry } from "../../ui/Menu";
import { Badge, MoreActions } from "../../ui/Rows";
import { SectionNav } from "../../ui/Sections";
import { type BaseInfo, clearBase, deleteBase, getBase, redoBase } from "./api";
import { BaseForm } from "./BaseForm";
import { ByNameDialog } from "./ByNameDialog";
import { isBuilding, isInUse, mayOwn, mayWrite } from "./base-facts";
import { DocumentsPart } from "./DocumentsPart";
import { IndexFacts } from "./IndexFacts";
import { QuestionsPart } from "./QuestionsPart";
import { SearchPart } from "./SearchPart";
import { ShareBaseDialog } from "./ShareBaseDialog";

interface BasePageProps {
  kdbId: string;
  part: KnowledgePart | null;
}

const BUSY_PAUSE_MS = 2_000;
const VECTORS_PAUSE_MS = 5_000;

/** One base: its state, its documents, how well they are found, its settings. */
export function BasePage({ kdbId, part }: BasePageProps) {
  const t = useTexts();
  const k = useKnowledgeTexts();
  const base = useLoad(() => getBase(kdbId), kdbId);
  useRepeated(base.reload, base.data === null ? null : pauseFor(base.data));
  const isMissing = base.error instanceof ApiError && base.error.slug === "kdb_not_found";
  return (
    <div className="page">
      <a className="back-link" href={hrefOf({ page: "knowledge", kdbId: null })}>
        ← {k.allBases}
      </a>
      {(isMissing || base.data === null) && <h1 className="visually-hidden">{t.knowledge}</h1>}
      {isMissing ? <p className="muted">{k.baseMissing}</p> : <LoadState of={base} />}
      {base.data !== null && !isMissing && <BaseView base={base.data} part={part} reload={base.reload} />}
    </div>
  );
}

function pauseFor({ counts, index, passages }: BaseInfo): number | null {
  if (counts.pending + counts.processing > 0 || isBuilding(index)) return BUSY_PAUSE_MS;
  const hasVectorsToCome = isInUse(index.embedding) && index.vectors !== "complete" && passages > 0;
  return hasVectorsToCome ? VECTORS_PAUSE_MS : null;
}

interface BaseViewProps {
  base: BaseInfo;
  part: KnowledgePart | null;
  reload: Loaded<unknown>["reload"];
}

function BaseView({ base, part, reload }: BaseViewProps) {
  const k = useKnowledgeTexts();
  const [redoneTask, setRedoneTask] = useState<string | null>(null);
  const parts: (KnowledgePart | null)[] = [null, "search", "questions"];
  if (mayOwn(base.access)) parts.push("settings");
  const here = parts.includes(part) ? part : null;
  const labels = { search: k.findability, questions: k.questions, settings: k.settings };
  return (
    <>
      <BaseHead base={base} reload={reload} onRedone={setRedoneTask} />
      <IndexFacts base={base} />
      <SectionNav
        title={base.name}
        links={parts.map((each) => ({
          label: each === null ? k.documents : labels[each],
          href: hrefOf({ page: "knowledge", kdbId: base.kdbId, part: each }),
          isHere: each === here,
        }))}
      />
      {here === null && <DocumentsPart base={base} redoneTask={redoneTask} onChanged={reload} />}
      {here === "search" && <SearchPart base={base} />}
      {here === "questions" && <QuestionsPart base={base} />}
      {here === "settings" && <BaseForm base={base} onSaved={reload} />}
    </>
  );
}

interface HeadProps {
  base: BaseInfo;
  reload: Loaded<unknown>["reload"];
  onRedone: (taskId: string) => void;
}

function BaseHead({ base, reload, onRedone }: HeadProps) {
  const t = useTexts();
  const k = useKnowledgeTexts();
  const [open, setOpen] = useState<"share" | "clear" | "delete" | "redo" | null>(null);
  const close = () => setOpen(null);
  const isEmpty = base.docNum === 0;
  const redo: MenuEntry = { label: k.redoAll, icon: "turn", onSelect: () => setOpen("redo") };
  const own: MenuEntry[] = [
    { label: t.share, icon: "people", onSelect: () => setOpen("share") },
    ...(isEmpty ? [] : [redo]),
    ...(isEmpty
      ? []
      : [
          {
            label: k.clearBase,
            icon: "trash" as const,
            isDangerous: true,
            onSelect: () => setOpen("clear"),
          },
        ]),
    { label: t.delete, icon: "trash", isDangerous: true, onSelect: () => setOpen("delete") },
  ];
  const entries = mayOwn(base.access) ? own : mayWrite(base.access) && !isEmpty ? [redo] : [];
  return (
    <>
      <header className="page-head in-line">
        <div>
          <h1>
            {base.name}
            <Badge>{wordOf(k, "kind", base.type)}</Badge>
            {base.access !== "owner" && <Badge>{k[`access_${base.access}`]}</Badge>}
          </h1>
          {base.intro && <p className="muted">{base.intro}</p>}
        </div>
        {entries.length > 0 && (
          <div className="page-actions">
            <MoreActions label={t.actionsFor(base.name)} entries={entries} />
          </div>
        )}
      </header>
      {open === "share" && <ShareBaseDialog base={base} onClose={close} />}
      {open === "redo" && <RedoDialog base={base} reload={reload} onRedone={onRedone} onClose={close} />}
      {open === "clear" && (
        <ByNameDialog
          title={k.clearBaseTitle}
          name={base.name}
          onAction={async () => {
            await clearBase(base.kdbId);
            await reload();
          }}
          onClose={close}
        >
          <p>{k.clearBaseText(base.name, k.docCount(base.docNum))}</p>
        </ByNameDialog>
      )}
      {open === "delete" && (
        <ByNameDialog
          title={k.deleteBaseTitle}
          name={base.name}
          onAction={async () => {
            await deleteBase(base.kdbId);
            goTo({ page: "knowledge", kdbId: null });
          }}
          onClose={close}
        >
          <p>{k.deleteBaseText(base.name, k.docCount(base.docNum))}</p>
        </ByNameDialog>
      )}
    </>
  );
}

function RedoDialog({ base, reload, onRedone, onClose }: HeadProps & { onClose: () => void }) {
  const k = useKnowledgeTexts();
  const run = async () => {
    const { task_id } = await redoBase(base.kdbId);
    onRedone(task_id);
    await reload();
  };
  return (
    <ActionDialog title={k.redoAll} action={k.readAgain} onAction={run} onClose={onClose}>
      <p>{k.redoAllText(k.docCount(base.docNum))}</p>
    </ActionDialog>
  );
}
