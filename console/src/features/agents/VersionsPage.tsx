import { useState } from "react";
import { currentLocaleTag } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { momentText } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useWorkshopTexts } from "../../texts/workshop";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { Pager } from "../../ui/Pager";
import { Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import { type AgentVersion, getAgent, listVersions, restoreVersion, VERSIONS_PER_PAGE } from "./api";

/** What an agent was like before, and the way back to it (product.md 3.5). */
export function VersionsPage({ agentId }: { agentId: string }) {
  const w = useWorkshopTexts();
  const agent = useLoad(() => getAgent(agentId), agentId);
  const [page, setPage] = useState(1);
  const versions = useLoad(() => listVersions(agentId, page), `${agentId}/${page}`);
  const [wanted, setWanted] = useState<AgentVersion | null>(null);
  const restore = async (version: number) => {
    await restoreVersion(agentId, version);
    await Promise.all([agent.reload(), versions.reload()]);
  };
  return (
    <div className="page">
      <a className="back-link" href={hrefOf({ page: "agents", agentId: null })}>
        ← {w.allAgents}
      </a>
      <SectionHead title={w.versions} intro={agent.data?.name} />
      <LoadState of={agent} />
      <LoadState of={versions} />
      {versions.data?.total === 0 && <p className="muted">{w.noVersions}</p>}
      <ul className="cards">
        {versions.data?.items.map((version) => (
          <Row
            key={version.version}
            title={w.versionNumber(version.version)}
            marks={[version.version === agent.data?.version && w.versionNow]}
            lines={[
              momentText(version.created_at, currentLocaleTag()),
              version.changed.length > 0 && w.versionChanged(version.changed.join(", ")),
            ]}
            actions={
              version.version !== agent.data?.version && (
                <button
                  type="button"
                  className="button small"
                  aria-label={w.restoreNamed(version.version)}
                  onClick={() => setWanted(version)}
                >
                  {w.restore}
                </button>
              )
            }
          />
        ))}
      </ul>
      <Pager page={page} pageSize={VERSIONS_PER_PAGE} total={versions.data?.total ?? 0} onPage={setPage} />
      {wanted !== null && (
        <ActionDialog
          title={w.restoreNamed(wanted.version)}
          action={w.restore}
          onAction={() => restore(wanted.version)}
          onClose={() => setWanted(null)}
        >
          <p>{w.restoreText}</p>
        </ActionDialog>
      )}
    </div>
  );
}
