import { useState } from "react";
import { goTo, hrefOf } from "../../kit/route";
import { useDebounced } from "../../kit/use-debounced";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { Filters, SearchField } from "../../ui/Filters";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { Pager } from "../../ui/Pager";
import { Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import { listGroups } from "./api";
import { GroupForm } from "./GroupForm";

const PAGE_SIZE = 20;

interface GroupsSectionProps {
  /** Which page the groups are listed on: all of them, or one's own. */
  page: "admin" | "account";
  isAdmin: boolean;
}

export function GroupsSection({ page: place, isAdmin }: GroupsSectionProps) {
  const i = useIdentityTexts();
  const [page, setPage] = useState(1);
  const [typed, setTyped] = useState("");
  const q = useDebounced(typed.trim());
  const groups = useLoad(() => listGroups(page, PAGE_SIZE, q), `${page} ${q}`);
  const [isMaking, setMaking] = useState(false);
  const search = (text: string) => {
    setTyped(text);
    setPage(1);
  };
  const create = isAdmin && place === "admin" && (
    <button type="button" className="button primary" onClick={() => setMaking(true)}>
      <Icon name="plus" size={16} />
      {i.newGroup}
    </button>
  );
  return (
    <>
      <SectionHead
        title={i.groups}
        intro={place === "admin" ? i.groupsIntro : i.ownGroupsIntro}
        action={create}
      />
      <Filters label={i.groups}>
        <SearchField value={typed} onChange={search} />
      </Filters>
      <LoadState of={groups} />
      {groups.data?.total === 0 && <p className="muted">{i.noGroups}</p>}
      <ul className="cards">
        {groups.data?.items.map((group) => (
          <Row
            key={group.id}
            title={<a href={hrefOf({ page: place, section: "groups", id: group.id })}>{group.name}</a>}
            marks={[
              group.my_role === "manager" && i.role_manager,
              group.my_role === "member" && i.role_member,
              group.source !== "manual" && i.fromOutside(group.source),
            ]}
            lines={[group.description, i.memberCount(group.member_count)]}
          />
        ))}
      </ul>
      <Pager page={page} pageSize={PAGE_SIZE} total={groups.data?.total ?? 0} onPage={setPage} />
      {isMaking && (
        <GroupForm
          group={null}
          mayRename
          onSaved={async (group) => goTo({ page: "admin", section: "groups", id: group.id })}
          onClose={() => setMaking(false)}
        />
      )}
    </>
  );
}
