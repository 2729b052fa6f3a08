import { useState } from "react";
import { errorText } from "../../kit/errors";
import { currentLocaleTag } from "../../kit/i18n";
import { momentText } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useRepeated } from "../../kit/use-repeated";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { Pager } from "../../ui/Pager";
import { SelectField, TextField } from "../../ui/TextField";
import type { BaseInfo, Mode } from "./api";
import { percentOf } from "./base-facts";
import { type Evaluation, listResults, RESULTS_PER_PAGE, runQuestions } from "./questions-api";
import { MODES } from "./RetrievalFields";

interface EvaluationsProps {
  base: BaseInfo;
  canRun: boolean;
  hasChanges: boolean;
}

const PAUSE_MS = 1_500;
const isFailed = ({ status }: Evaluation): boolean => status === "failed";
/** An ended run of an empty set has no recall either. */
export const isRunning = ({ status }: Evaluation): boolean => status === "pending" || status === "running";

/** Runs of the test questions, the newest first. */
export function Evaluations({ base, canRun, hasChanges }: EvaluationsProps) {
  const k = useKnowledgeTexts();
  const [page, setPage] = useState(1);
  const [mode, setMode] = useState<Mode>(base.kdbSetting.retrieval?.mode ?? "hybrid");
  const [topK, setTopK] = useState("10");
  const [error, setError] = useState<unknown>(null);
  const results = useLoad(() => listResults(base.kdbId, page), `${base.index.version} ${page}`);
  const items = results.data?.items ?? [];
  const isBusy = items.some(isRunning);
  useRepeated(results.reload, isBusy ? PAUSE_MS : null);
  const run = async (event: React.FormEvent) => {
    event.preventDefault();
    setError(null);
    try {
      await runQuestions(base.kdbId, Number(topK), mode);
      setPage(1);
      await results.reload();
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <>
      <h2>{k.results}</h2>
      {canRun && (
        <form className="filters" onSubmit={run}>
          <SelectField
            label={k.mode}
            value={mode}
            options={MODES.map((value) => ({ value, label: k[`mode_${value}`] }))}
            onChange={(value) => setMode(value as Mode)}
          />
          <TextField
            label={k.topK}
            type="number"
            required
            min={1}
            max={100}
            value={topK}
            onChange={setTopK}
          />
          <button type="submit" className="button fit at-fields" disabled={isBusy || hasChanges}>
            {k.runQuestions}
          </button>
        </form>
      )}
      {canRun && hasChanges && <p className="hint">{k.runNeedsSave}</p>}
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <LoadState of={results} />
      {results.data?.total === 0 && <p className="muted">{k.noResults}</p>}
      <ul className="cards">
        {items.map((each, index) => (
          <EvaluationCard key={each.evaluation_id} evaluation={each} before={items[index + 1]} />
        ))}
      </ul>
      {results.data !== null && (
        <Pager page={page} pageSize={RESULTS_PER_PAGE} total={results.data.total} onPage={setPage} />
      )}
    </>
  );
}

interface CardProps {
  evaluation: Evaluation;
  before: Evaluation | undefined;
}

function EvaluationCard({ evaluation, before }: CardProps) {
  const k = useKnowledgeTexts();
  const { recall, mrr, missed, trigger, index_version, created_at } = evaluation;
  const facts = [
    momentText(created_at, currentLocaleTag()),
    k[`trigger_${trigger}`],
    index_version !== null && `${k.indexVersion} ${index_version}`,
    k.questionCount(evaluation.questions),
  ];
  return (
    <li className="card pot">
      <p className="muted">{facts.filter(Boolean).join(" · ")}</p>
      {isRunning(evaluation) && <p role="status">{k.running}</p>}
      {isFailed(evaluation) && <Notice kind="error">{k.evalState_failed}</Notice>}
      {recall !== null && (
        <>
          <dl className="facts">
            <div>
              <dt title={k.recallHint}>{k.recall}</dt>
              <dd>
                <strong>{percentOf(recall)} %</strong> <Change now={recall} before={before?.recall ?? null} />
              </dd>
            </div>
            <div>
              <dt title={k.mrrHint}>{k.mrr}</dt>
              <dd>{mrr?.toFixed(3)}</dd>
            </div>
          </dl>
          {missed.length === 0 ? (
            <p className="hint">{k.allFound}</p>
          ) : (
            <details className="more-fields">
              <summary>{k.missed(missed.length)}</summary>
              <ul className="bullets">
                {missed.map(({ id, question }) => (
                  <li key={id}>{question}</li>
                ))}
              </ul>
            </details>
          )}
        </>
      )}
    </li>
  );
}

function Change({ now, before }: { now: number; before: number | null }) {
  const k = useKnowledgeTexts();
  if (before === null || before === now) return null;
  const points = percentOf(Math.abs(now - before));
  return (
    <small className={now < before ? "worse" : "muted"}>
      {now > before ? k.better(points) : k.worse(points)}
    </small>
  );
}
