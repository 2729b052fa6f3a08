"""The door of the slice."""

from clary.features.mcp_servers.service.asking import Ask
from clary.features.mcp_servers.service.authorizing import Authorizations, OwnPlace, Returned
from clary.features.mcp_servers.service.calling import McpCalls, RunDoor, Save
from clary.features.mcp_servers.service.changing import AddressCheck
from clary.features.mcp_servers.service.contact import Contacts
from clary.features.mcp_servers.service.extra import ExtraConnections, check_extra
from clary.features.mcp_servers.service.leaving import McpServerLeaving
from clary.features.mcp_servers.service.offering import UNAVAILABLE, McpOffers, RunOffer, UnreachableServer, Wanted
from clary.features.mcp_servers.service.running import McpRunTools
from clary.features.mcp_servers.service.servers import McpServers
from clary.features.mcp_servers.service.token_keeping import TokenKeeper
from clary.features.mcp_servers.service.vault import McpVault

__all__ = [
    "UNAVAILABLE",
    "AddressCheck",
    "Ask",
    "Authorizations",
    "Contacts",
    "ExtraConnections",
    "McpCalls",
    "McpOffers",
    "McpRunTools",
    "McpServerLeaving",
    "McpServers",
    "McpVault",
    "OwnPlace",
    "Returned",
    "RunDoor",
    "RunOffer",
    "Save",
    "TokenKeeper",
    "UnreachableServer",
    "Wanted",
    "check_extra",
]
