import type { Account, SystemInfo } from "../features/accounts/api";
import { UsersSection } from "../features/accounts/UsersSection";
import { AuditSection } from "../features/audit/AuditSection";
import { GroupPage } from "../features/groups/GroupPage";
import { GroupsSection } from "../features/groups/GroupsSection";
import { ClientsSection } from "../features/oauth2/ClientsSection";
import { RunsSection } from "../features/observability/RunsSection";
import { TimelinePage } from "../features/observability/TimelinePage";
import { BudgetsSection } from "../features/usage/BudgetsSection";
import { UsageSection } from "../features/usage/UsageSection";
import { useTexts } from "../kit/i18n";
import { ADMIN_SECTIONS, type AdminSection, hrefOf } from "../kit/route";
import { useIdentityTexts } from "../texts/identity";
import { Sections } from "../ui/Sections";

interface AdminPageProps {
  section: AdminSection;
  id?: string | null;
  account: Account;
  info: SystemInfo;
}

/** What administrators do: people, groups, money, runs, apps, and the audit log. */
export function AdminPage({ section, id = null, account, info }: AdminPageProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const links = ADMIN_SECTIONS.map((each) => ({
    label: i[each],
    href: hrefOf({ page: "admin", section: each }),
    isHere: each === section,
  }));
  return (
    <Sections title={t.administration} links={links}>
      <Section section={section} id={id} account={account} info={info} />
    </Sections>
  );
}

function Section({ section, id, account, info }: AdminPageProps) {
  if (section === "budgets") return <BudgetsSection />;
  if (section === "usage") return <UsageSection userId={null} />;
  if (section === "runs")
    return id ? <TimelinePage key={id} id={id} page="admin" /> : <RunsSection page="admin" userId={null} />;
  if (section === "clients") return <ClientsSection />;
  if (section === "audit") return <AuditSection />;
  if (section === "groups")
    return id ? (
      <GroupPage key={id} id={id} page="admin" userId={account.user.userid} isAdmin />
    ) : (
      <GroupsSection page="admin" isAdmin />
    );
  return <UsersSection ownId={account.user.userid} needsPassword={info.auth_mode === "native"} />;
}
