import { useState } from "react";
import { currentLocaleTag, useTexts, wordOf } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { momentText } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useScheduleTexts } from "../../texts/schedules";
import { Filters } from "../../ui/Filters";
import { LoadState } from "../../ui/LoadState";
import { Pager } from "../../ui/Pager";
import { Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import { SelectField } from "../../ui/TextField";
import { listHistory, ROWS_PER_PAGE, type Task, type TaskRun } from "./api";
import { markOf } from "./task-facts";

const STATUSES = ["running", "completed", "failed", "interrupted", "queued", "skipped", "missed"];

/** The starts of a task, the newest first; read again whenever the task itself has changed. */
export function HistoryPart({ task }: { task: Task }) {
  const t = useTexts();
  const s = useScheduleTexts();
  const [page, setPage] = useState(1);
  const [status, setStatus] = useState("");
  const { task_id, run_count, last_status, last_run_at, next_run_at } = task;
  const seen = [page, status, task.status, run_count, last_status, last_run_at, next_run_at];
  const starts = useLoad(() => listHistory(task_id, page, status), JSON.stringify(seen));
  const total = starts.data?.total ?? 0;
  return (
    <>
      <SectionHead title={s.historyOf} level={2} />
      {(total > 1 || status !== "") && (
        <Filters label={s.historyOf}>
          <SelectField
            label={s.outcome}
            value={status}
            options={[
              { value: "", label: s.type_all },
              ...STATUSES.map((value) => ({ value, label: wordOf(s, "status", value) })),
            ]}
            onChange={(next) => {
              setStatus(next);
              setPage(1);
            }}
          />
        </Filters>
      )}
      <LoadState of={starts} />
      {starts.data !== null && total === 0 && (
        <p className="muted">{status === "" ? s.noHistory : t.nothingFound}</p>
      )}
      <ul className="cards">
        {starts.data?.items.map((start) => (
          <StartRow key={start.task_run_id} start={start} />
        ))}
      </ul>
      <Pager page={page} pageSize={ROWS_PER_PAGE} total={total} onPage={setPage} />
    </>
  );
}

function StartRow({ start }: { start: TaskRun }) {
  const s = useScheduleTexts();
  const at = (iso: string) => momentText(iso, currentLocaleTag());
  const when = at(start.scheduled_for);
  const moments = [
    start.started_at !== null && s.started(at(start.started_at)),
    start.ended_at !== null && s.ended(at(start.ended_at)),
    start.attempt > 1 && s.attempt(start.attempt),
  ];
  return (
    <Row
      title={when}
      marks={[markOf(start.status, s), wordOf(s, "trigger", start.trigger)]}
      lines={[
        moments.filter(Boolean).join(" · "),
        start.error !== null && <span className="field-error">{wordOf(s, "error", start.error)}</span>,
        start.run_id !== null && <Ways start={start} when={when} />,
      ]}
    />
  );
}

/** To what was said, and to what was done step by step. */
function Ways({ start, when }: { start: TaskRun; when: string }) {
  const s = useScheduleTexts();
  return (
    <>
      {start.session_id !== null && (
        <a href={hrefOf({ page: "chat", sessionId: start.session_id })} aria-label={s.conversationOf(when)}>
          {s.openConversation}
        </a>
      )}
      {" · "}
      <a href={hrefOf({ page: "account", section: "runs", id: start.run_id })} aria-label={s.stepsOf(when)}>
        {s.steps}
      </a>
    </>
  );
}
