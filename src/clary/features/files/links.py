"""Addresses of objects: made, signed, and recognised again (platform.md 10.2, 10.3)."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from clary.features.files.policy import BUNDLE
from clary.kit.crypto import SecretBox, same_text

ROUTE: Final = "/api/oss/object/"
_PLACE: Final = "files.link"


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """How browsers reach this server (platform.md 2.7). `public_url` empty: as the request at hand came."""

    public_url: str = ""
    api_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """The object an address names, and the signature it carries; "" for none."""

    key: str
    signature: str


class FileLinks:
    """A signature is good for one key, for as long as something is kept under it."""

    def __init__(self, own: OwnAddress, secret_box: SecretBox, *, is_signing: bool) -> None:
        self._own = own
        self._secret_box = secret_box
        self._is_signing = is_signing

    @property
    def knows_origin(self) -> bool:
        """Whether this server knows its own address without a request."""
        return bool(self._own.public_url)

    def address(self, key: str, *, peer_origin: str) -> str:
        """The absolute address of an object. Bundles are everybody's and need no signature."""
        address = f"{self._own.public_url or peer_origin}{self._own.api_prefix}{ROUTE}{quote(key, safe='/')}"
        if not self._is_signing or is_bundle(key):
            return address
        return f"{address}?s={self._secret_box.mac(key, place=_PLACE)}"

    def is_signed(self, key: str, signature: str) -> bool:
        """Whether a signature opens an object."""
        if not self._is_signing or not signature:
            return False
        return any(same_text(signature, mac) for mac in self._secret_box.macs(key, place=_PLACE))

    def named_by(self, address: str, *, peer_origin: str = "") -> Named | None:
        """What an address of ours names, whole or as path; None for every other address.

        Without a known origin of our own every origin counts: whether the object is here, the caller finds out.
        """
        found = _parts(address)
        if found is None:
            return None
        origin, path, query = found
        own = self._own.public_url or peer_origin
        if origin and own and origin != own:
            return None
        for prefix in (self._own.api_prefix + ROUTE, ROUTE):
            if path.startswith(prefix):
                key = unquote(path[len(prefix) :])
                # No object has such a key, and PostgreSQL does not take it.
                return None if "\0" in key else Named(key, parse_qs(query).get("s", [""])[0])
        return None


def is_bundle(key: str) -> bool:
    """Whether an object is a file of a release, which everybody may have."""
    return key.startswith(f"{BUNDLE}/")


def _parts(address: str) -> tuple[str, str, str] | None:
    """Origin (empty for a path), path and query; None for what is no address of the web."""
    if re.search(r"[\s\\]", address.replace(" ", "")):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if not parts.scheme and not parts.netloc:
        return "", parts.path, parts.query
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None
    return f"{parts.scheme}://{parts.netloc}".lower(), parts.path, parts.query
