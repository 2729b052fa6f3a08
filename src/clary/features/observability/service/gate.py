"""Who gets to Jaeger, and where it is (platform.md 12.1). Only redirects: nothing is fetched from here."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from clary.features.observability.errors import GatePathInvalidError, JaegerUnsetError
from clary.features.permissions.service import Identity
from clary.http.problems import NotSignedInError, RoleMissingError
from clary.kit.next_address import accepted_address, local_address
from clary.kit.text import Text, has_control_characters

ENTRY = "/jaeger/"
GATE = "/api/observability/jaeger"
LOGIN = f"{GATE}/login"
DOTS = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\]|$)")


@dataclass(frozen=True, slots=True)
class GateRules:
    """Where things are. `web_base`, `api_prefix`: paths without a slash at the end; `jaeger_url` None: not set."""

    jaeger_url: str | None
    web_base: str
    api_prefix: str
    is_oauth: bool
    public_origin: str | None


class JaegerGate:
    """Use cases of the gate."""

    def __init__(self, rules: GateRules) -> None:
        self._rules = rules

    def entry(self, *, identity: Identity | None, wanted: str | None, original: str | None, peer_origin: str) -> str:
        """Where a browser goes that comes in: its target for an admin, the sign-in page for a stranger.

        Raises:
            RoleMissingError
        """
        own = self._rules.public_origin or peer_origin
        target = self._local(wanted, own) or self._local(original, own) or ENTRY
        if identity is None:
            local = "" if self._rules.is_oauth else "&local_only=1"
            return f"{self._rules.web_base}/login?next={quote(target, safe='')}{local}"
        self._require_admin(identity)
        # The header is ASCII; what is encoded already stays as it is.
        return quote(target, safe="/%?#[]@!$&'()*+,;=:~-._")

    def headers_for(self, identity: Identity | None, *, fault: Text | None) -> dict[str, str]:
        """What a proxy copies to Jaeger of an admin. `fault`: what is wrong with a credential that was sent.

        Raises:
            NotSignedInError, RoleMissingError
        """
        if identity is None:
            raise NotSignedInError(fault)
        self._require_admin(identity)
        values = {"UserId": identity.user_id, "Username": quote(identity.username, safe=""), "Role": identity.role}
        return {f"X-{brand}-{name}": value for brand in ("Clary", "Sage") for name, value in values.items()}

    def address(self, *, identity: Identity | None, raw_path: str, query: str) -> str:
        """Where a path of the gate is: on Jaeger for an admin, the sign-in for a stranger.

        `raw_path`: what follows the gate's own path, as it was sent, `/` included; `query` as it was sent.

        Raises:
            GatePathInvalidError, RoleMissingError, JaegerUnsetError
        """
        _require_plain(raw_path)
        asked = raw_path + (f"?{query}" if query else "")
        if identity is None:
            here = f"{self._rules.api_prefix}{GATE}{asked}"
            return f"{self._rules.api_prefix}{LOGIN}?next={quote(here, safe='')}"
        self._require_admin(identity)
        if self._rules.jaeger_url is None:
            raise JaegerUnsetError
        return self._rules.jaeger_url.rstrip("/") + (asked if raw_path else f"/{asked}")

    def _local(self, wanted: str | None, own: str) -> str | None:
        """A target by the rule of 5.2; None: refused, or not given."""
        if accepted_address(wanted, own_origin=own) is None:
            return None
        return local_address(wanted, own_origin=own, web_base=self._rules.web_base)

    def _require_admin(self, identity: Identity) -> None:
        if not identity.is_admin:
            raise RoleMissingError


def _require_plain(raw_path: str) -> None:
    """No segment of dots and no control character, however it is encoded: the next server might read another path."""
    once = unquote(raw_path, errors="replace")
    for text in (raw_path, once, unquote(once, errors="replace")):
        if DOTS.search(text) or has_control_characters(text) or "\\" in text:
            raise GatePathInvalidError
