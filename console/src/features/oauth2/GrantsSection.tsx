import { useState } from "react";
import { currentLocaleTag } from "../../kit/i18n";
import { momentText } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { ActionDialog } from "../../ui/Dialog";
import { LoadState } from "../../ui/LoadState";
import { Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import { type Grant, listGrants, removeGrant } from "./api";

/** The apps one has let in, with a way to take that back. */
export function GrantsSection() {
  const i = useIdentityTexts();
  const grants = useLoad(listGrants, "grants");
  const [doomed, setDoomed] = useState<Grant | null>(null);
  const at = (iso: string | null) => momentText(iso, currentLocaleTag());
  return (
    <>
      <SectionHead title={i.apps} intro={i.appsIntro} />
      <LoadState of={grants} />
      {grants.data?.length === 0 && <p className="muted">{i.noApps}</p>}
      <ul className="cards">
        {grants.data?.map((grant) => (
          <Row
            key={grant.client_id}
            title={grant.client_name}
            lines={[
              i.mayUse(grant.scope),
              grant.resource && <code>{grant.resource}</code>,
              [
                i.allowedOn(at(grant.created_at)),
                grant.last_used_at ? i.lastUsed(at(grant.last_used_at), "") : i.neverUsed,
              ].join(" · "),
            ]}
            actions={
              <button
                type="button"
                className="button"
                aria-label={i.takeBackFrom(grant.client_name)}
                onClick={() => setDoomed(grant)}
              >
                {i.takeBack}
              </button>
            }
          />
        ))}
      </ul>
      {doomed !== null && (
        <ActionDialog
          title={i.takeBackTitle}
          action={i.takeBack}
          isDangerous
          onAction={() => removeGrant(doomed.client_id).then(grants.reload)}
          onClose={() => setDoomed(null)}
        >
          <p>{i.takeBackText(doomed.client_name)}</p>
        </ActionDialog>
      )}
    </>
  );
}
