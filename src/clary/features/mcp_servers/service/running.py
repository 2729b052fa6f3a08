"""The door for those who run agents: from what a run wants to tools it can call, and back from a stored snapshot."""

from typing import Any

from clary.db.session import Session
from clary.features.mcp_servers.service.calling import McpCalls, McpTool, RunDoor, RunServer
from clary.features.mcp_servers.service.offering import McpOffers, RunOffer, Wanted
from clary.features.mcp_servers.service.reading import reading_tools
from clary.runtime.tools import Tool

Json = dict[str, Any]


class McpRunTools:
    """`offer` in the transaction that starts a run, `connect` before it executes, `restore` whenever it does."""

    def __init__(self, *, offers: McpOffers, calls: McpCalls) -> None:
        self._offers = offers
        self._calls = calls

    async def offer(self, db: Session, *, wanted: Wanted) -> RunOffer:
        """See `McpOffers.offer`."""
        return await self._offers.offer(db, wanted=wanted)

    async def connect(self, snapshot: Json) -> RunOffer:
        """See `McpOffers.connect`."""
        return await self._offers.connect(snapshot)

    def restore(self, snapshot: Json, door: RunDoor) -> list[Tool]:
        """The tools of a snapshot, the same each time; servers that are still to be connected to have none."""
        servers = {
            server_id: RunServer(server_id, entry, snapshot["caller_id"], snapshot["hops"])
            for server_id, entry in snapshot["servers"].items()
        }
        tools: list[Tool] = [
            McpTool(
                name=entry["name"],
                definition=entry["definition"],
                server=servers[entry["server_id"]],
                calls=self._calls,
                door=door,
            )
            for entry in snapshot["tools"]
        ]
        return [*tools, *reading_tools(list(servers.values()), self._calls, door)]

    async def release(self, snapshot: Json) -> None:
        """Ends the connections to servers that only this run had; call it when the run is over."""
        for server_id, entry in snapshot["servers"].items():
            if entry["is_extra"]:
                await self._calls.client.forget(server_id)
