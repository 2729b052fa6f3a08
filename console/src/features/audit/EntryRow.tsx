import { currentLocaleTag } from "../../kit/i18n";
import { momentText } from "../../kit/time";
import { useIdentityTexts } from "../../texts/identity";
import { Icon } from "../../ui/Icon";
import { Badge } from "../../ui/Rows";
import type { Entry } from "./api";

/** One act: when, who, what, on what; more of it when it is opened. */
export function EntryRow({ entry, hasActor = true }: { entry: Entry; hasActor?: boolean }) {
  const i = useIdentityTexts();
  const { object, outcome } = entry;
  const facts: [string, string | null | undefined][] = [
    [i.factNumber, String(entry.seq)],
    [i.factUser, entry.actor.user_id],
    [i.factKey, entry.actor.key_id],
    [i.factClient, entry.actor.client_id],
    [i.factOwner, object?.owner_id],
    [i.factAddress, entry.address],
    [i.factAgent, entry.user_agent],
    [i.factRequest, entry.request_id],
    [i.factHash, entry.hash],
  ];
  return (
    <li className="entry">
      <details>
        <summary>
          <Icon name="right" size={14} />
          <time dateTime={entry.at}>{momentText(entry.at, currentLocaleTag())}</time>
          {hasActor && <span className="entry-actor">{actorName(entry, i)}</span>}
          <code>{entry.action}</code>
          {outcome !== "success" && (
            <span className={`badge ${outcome === "denied" ? "warn" : "bad"}`}>
              {i[`outcome_${outcome}`]}
            </span>
          )}
          {object !== null && <span className="entry-object">{`${object.type}:${object.id}`}</span>}
        </summary>
        <dl className="facts">
          {facts.map(
            ([name, value]) =>
              value && (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ),
          )}
        </dl>
        {entry.erased && <Badge>{i.erased}</Badge>}
        {entry.detail !== null && Object.keys(entry.detail).length > 0 && (
          <pre className="entry-detail">{JSON.stringify(entry.detail, null, 2)}</pre>
        )}
      </details>
    </li>
  );
}

type Words = ReturnType<typeof useIdentityTexts>;

function actorName({ actor, erased }: Entry, i: Words): string {
  const kind = i[`actor_${actor.kind}`];
  if (actor.kind === "user") return actor.username ?? (erased ? i.erased : kind);
  return actor.username ? `${actor.username} (${kind})` : kind;
}
