import { useState } from "react";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { LoadState } from "../../ui/LoadState";
import { Pager } from "../../ui/Pager";
import { SectionHead } from "../../ui/Sections";
import { listOwnAudit } from "./api";
import { EntryRow } from "./EntryRow";

const PAGE_SIZE = 50;

/** What was done in one's own name. */
export function ActivitySection() {
  const i = useIdentityTexts();
  const [page, setPage] = useState(1);
  const entries = useLoad(() => listOwnAudit(page, PAGE_SIZE), String(page));
  return (
    <>
      <SectionHead title={i.activity} intro={i.activityIntro} />
      <LoadState of={entries} />
      {entries.data?.total === 0 && <p className="muted">{i.noEntries}</p>}
      <ol className="entries">
        {entries.data?.items.map((entry) => (
          <EntryRow key={entry.seq} entry={entry} hasActor={false} />
        ))}
      </ol>
      <Pager page={page} pageSize={PAGE_SIZE} total={entries.data?.total ?? 0} onPage={setPage} />
    </>
  );
}
