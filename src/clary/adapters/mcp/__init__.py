"""MCP servers of users, over the official SDK: connections, pool, limits, and their authorization servers.

Importing the SDK costs most of a second and tens of megabytes, so nothing here imports it before a server is first
used. A server that hangs, floods or lies ends its own calls and nothing else.
"""

from clary.adapters.mcp.authorization import McpAuthorization
from clary.adapters.mcp.gateway import McpGateway, McpLimits
from clary.adapters.mcp.stdio_list import StdioListFile

__all__ = ["McpAuthorization", "McpGateway", "McpLimits", "StdioListFile"]
