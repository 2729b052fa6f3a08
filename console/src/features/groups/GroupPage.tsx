import { type ReactNode, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { goTo, hrefOf } from "../../kit/route";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { ActionDialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { MoreActions, Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import { AddMembersDialog } from "./AddMembersDialog";
import { addMembers, deleteGroup, type Group, getGroup, type Member, removeMember } from "./api";
import { GroupForm } from "./GroupForm";

interface GroupPageProps {
  id: string;
  page: "admin" | "account";
  userId: string;
  isAdmin: boolean;
}

type Open = { do: "edit" } | { do: "delete" } | { do: "add" } | { do: "remove"; member: Member } | null;

/** One group with its members. Managers change who is in it, administrators everything. */
export function GroupPage({ id, page, userId, isAdmin }: GroupPageProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const loaded = useLoad(() => getGroup(id), id);
  const [open, setOpen] = useState<Open>(null);
  const [error, setError] = useState<unknown>(null);
  const group = loaded.data;
  const mayManage = isAdmin || group?.my_role === "manager";
  const setRole = (member: Member, role: Member["role"]) => {
    setError(null);
    addMembers(id, [member.user_id], role).then(loaded.reload).catch(setError);
  };
  return (
    <>
      <a className="back-link" href={hrefOf({ page, section: "groups" })}>
        {i.allGroups}
      </a>
      <LoadState of={loaded} />
      {group !== null && (
        <>
          <SectionHead
            title={group.name}
            intro={group.description}
            action={mayManage && <HeadActions isAdmin={isAdmin} onOpen={setOpen} />}
          />
          {group.source !== "manual" && <Notice kind="info">{i.mappedGroup}</Notice>}
          {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
          {group.members.length === 0 && <p className="muted">{i.noMembers}</p>}
          <ul className="cards">
            {group.members.map((member) => (
              <MemberRow
                key={member.user_id}
                member={member}
                mayRemove={mayManage || member.user_id === userId}
                roleAction={isAdmin ? (role) => setRole(member, role) : null}
                onRemove={() => setOpen({ do: "remove", member })}
              />
            ))}
          </ul>
          <GroupDialogs
            open={open}
            group={group}
            isAdmin={isAdmin}
            isSelf={open?.do === "remove" && open.member.user_id === userId}
            onClose={() => setOpen(null)}
            reload={loaded.reload}
            onGone={() => goTo({ page, section: "groups" })}
          />
        </>
      )}
      <span className="visually-hidden" role="status">
        {group === null ? t.loading : i.memberCount(group.members.length)}
      </span>
    </>
  );
}

function HeadActions({ isAdmin, onOpen }: { isAdmin: boolean; onOpen: (open: Open) => void }): ReactNode {
  const t = useTexts();
  const i = useIdentityTexts();
  return (
    <>
      <button type="button" className="button" onClick={() => onOpen({ do: "edit" })}>
        {t.edit}
      </button>
      {isAdmin && (
        <button type="button" className="button" onClick={() => onOpen({ do: "delete" })}>
          {t.delete}
        </button>
      )}
      <button type="button" className="button primary" onClick={() => onOpen({ do: "add" })}>
        <Icon name="plus" size={16} />
        {i.addMembers}
      </button>
    </>
  );
}

interface MemberRowProps {
  member: Member;
  mayRemove: boolean;
  /** Null where the viewer may not say who manages. */
  roleAction: ((role: Member["role"]) => void) | null;
  onRemove: () => void;
}

function MemberRow({ member, mayRemove, roleAction, onRemove }: MemberRowProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const isManager = member.role === "manager";
  const role = roleAction && {
    label: isManager ? i.makeMember : i.makeManager,
    icon: "people" as const,
    onSelect: () => roleAction(isManager ? "member" : "manager"),
  };
  const leave = { label: i.removeMember, icon: "close" as const, isDangerous: true, onSelect: onRemove };
  const entries = [...(role ? [role] : []), ...(mayRemove ? [leave] : [])];
  return (
    <Row
      title={member.nickname || member.username}
      marks={[isManager && i.role_manager, member.source !== "manual" && i.fromOutside(member.source)]}
      lines={[member.nickname && member.nickname !== member.username && member.username]}
      actions={entries.length > 0 && <MoreActions label={t.actionsFor(member.username)} entries={entries} />}
    />
  );
}

interface DialogsProps {
  open: Open;
  group: Group & { members: Member[] };
  isAdmin: boolean;
  isSelf: boolean;
  onClose: () => void;
  reload: () => Promise<void>;
  onGone: () => void;
}

function GroupDialogs({ open, group, isAdmin, isSelf, onClose, reload, onGone }: DialogsProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  if (open === null) return null;
  if (open.do === "edit")
    return <GroupForm group={group} mayRename={isAdmin} onSaved={reload} onClose={onClose} />;
  if (open.do === "add")
    return <AddMembersDialog group={group} mayName={isAdmin} onAdded={reload} onClose={onClose} />;
  if (open.do === "delete")
    return (
      <ActionDialog
        title={i.deleteGroupTitle}
        action={t.delete}
        isDangerous
        onAction={() => deleteGroup(group.id).then(onGone)}
        onClose={onClose}
      >
        <p>{i.deleteGroupText(group.name)}</p>
      </ActionDialog>
    );
  const { member } = open;
  // Who leaves does not see the group any more, unless an administrator does.
  const after = isSelf && !isAdmin ? onGone : reload;
  return (
    <ActionDialog
      title={i.removeMember}
      action={i.removeMember}
      isDangerous
      onAction={() => removeMember(group.id, member.user_id).then(after)}
      onClose={onClose}
    >
      <p>{isSelf ? i.leaveGroupText(group.name) : i.removeMemberText(member.username, group.name)}</p>
      {member.source !== "manual" && <p className="hint">{i.comesBack}</p>}
    </ActionDialog>
  );
}
