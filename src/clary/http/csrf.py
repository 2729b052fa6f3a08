"""Cross-site requests (platform.md 2.5): decided before any effect."""

from fastapi import Request

from clary.http.problems import CsrfFailedError
from clary.http.requests import content_type, is_json_type

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CsrfRule:
    """Knows which origins are our own: the public one, or without one the address the caller used; and listed ones."""

    def __init__(self, public_url: str | None, listed_origins: frozenset[str]) -> None:
        self._public_url = public_url
        self._listed_origins = listed_origins

    def require_same_site(self, request: Request) -> None:
        """Rule 1 (and 3: a caller that sends neither header is no browser)."""
        fetch_site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        if fetch_site in ("same-origin", "none"):
            return
        if origin is not None:
            own_origin = self._public_url or request.state.peer.origin
            if origin != own_origin and origin not in self._listed_origins:
                raise CsrfFailedError
            return
        if fetch_site is not None:
            raise CsrfFailedError

    def require_safe_body(self, request: Request, *, has_body: bool, takes_multipart: bool) -> None:
        """Rule 2: a form cannot send JSON, so a body must be JSON, or multipart where the route takes files."""
        if not has_body:
            return
        sent = request.headers.get("content-type", "")
        if is_json_type(sent) or (takes_multipart and content_type(sent)[0] == "multipart/form-data"):
            return
        raise CsrfFailedError
