import { currentLocaleTag } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { momentText } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useFigureTexts } from "../../texts/figures";
import { Facts } from "../../ui/Facts";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { SectionHead } from "../../ui/Sections";
import { readTimeline, type Timeline } from "./api";
import { type Placed, placed } from "./nesting";

const seconds = (milliseconds: number) =>
  (milliseconds / 1000).toLocaleString(currentLocaleTag(), { maximumFractionDigits: 1 });

/** What one run did, step by step; it can be followed while it runs by asking again. */
export function TimelinePage({ id, page }: { id: string; page: "account" | "admin" }) {
  const f = useFigureTexts();
  const timeline = useLoad(() => readTimeline(id), id);
  const { data } = timeline;
  return (
    <>
      <a className="back-link" href={hrefOf({ page, section: "runs" })}>
        {f.allRuns}
      </a>
      <LoadState of={timeline} />
      {data !== null && (
        <>
          <SectionHead
            title={data.run.agent_name}
            intro={`${f[`status_${data.run.status}`]} · ${momentText(data.run.created_at, currentLocaleTag())}`}
            action={
              <button type="button" className="button" onClick={timeline.reload}>
                <Icon name="turn" size={16} />
                {f.refresh}
              </button>
            }
          />
          <Totals timeline={data} />
          <h2>{f.steps}</h2>
          {data.steps.length === 0 && <p className="muted">{f.noSteps}</p>}
          <ol className="timeline">
            {placed(data.steps).map((each) => (
              <StepRow key={each.step.id} placed={each} />
            ))}
          </ol>
        </>
      )}
    </>
  );
}

function Totals({ timeline: { run, totals, trace_id, permissions } }: { timeline: Timeline }) {
  const f = useFigureTexts();
  const tag = currentLocaleTag();
  const facts: [string, string][] = [
    [f.calls, totals.model_calls.toLocaleString(tag)],
    [f.tokens, (totals.input_tokens + totals.output_tokens).toLocaleString(tag)],
    [f.cost, totals.cost === null ? "–" : `${totals.cost.toLocaleString(tag)} ${totals.currency ?? ""}`],
    [f.modelTime, f.seconds(seconds(totals.model_ms))],
    [f.toolTime, f.seconds(seconds(totals.tool_ms))],
    [f.waitingTime, f.seconds(seconds(totals.waiting_ms))],
  ];
  return (
    <>
      <Facts className="figure-totals" facts={facts} />
      <p className="muted">
        {f.trace} <code>{trace_id}</code>
        {permissions.length > 0 &&
          ` · ${f.permissions} ${permissions.map(({ object, rule }) => `${object} (${rule})`).join(", ")}`}
      </p>
      {run.parent_run_id === undefined && (
        <p>
          <a href={hrefOf({ page: "chat", sessionId: run.session_id })}>{f.openConversation}</a>
        </p>
      )}
    </>
  );
}

function StepRow({ placed: { step, depth, left, width, afterMs } }: { placed: Placed }) {
  const f = useFigureTexts();
  const facts = Object.entries(step.detail).filter(([, value]) => value !== null && value !== undefined);
  return (
    <li className={`step step-${step.kind}`} style={{ marginInlineStart: `${Math.min(depth, 5) * 0.9}rem` }}>
      <details>
        <summary>
          <span className="badge">{f[`kind_${step.kind}`]}</span>
          <span className="step-name">{step.name}</span>
          {step.status !== "ok" && (
            <span className={step.status === "error" ? "badge bad" : "badge warn"}>
              {f[`step_${step.status}`]}
            </span>
          )}
          <span className="step-time">{f.seconds(seconds(step.duration_ms))}</span>
          <span className="share-track" aria-hidden="true">
            <span style={{ marginInlineStart: `${left}%`, width: `${width}%` }} />
          </span>
        </summary>
        <dl className="facts">
          <div>
            <dt>{f.span}</dt>
            <dd>{f.afterStart(seconds(afterMs))}</dd>
          </div>
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{typeof value === "object" ? JSON.stringify(value) : String(value)}</dd>
            </div>
          ))}
        </dl>
      </details>
    </li>
  );
}
