"""Types of values as people write them in an environment."""

import base64
import binascii
import ipaddress
import re
from email.utils import parseaddr
from typing import Annotated, Any, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, SecretStr

from clary.http.peers import AddressList, AddressListError
from clary.kit.safe_http import parse_allow

_SWITCH = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_PREFIX_PATH = re.compile(r"^(/[A-Za-z0-9._~-]+)*$")
_HOST = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$")
KEY_BYTES = 32
SEARCH_SERVICES = frozenset({"searxng", "brave", "tavily", "serpapi"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def _switch(value: Any) -> Any:
    if isinstance(value, str):
        known = _SWITCH.get(value.strip().lower())
        if known is None:
            raise ValueError("must be one of true, false, 1, 0, yes, no, on, off")
        return known
    return value


def _comma_list(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _public_url(text: str) -> str:
    """Scheme, host and port, nothing else."""
    return _origin(text, "must be scheme, host and port only, like https://clary.example.org")


def _origin(text: str, reason: str) -> str:
    text = text.strip().removesuffix("/")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(reason) from None
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host or parts.path or parts.query or parts.fragment:
        raise ValueError(reason)
    if parts.username is not None or parts.password is not None or text.endswith(("?", "#")):
        raise ValueError(reason)
    shown = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{shown}" + (f":{port}" if port is not None and port != default else "")


def _origins(entries: tuple[str, ...]) -> tuple[str, ...]:
    reason = "every entry must be * or an origin like https://app.example.org"
    return tuple(entry if entry == "*" else _origin(entry, reason) for entry in entries)


def _path_prefix(text: str) -> str:
    text = text.strip().removesuffix("/")
    if not _PREFIX_PATH.match(text):
        raise ValueError("must be a path like /prod-api")
    return text


def _addresses(entries: tuple[str, ...]) -> tuple[str, ...]:
    try:
        AddressList(entries)
    except AddressListError:
        raise ValueError("every entry must be an address or a CIDR block") from None
    return entries


def _hosts(entries: tuple[str, ...]) -> tuple[str, ...]:
    for entry in entries:
        if not _HOST.match(entry) and not is_literal_address(entry.strip("[]")):
            raise ValueError("every entry must be a host name without port")
    return tuple(entry.strip("[]").lower() for entry in entries)


def _outbound(entries: tuple[str, ...]) -> tuple[str, ...]:
    try:
        parse_allow(entries)
    except ValueError:
        # Raised anew: the guard's own text names the entry.
        raise ValueError("every entry must be a host, an address or a CIDR block, with an optional :port") from None
    return entries


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone like Europe/Berlin or UTC") from None
    return name


def _secret_key(value: SecretStr) -> SecretStr:
    decode_key(value.get_secret_value())
    return value


def _secret_keys(value: SecretStr) -> SecretStr:
    for part in split_keys(value):
        decode_key(part)
    return value


def decode_key(text: str) -> bytes:
    """32 bytes from base64 (either alphabet) or hex.

    Raises:
        ValueError: it is neither, or of another length.
    """
    text = text.strip()
    try:
        if re.fullmatch(r"[0-9a-fA-F]{64}", text):
            return bytes.fromhex(text)
        padded = text.replace("-", "+").replace("_", "/")
        raw = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("must be 32 bytes in base64 or hex") from None
    if len(raw) != KEY_BYTES:
        raise ValueError("must be 32 bytes in base64 or hex")
    return raw


def split_keys(value: SecretStr) -> list[str]:
    """The entries of a comma-separated secret."""
    return [part.strip() for part in value.get_secret_value().split(",") if part.strip()]


def is_literal_address(host: str) -> bool:
    """Whether a host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    return is_literal_address(host) and ipaddress.ip_address(host).is_loopback


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise ValueError("must be a three-letter ISO code like USD")
    return text


def _header_name(text: str) -> str:
    text = text.strip()
    if not re.fullmatch(r"[A-Za-z0-9-]*", text):
        raise ValueError("must be the name of a header: letters, digits and hyphens")
    return text


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        raise ValueError("must be an http or https address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https address")
    return text.strip()


def _base_address(text: str) -> str:
    text = _web_address(text)
    if "?" in text or "#" in text:
        raise ValueError("must be an http or https address without query")
    return text


def _repository(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,39}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}", text.strip()):
        raise ValueError("must be the owner and the name of a repository, like owner/name")
    return text.strip()


def _url_start(text: str) -> str:
    return _web_address(text) if text.strip() else ""


def _key_prefix(text: str) -> str:
    """A path below a bucket, without slashes at its ends."""
    text = text.strip().strip("/")
    parts = text.split("/") if text else []
    if any(part in (".", "..") or not re.fullmatch(r"[A-Za-z0-9._-]{1,128}", part) for part in parts):
        raise ValueError("must be a path like clary/files")
    return text


def _issuer(text: str) -> str:
    text = text.strip().removesuffix("/")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("must be an https address without query") from None
    if (parts.scheme != "https" and not is_loopback(parts.hostname or "")) or not parts.hostname:
        raise ValueError("must be an https address without query")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValueError("must be an https address without query")
    return text


def _mail_sender(text: str) -> str:
    """`Name <a@b>` or an address alone."""
    name, address = parseaddr(text)
    local, _, domain = address.partition("@")
    if not local or not domain or any(char in "\r\n" for char in name + address):
        raise ValueError("must be an address like Clary <clary@example.org>")
    return text.strip()


def _search_order(names: tuple[str, ...]) -> tuple[str, ...]:
    if not set(names) <= SEARCH_SERVICES or len(set(names)) != len(names):
        raise ValueError("must name searxng, brave, tavily, serpapi, each once at most")
    return names


def _optional(value: Any) -> Any:
    """The empty text says "not sent", which differs from "not set"."""
    return None if isinstance(value, str) and not value.strip() else cast("object", value)


Switch = Annotated[bool, BeforeValidator(_switch)]
SearchOrder = Annotated[tuple[str, ...], BeforeValidator(_comma_list), AfterValidator(_search_order)]
CommaList = Annotated[tuple[str, ...], BeforeValidator(_comma_list)]
Addresses = Annotated[CommaList, AfterValidator(_addresses)]
Hosts = Annotated[CommaList, AfterValidator(_hosts)]
Origins = Annotated[CommaList, AfterValidator(_origins)]
Outbound = Annotated[CommaList, AfterValidator(_outbound)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
PathPrefix = Annotated[str, AfterValidator(_path_prefix)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
SecretKey = Annotated[SecretStr, AfterValidator(_secret_key)]
SecretKeys = Annotated[SecretStr, AfterValidator(_secret_keys)]
Currency = Annotated[str, AfterValidator(_currency)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
BaseAddress = Annotated[str, AfterValidator(_base_address)]
Repository = Annotated[str, AfterValidator(_repository)]
UrlStart = Annotated[str, AfterValidator(_url_start)]
KeyPrefix = Annotated[str, AfterValidator(_key_prefix)]
Issuer = Annotated[str, AfterValidator(_issuer)]
MailSender = Annotated[str, AfterValidator(_mail_sender)]
EmptyIsNone = BeforeValidator(_optional)


def plain(secret: SecretStr | None) -> str | None:
    """A secret's text."""
    return None if secret is None else secret.get_secret_value()
