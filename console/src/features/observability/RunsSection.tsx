import { useState } from "react";
import { currentLocaleTag } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { momentText } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useFigureTexts } from "../../texts/figures";
import { useIdentityTexts } from "../../texts/identity";
import { Filters } from "../../ui/Filters";
import { LoadState } from "../../ui/LoadState";
import { Pager } from "../../ui/Pager";
import { Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import { SelectField } from "../../ui/TextField";
import { listRuns, RUNS_PER_PAGE, type RunStatus } from "./api";

const STATUSES: RunStatus[] = ["running", "completed", "failed", "interrupted", "replaced", "queued"];

interface RunsProps {
  page: "account" | "admin";
  /** Whose; null for everybody's. */
  userId: string | null;
}

/** Runs, newest first, each a way to what it did. */
export function RunsSection({ page: where, userId }: RunsProps) {
  const i = useIdentityTexts();
  const f = useFigureTexts();
  const [page, setPage] = useState(1);
  const [status, setStatus] = useState("");
  const runs = useLoad(() => listRuns(page, { status, userId }), `${page} ${status}`);
  const change = (next: string) => {
    setStatus(next);
    setPage(1);
  };
  return (
    <>
      <SectionHead title={i.runs} intro={where === "admin" ? f.allRunsIntro : f.ownRunsIntro} />
      <Filters label={i.runs}>
        <SelectField
          label={i.status}
          value={status}
          options={[
            { value: "", label: i.any },
            ...STATUSES.map((value) => ({ value, label: f[`status_${value}`] })),
          ]}
          onChange={change}
        />
      </Filters>
      <LoadState of={runs} />
      {runs.data?.total === 0 && <p className="muted">{f.noRuns}</p>}
      <ul className="cards">
        {runs.data?.items.map((run) => (
          <Row
            key={run.run_id}
            title={
              <a className="row-link" href={hrefOf({ page: where, section: "runs", id: run.run_id })}>
                {run.agent_name}
              </a>
            }
            marks={[{ text: f[`status_${run.status}`], kind: run.status === "failed" ? "bad" : "usual" }]}
            lines={[`${momentText(run.created_at, currentLocaleTag())} · ${run.session_id}`]}
          />
        ))}
      </ul>
      <Pager page={page} pageSize={RUNS_PER_PAGE} total={runs.data?.total ?? 0} onPage={setPage} />
    </>
  );
}
