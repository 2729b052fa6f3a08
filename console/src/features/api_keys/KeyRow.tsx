import type { ReactNode } from "react";
import { currentLocaleTag } from "../../kit/i18n";
import { momentText } from "../../kit/time";
import { useIdentityTexts } from "../../texts/identity";
import { Row } from "../../ui/Rows";
import type { ApiKey } from "./api";

export function KeyRow({ apiKey, actions }: { apiKey: ApiKey; actions: ReactNode }) {
  const i = useIdentityTexts();
  const at = (iso: string | null) => momentText(iso, currentLocaleTag());
  const used = apiKey.last_used_at;
  const limits = [
    apiKey.agent_ids.length > 0 && i.agentLimit(apiKey.agent_ids.length),
    apiKey.addresses.length > 0 && i.addressLimit(apiKey.addresses.join(", ")),
  ].filter(Boolean);
  return (
    <Row
      title={apiKey.name}
      marks={[apiKey.status === "expired" && i.expired]}
      isFaded={apiKey.status === "expired"}
      lines={[
        <>
          <code>{apiKey.prefix}…</code> {apiKey.scopes.join(" ")}
        </>,
        [
          apiKey.expires_at === null ? i.neverExpires : i.expiresAt(at(apiKey.expires_at)),
          used === null ? i.neverUsed : i.lastUsed(at(used), apiKey.last_used_address ?? ""),
        ].join(" · "),
        limits.join(" · "),
      ]}
      actions={actions}
    />
  );
}
