import { useTexts } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { Notice } from "../../ui/Notice";
import type { Account, SystemInfo } from "../accounts/api";

/** Says plainly when no real model answers, and where to connect one. */
export function ModelBanner({ account, info }: { account: Account; info: SystemInfo }) {
  const t = useTexts();
  if (account.has_provider) return null;
  return (
    <Notice
      kind="warning"
      action={
        <a className="button small" href={hrefOf({ page: "models" })}>
          {t.connectModel}
        </a>
      }
    >
      {info.demo_model ? t.demoBanner : t.noModelBanner}
    </Notice>
  );
}
