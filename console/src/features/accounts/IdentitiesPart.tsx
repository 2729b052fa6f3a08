import { useState } from "react";
import { currentLocaleTag } from "../../kit/i18n";
import { basePath } from "../../kit/next-address";
import { hrefOf } from "../../kit/route";
import { momentText } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import type { SignInProvider, SystemInfo } from "./api";
import { type LinkedIdentity, listIdentities, unlinkIdentity } from "./own-api";

/** The accounts elsewhere that open this one, and those that could. */
export function IdentitiesPart({ info }: { info: SystemInfo }) {
  const i = useIdentityTexts();
  const identities = useLoad(listIdentities, "identities");
  const [doomed, setDoomed] = useState<LinkedIdentity | null>(null);
  const linked = new Set(identities.data?.map((identity) => identity.provider_id));
  const open = info.auth_providers.filter(
    (provider) => provider.type !== "native" && provider.login_url !== "" && !linked.has(provider.id),
  );
  return (
    <>
      <SectionHead level={2} title={i.identities} intro={i.identitiesIntro} />
      <LoadState of={identities} />
      {identities.data?.length === 0 && open.length === 0 && <p className="muted">{i.noIdentities}</p>}
      <ul className="cards">
        {identities.data?.map((identity) => (
          <Row
            key={identity.provider_id}
            title={identity.name}
            lines={[
              [identity.username, identity.email].filter(Boolean).join(" · "),
              i.linkedOn(momentText(identity.linked_at, currentLocaleTag())),
            ]}
            actions={
              <button
                type="button"
                className="button"
                aria-label={i.unlinkNamed(identity.name)}
                onClick={() => setDoomed(identity)}
              >
                {i.unlink}
              </button>
            }
          />
        ))}
        {identities.data !== null &&
          open.map((provider) => (
            <Row
              key={provider.id}
              title={provider.name}
              lines={[i.notLinked]}
              isFaded
              actions={
                <a className="button" href={linkAddress(provider)} aria-label={i.linkNamed(provider.name)}>
                  {i.link}
                </a>
              }
            />
          ))}
      </ul>
      {doomed !== null && (
        <ActionDialog
          title={i.unlinkNamed(doomed.name)}
          action={i.unlink}
          isDangerous
          onAction={() => unlinkIdentity(doomed.provider_id).then(identities.reload)}
          onClose={() => setDoomed(null)}
        >
          <p>{i.unlinkText(doomed.name)}</p>
        </ActionDialog>
      )}
    </>
  );
}

/** Where a link is made; the way back leads to this page. */
function linkAddress(provider: SignInProvider): string {
  const back = `${basePath()}${hrefOf({ page: "account", section: "security" })}`;
  return `${provider.login_url}?link=true&next=${encodeURIComponent(back)}`;
}
