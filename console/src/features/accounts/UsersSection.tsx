import { useState } from "react";
import { currentLocaleTag, useTexts } from "../../kit/i18n";
import { momentText } from "../../kit/time";
import { useDebounced } from "../../kit/use-debounced";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { Filters, SearchField } from "../../ui/Filters";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import type { MenuEntry } from "../../ui/Menu";
import { Pager } from "../../ui/Pager";
import { MoreActions, Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import { SelectField } from "../../ui/TextField";
import { type OpenUser, UserDialogs } from "./UserDialogs";
import { listUsers, type User, type UserFilter } from "./users-api";

const PAGE_SIZE = 20;

interface UsersSectionProps {
  /** Who looks; nobody deletes or disables himself here. */
  ownId: string;
  needsPassword: boolean;
}

export function UsersSection({ ownId, needsPassword }: UsersSectionProps) {
  const i = useIdentityTexts();
  const [page, setPage] = useState(1);
  const [filter, setFilter] = useState<UserFilter>({ q: "", role: "", status: "" });
  const settled = useDebounced(filter);
  const asked = { ...settled, q: settled.q.trim() };
  const users = useLoad(() => listUsers(asked, page, PAGE_SIZE), JSON.stringify([asked, page]));
  const [open, setOpen] = useState<OpenUser>(null);
  const change = (part: Partial<UserFilter>) => {
    setFilter((old) => ({ ...old, ...part }));
    setPage(1);
  };
  return (
    <>
      <SectionHead
        title={i.users}
        intro={i.usersIntro}
        action={
          <button type="button" className="button primary" onClick={() => setOpen({ do: "add" })}>
            <Icon name="plus" size={16} />
            {i.addUser}
          </button>
        }
      />
      <Filters label={i.users}>
        <SearchField value={filter.q} onChange={(q) => change({ q })} />
        <SelectField
          label={i.role}
          value={filter.role}
          options={[
            { value: "", label: i.any },
            { value: "user", label: i.role_user },
            { value: "admin", label: i.role_admin },
          ]}
          onChange={(role) => change({ role })}
        />
        <SelectField
          label={i.status}
          value={filter.status}
          options={[
            { value: "", label: i.any },
            { value: "active", label: i.active },
            { value: "disabled", label: i.disabled },
          ]}
          onChange={(status) => change({ status })}
        />
      </Filters>
      <LoadState of={users} />
      {users.data?.total === 0 && <p className="muted">{i.noUsers}</p>}
      <ul className="cards">
        {users.data?.items.map((user) => (
          <UserRow key={user.user_id} user={user} isSelf={user.user_id === ownId} onOpen={setOpen} />
        ))}
      </ul>
      <Pager page={page} pageSize={PAGE_SIZE} total={users.data?.total ?? 0} onPage={setPage} />
      <UserDialogs
        open={open}
        needsPassword={needsPassword}
        onClose={() => setOpen(null)}
        reload={users.reload}
      />
    </>
  );
}

interface UserRowProps {
  user: User;
  isSelf: boolean;
  onOpen: (open: OpenUser) => void;
}

function UserRow({ user, isSelf, onOpen }: UserRowProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const at = (iso: string | null) => momentText(iso, currentLocaleTag());
  const hasName = user.nickname !== "" && user.nickname !== user.username;
  return (
    <Row
      title={hasName ? user.nickname : user.username}
      marks={[
        user.role === "admin" && i.role_admin,
        user.status === "disabled" && i.disabled,
        isSelf && i.you,
      ]}
      isFaded={user.status === "disabled"}
      lines={[
        [hasName && user.username, user.email].filter(Boolean).join(" · "),
        user.groups.length > 0 && i.inGroups(user.groups.map((group) => group.name).join(", ")),
        [user.last_login_at ? i.lastLogin(at(user.last_login_at)) : i.neverHere, user.auth_sources.join(", ")]
          .filter(Boolean)
          .join(" · "),
      ]}
      actions={<MoreActions label={t.actionsFor(user.username)} entries={entriesOf()} />}
    />
  );

  function entriesOf(): MenuEntry[] {
    const isOn = user.status === "active";
    const always: MenuEntry[] = [
      { label: t.edit, icon: "edit", onSelect: () => onOpen({ do: "edit", user }) },
      { label: i.resetPassword, icon: "turn", onSelect: () => onOpen({ do: "reset", user }) },
      { label: i.keys, icon: "key", onSelect: () => onOpen({ do: "keys", user }) },
    ];
    if (isSelf) return always;
    const onOff: MenuEntry = {
      label: isOn ? i.disable : i.enable,
      icon: isOn ? "stop" : "check",
      onSelect: () => onOpen({ do: "switch", user }),
    };
    const end: MenuEntry = {
      label: t.delete,
      icon: "trash",
      isDangerous: true,
      onSelect: () => onOpen({ do: "delete", user }),
    };
    // The server deletes no administrator; the role goes first.
    return user.role === "admin" ? [...always, onOff] : [...always, onOff, end];
  }
}
