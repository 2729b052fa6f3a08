import { useTexts } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { useLoad } from "../../kit/use-load";
import { useWorkshopTexts } from "../../texts/workshop";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import type { Claims } from "../accounts/api";
import { listServers, type Server } from "./api";
import { ServerForm } from "./ServerForm";
import { ServerPage } from "./ServerPage";
import { addressOf, stateMark } from "./server-facts";

/** No server can be called like this (product.md 8.1). */
const NEW_SERVER = ".new";

interface ServersPageProps {
  name: string | null;
  ownerId: string | null;
  user: Claims;
}

/** Servers that give agents further tools, and the page of one of them. */
export function ServersPage({ name, ownerId, user }: ServersPageProps) {
  const w = useWorkshopTexts();
  const servers = useLoad(listServers, "servers");
  if (name === NEW_SERVER) return <ServerForm server={null} onSaved={servers.reload} />;
  if (name === null) return <ServerList servers={servers} user={user} />;
  const owner = ownerId ?? user.userid;
  const server = servers.data?.find((each) => each.name === name && each.user_id === owner);
  return (
    <div className="page">
      <a className="back-link" href={hrefOf({ page: "servers", name: null })}>
        ← {w.allServers}
      </a>
      <LoadState of={servers} />
      {servers.data !== null && server === undefined && <p className="muted">{w.serverMissing}</p>}
      {server !== undefined && (
        <ServerPage
          key={`${server.user_id}/${server.name}`}
          server={server}
          user={user}
          onChanged={servers.reload}
        />
      )}
    </div>
  );
}

function ServerList({ servers, user }: { servers: ReturnType<typeof useLoad<Server[]>>; user: Claims }) {
  const t = useTexts();
  const w = useWorkshopTexts();
  return (
    <div className="page">
      <SectionHead
        title={t.servers}
        intro={w.serversIntro}
        action={
          <a className="button primary" href={hrefOf({ page: "servers", name: NEW_SERVER })}>
            <Icon name="plus" size={16} />
            {w.addServer}
          </a>
        }
      />
      <LoadState of={servers} />
      {servers.data?.length === 0 && <p className="muted">{w.noServers}</p>}
      <ul className="cards">
        {servers.data?.map((server) => (
          <ServerRow key={`${server.user_id}/${server.name}`} server={server} user={user} />
        ))}
      </ul>
    </div>
  );
}

function ServerRow({ server, user }: { server: Server; user: Claims }) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const ownerId = server.user_id === user.userid ? null : server.user_id;
  const waits = server.state === "ready" && server.pending_hash !== null;
  return (
    <Row
      title={
        <a className="row-link" href={hrefOf({ page: "servers", name: server.name, ownerId })}>
          {server.name}
        </a>
      }
      marks={[stateMark(w, server), waits && { text: w.newToolsTitle, kind: "warn" }]}
      isFaded={server.state === "disabled"}
      lines={[
        server.description || addressOf(server),
        server.error,
        <small key="facts">{[t.toolCount(server.tool_count), ownerId].filter(Boolean).join(" · ")}</small>,
      ]}
    />
  );
}
