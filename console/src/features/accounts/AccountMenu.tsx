import { useState } from "react";
import { errorText } from "../../kit/errors";
import { setLocale, useLocale, useTexts } from "../../kit/i18n";
import { goTo } from "../../kit/route";
import { Menu } from "../../ui/Menu";
import { Notice } from "../../ui/Notice";
import { leave } from "./account-store";
import type { Account, SystemInfo } from "./api";
import { ChangePasswordDialog } from "./ChangePasswordDialog";

export function AccountMenu({ account, info }: { account: Account; info: SystemInfo }) {
  const t = useTexts();
  const locale = useLocale();
  const [isChanging, setChanging] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const name = account.user.nickname || account.user.username;
  const password = { label: t.changePassword, icon: "key" as const, onSelect: () => setChanging(true) };
  return (
    <>
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <Menu
        label={t.accountOf(name)}
        triggerClass="account-button"
        placement="above"
        align="start"
        trigger={
          <>
            <span className="avatar" aria-hidden="true">
              {[...name][0]?.toUpperCase()}
            </span>
            <span className="account-name">{name}</span>
          </>
        }
        entries={[
          { label: "中文", icon: "globe", isChecked: locale === "zh", onSelect: () => setLocale("zh") },
          { label: "English", icon: "globe", isChecked: locale === "en", onSelect: () => setLocale("en") },
          {
            label: t.myAccount,
            icon: "user",
            onSelect: () => goTo({ page: "account", section: "profile" }),
          },
          ...(info.auth_mode === "oauth" ? [] : [password]),
          { label: t.signOut, icon: "leave", onSelect: () => leave().catch(setError) },
        ]}
      />
      {isChanging && <ChangePasswordDialog onClose={() => setChanging(false)} />}
    </>
  );
}
