import type { Account, SystemInfo } from "../features/accounts/api";
import { ProfileSection } from "../features/accounts/ProfileSection";
import { SecuritySection } from "../features/accounts/SecuritySection";
import { KeysSection } from "../features/api_keys/KeysSection";
import { ActivitySection } from "../features/audit/ActivitySection";
import { GroupPage } from "../features/groups/GroupPage";
import { GroupsSection } from "../features/groups/GroupsSection";
import { GrantsSection } from "../features/oauth2/GrantsSection";
import { RunsSection } from "../features/observability/RunsSection";
import { TimelinePage } from "../features/observability/TimelinePage";
import { OwnBudgetsSection } from "../features/usage/OwnBudgetsSection";
import { UsageSection } from "../features/usage/UsageSection";
import { useTexts } from "../kit/i18n";
import { ACCOUNT_SECTIONS, type AccountSection, hrefOf } from "../kit/route";
import { useIdentityTexts } from "../texts/identity";
import { Sections } from "../ui/Sections";

interface AccountPageProps {
  section: AccountSection;
  id?: string | null;
  account: Account;
  info: SystemInfo;
}

/** What a person may see and change about the own account. */
export function AccountPage({ section, id = null, account, info }: AccountPageProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const links = ACCOUNT_SECTIONS.map((each) => ({
    label: i[each],
    href: hrefOf({ page: "account", section: each }),
    isHere: each === section,
  }));
  return (
    <Sections title={t.myAccount} links={links}>
      <Section section={section} id={id} account={account} info={info} />
    </Sections>
  );
}

function Section({ section, id, account, info }: AccountPageProps) {
  const isAdmin = account.user.role === "admin";
  if (section === "security") return <SecuritySection info={info} />;
  if (section === "keys") return <KeysSection isAdmin={isAdmin} />;
  if (section === "apps") return <GrantsSection />;
  if (section === "budgets") return <OwnBudgetsSection />;
  if (section === "usage") return <UsageSection userId={account.user.userid} />;
  if (section === "runs")
    return id ? (
      <TimelinePage key={id} id={id} page="account" />
    ) : (
      <RunsSection page="account" userId={account.user.userid} />
    );
  if (section === "activity") return <ActivitySection />;
  if (section === "groups")
    return id ? (
      <GroupPage key={id} id={id} page="account" userId={account.user.userid} isAdmin={isAdmin} />
    ) : (
      <GroupsSection page="account" isAdmin={isAdmin} />
    );
  return <ProfileSection account={account} />;
}
