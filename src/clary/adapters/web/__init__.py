"""The public web for tools: single pages through the outbound guard, and search services that an operator configured.

Every address of a page is judged at each hop and at connect. Search services have guards of their own, which let only
the configured service through besides public addresses. Keys go to their own service and nowhere else.
"""

from clary.adapters.web.pages import WebPages
from clary.adapters.web.searching import SearchSettings, search_services

__all__ = ["SearchSettings", "WebPages", "search_services"]
