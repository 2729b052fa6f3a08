"""Servers that a request brings along (stream-runtime.md 3.2 `extra_mcp_config`): for one run, stored nowhere else."""

from collections.abc import Callable, Mapping
from typing import Any

from clary.features.mcp_servers.payloads import ExtraServer, extra_server
from clary.features.mcp_servers.policy import is_name
from clary.features.mcp_servers.ports import Endpoint, McpFailedError
from clary.features.mcp_servers.service.vault import McpVault
from clary.http.problems import ValidationFailedError
from clary.kit.crypto import DecryptionError
from clary.kit.text import Text

Json = dict[str, Any]
MAX_SERVERS = 10
TOO_MANY = Text("extra_mcp_config: 最多 10 个服务器", "extra_mcp_config: at most 10 servers")
BAD_NAME = Text("extra_mcp_config: 服务器名称无效", "extra_mcp_config: not a name of a server")
BAD_SERVER = Text(
    "extra_mcp_config: 每个服务器只能有 streamable_http_url、url 或 sse_url，以及 api_key、headers、disabled",
    "extra_mcp_config: a server has streamable_http_url, url or sse_url, and api_key, headers, disabled",
)


class ExtraConnections:
    """Checks them, and seals what they hold for the run's snapshot."""

    def __init__(self, *, vault: McpVault, new_id: Callable[[], str]) -> None:
        self._vault = vault
        self._new_id = new_id

    def sealed_all(self, config: Mapping[str, Any]) -> Json:
        """Name and sealed address of each server that is switched on, by a new id."""
        checked = check_extra(config)
        return {
            extra_id: {"name": name, "id": extra_id, "sealed": self._sealed(extra_id, server)}
            for name, server in checked.items()
            if not server.disabled
            for extra_id in [f"extra_{self._new_id()}"]
        }

    def endpoint(self, server: Json) -> Endpoint:
        """Where to connect.

        Raises:
            McpFailedError: sealed with a key this server does not have.
        """
        try:
            fields = self._vault.open_json(server["sealed"], place=_place(server["id"]))
        except DecryptionError:
            raise McpFailedError("unauthorized") from None
        headers = tuple((name, value) for name, value in fields["headers"])
        return Endpoint(server["id"], fields["protocol"], fields["url"], headers=headers)

    def _sealed(self, extra_id: str, server: ExtraServer) -> str:
        headers = dict(server.headers or {})
        if server.api_key:
            headers["Authorization"] = f"Bearer {server.api_key}"
        fields = {
            "protocol": server.protocol,
            "url": server.address,
            "headers": sorted(headers.items()),
        }
        return self._vault.seal_json(fields, place=_place(extra_id))


def check_extra(config: Mapping[str, Any]) -> dict[str, ExtraServer]:
    """The servers of a request by name.

    Raises:
        ValidationFailedError: a shape that is not allowed, `command` and its like among them.
    """
    if len(config) > MAX_SERVERS:
        raise ValidationFailedError(TOO_MANY.render())
    found: dict[str, ExtraServer] = {}
    for name, fields in config.items():
        if not is_name(name):
            raise ValidationFailedError(BAD_NAME.render())
        server = extra_server(fields)
        if server is None:
            raise ValidationFailedError(BAD_SERVER.render())
        found[name] = server
    return found


def _place(extra_id: str) -> str:
    return f"mcp_extra:{extra_id}"
