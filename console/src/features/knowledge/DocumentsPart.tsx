import { useEffect, useState } from "react";
import { errorText } from "../../kit/errors";
import { useDebounced } from "../../kit/use-debounced";
import { useLoad } from "../../kit/use-load";
import { useRepeated } from "../../kit/use-repeated";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { Filters, SearchField } from "../../ui/Filters";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { Pager } from "../../ui/Pager";
import { SelectField } from "../../ui/TextField";
import type { BaseInfo } from "./api";
import { isQa, mayWrite } from "./base-facts";
import { DocumentRow } from "./DocumentRow";
import { isUnderway } from "./doc-facts";
import { DOCUMENTS_PER_PAGE, type Doc, listDocuments } from "./documents-api";
import { TaskRow } from "./TaskRow";
import { UploadBox } from "./UploadBox";

interface DocumentsPartProps {
  base: BaseInfo;
  /** The task of "all again", which the head of the page has begun. */
  redoneTask: string | null;
  onChanged: () => Promise<void>;
}

const STATES = ["0", "1", "2", "3"] as const;
const SHOWN_TASKS = 3;
const READING_PAUSE_MS = 1_500;
const VECTORS_PAUSE_MS = 8_000;

/** The documents of a base: how they come in, how far they are, and what can be done with each. */
export function DocumentsPart({ base, redoneTask, onChanged }: DocumentsPartProps) {
  const k = useKnowledgeTexts();
  const { kdbId } = base;
  const [typed, setTyped] = useState("");
  const [status, setStatus] = useState("");
  const [shownTask, setShownTask] = useState("");
  const [page, setPage] = useState(1);
  const [tasks, setTasks] = useState<string[]>([]);
  const [said, setSaid] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const name = useDebounced(typed.trim());
  const question = { name, status, taskId: shownTask, page };
  // With another number of documents it is another list, whoever has changed it.
  const documents = useLoad(() => listDocuments(kdbId, question), JSON.stringify([question, base.docNum]));
  const rows = documents.data?.list ?? [];
  useRepeated(documents.reload, pauseFor(rows));
  const refresh = async () => {
    await Promise.all([documents.reload(), onChanged()]);
  };
  const follow = (taskId: string) => {
    setTasks((known) => (known.includes(taskId) ? known : [...known, taskId]));
    void refresh();
  };
  useEffect(() => {
    if (redoneTask !== null)
      setTasks((known) => [...known.filter((each) => each !== redoneTask), redoneTask]);
  }, [redoneTask]);
  useBackToAPageThatIs(documents.data?.total ?? null, page, setPage);
  const filter = (change: () => void) => {
    change();
    setPage(1);
  };
  const act = (run: () => Promise<string | null>) => {
    setError(null);
    setSaid(null);
    return run().then(setSaid, setError).then(refresh);
  };
  const isFiltered = name !== "" || status !== "" || shownTask !== "";
  return (
    <section className="stack" aria-label={k.documents}>
      {mayWrite(base.access) && <UploadBox kdbId={kdbId} isQa={isQa(base.type)} onTaken={follow} />}
      {tasks.slice(0, SHOWN_TASKS).map((taskId) => (
        <TaskRow
          key={taskId}
          kdbId={kdbId}
          taskId={taskId}
          onProgress={() => void refresh()}
          onShow={() => filter(() => setShownTask(taskId))}
          onRedone={follow}
          isCrowded={tasks.length > SHOWN_TASKS}
          onDismiss={() => setTasks((known) => known.filter((each) => each !== taskId))}
        />
      ))}
      {tasks.length > SHOWN_TASKS && <p className="hint">{k.moreTasks(tasks.length - SHOWN_TASKS)}</p>}
      <Filters label={k.documents}>
        <SearchField value={typed} onChange={(text) => filter(() => setTyped(text))} />
        <SelectField
          label={k.status}
          value={status}
          options={[
            { value: "", label: k.anyStatus },
            ...STATES.map((state) => ({ value: state, label: k[`status_${state}`] })),
          ]}
          onChange={(state) => filter(() => setStatus(state))}
        />
      </Filters>
      {shownTask !== "" && (
        <Notice
          kind="info"
          action={
            <button type="button" className="button small" onClick={() => filter(() => setShownTask(""))}>
              {k.showAll}
            </button>
          }
        >
          {k.onlyTask}
        </Notice>
      )}
      {said !== null && <Notice kind="success">{said}</Notice>}
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <LoadState of={documents} />
      {documents.data?.total === 0 && (
        <p className="muted">{isFiltered ? k.noDocumentFound : k.noDocuments}</p>
      )}
      <ul className="doc-rows">
        {rows.map((doc) => (
          <DocumentRow
            key={doc.id}
            doc={doc}
            kdbId={kdbId}
            mayChange={mayWrite(base.access)}
            onAct={act}
            onTask={follow}
          />
        ))}
      </ul>
      {documents.data !== null && (
        <Pager page={page} pageSize={DOCUMENTS_PER_PAGE} total={documents.data.total} onPage={setPage} />
      )}
    </section>
  );
}

function pauseFor(rows: Doc[]): number | null {
  if (rows.some(isUnderway)) return READING_PAUSE_MS;
  return rows.some(({ vectors }) => vectors === "pending") ? VECTORS_PAUSE_MS : null;
}

/** After the last row of the last page was deleted, there is something to see again. */
function useBackToAPageThatIs(total: number | null, page: number, setPage: (page: number) => void): void {
  useEffect(() => {
    if (total === null) return;
    const last = Math.max(1, Math.ceil(total / DOCUMENTS_PER_PAGE));
    if (page > last) setPage(last);
  }, [total, page, setPage]);
}
