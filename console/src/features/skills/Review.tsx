import { useState } from "react";
import { errorText } from "../../kit/errors";
import { useLoad } from "../../kit/use-load";
import { useWorkshopTexts, wordOf } from "../../texts/workshop";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { decideSkill, type Finding, type Report, readReport, type Skill } from "./api";

interface ReviewProps {
  skill: Skill;
  /** The version to decide about; null when none waits. */
  hash: string | null;
  onDecided: () => Promise<void>;
}

/** What somebody should know before a version reaches an agent, and the decision. */
export function Review({ skill, hash, onDecided }: ReviewProps) {
  const w = useWorkshopTexts();
  const report = useLoad(() => readReport(skill, hash), `${skill.path}@${hash ?? skill.hash}`);
  if (hash === null)
    return report.data === null || report.data.findings.length === 0 ? null : (
      <details className="more-fields">
        <summary>{w.findings}</summary>
        <Findings findings={report.data.findings} />
      </details>
    );
  return (
    <section className="ask open review" aria-label={w.approvalTitle}>
      <h2>{skill.state === "approved" ? w.approvalTitleChange : w.approvalTitle}</h2>
      <p className="muted">{w.approvalText}</p>
      <LoadState of={report} />
      {report.data !== null && <ReportView report={report.data} />}
      <Decision skill={skill} hash={hash} isReady={report.data !== null} onDecided={onDecided} />
    </section>
  );
}

function Decision({ skill, hash, isReady, onDecided }: ReviewProps & { hash: string; isReady: boolean }) {
  const w = useWorkshopTexts();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const decide = async (verdict: "approve" | "reject") => {
    setBusy(true);
    setError(null);
    try {
      await decideSkill(skill, verdict, hash);
      await onDecided();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return (
    <>
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <div className="ask-foot">
        <button
          type="button"
          className="button small"
          disabled={isBusy || !isReady}
          onClick={() => decide("reject")}
        >
          {w.reject}
        </button>
        <button
          type="button"
          className="button primary small"
          disabled={isBusy || !isReady}
          onClick={() => decide("approve")}
        >
          {w.approveVersion}
        </button>
      </div>
    </>
  );
}

function ReportView({ report }: { report: Report }) {
  const w = useWorkshopTexts();
  const { tools = [], hosts = [], executables = [] } = report.permissions;
  const asked = [
    [w.permissionTools, tools],
    [w.permissionHosts, hosts],
    [w.permissionPrograms, executables],
  ] as const;
  return (
    <>
      <h3>{w.findings}</h3>
      {report.findings.length === 0 ? (
        <p className="muted">{w.noFindings}</p>
      ) : (
        <Findings findings={report.findings} />
      )}
      <h3>{w.permissions}</h3>
      <dl className="facts">
        {asked.map(([label, names]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{names.length === 0 ? w.nothingAsked : names.join(", ")}</dd>
          </div>
        ))}
      </dl>
      {report.diff.length > 0 && (
        <>
          <h3>{w.changedFiles}</h3>
          <ul className="plain-rows">
            {report.diff.map(({ path, change }) => (
              <li key={path}>
                <span>{path}</span>
                <span className="badge">{wordOf(w, "change", change)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

const KIND = { info: "", medium: " warn", high: " bad" };

function Findings({ findings }: { findings: Finding[] }) {
  const w = useWorkshopTexts();
  return (
    <ul className="scan">
      {findings.map((finding) => (
        <li key={`${finding.rule}${finding.file}${finding.line}${finding.excerpt}`}>
          <p>
            <span className={`badge${KIND[finding.level] ?? ""}`}>{wordOf(w, "level", finding.level)}</span>
            <strong>{wordOf(w, "rule", finding.rule)}</strong>
            <small className="muted">{w.lineOf(finding.file, finding.line)}</small>
          </p>
          {finding.excerpt && <code>{finding.excerpt}</code>}
        </li>
      ))}
    </ul>
  );
}
