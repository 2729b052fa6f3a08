"""Where a browser goes after signing in: only to places of our own (platform.md 5.2, 6, 12)."""

from urllib.parse import unquote, urlsplit

from clary.kit.text import has_control_characters

MAX_NEXT = 2048
OWN_PLACES = ("/api/", "/oauth2/", "/jaeger/")


def local_address(next: str | None, *, own_origin: str, web_base: str) -> str:
    """A path with query and fragment on this server; `<web_base>/` for whatever is not plainly that.

    `own_origin`: scheme and host as the browser sees them. `web_base`: path of the web client, without a slash at the
    end; it is put in front of paths that belong to no other part of the server.
    """
    found = accepted_address(next, own_origin=own_origin)
    if found is None:
        return f"{web_base}/"
    path = urlsplit(found).path
    if path == web_base or path.startswith((f"{web_base}/", *OWN_PLACES)):
        return found
    return web_base + found


def accepted_address(next: str | None, *, own_origin: str) -> str | None:
    """The path of an acceptable `next`, None of any other; for callers with a default of their own."""
    if not next or len(next) > MAX_NEXT:
        return None
    if next.startswith(own_origin + "/"):
        next = next[len(own_origin) :]
    return next if _is_local(next) and _is_local(unquote(next)) else None


def _is_local(text: str) -> bool:
    if not text.startswith("/") or text.startswith("//") or "\\" in text or has_control_characters(text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc
