"""Which parts of a value are secret: what `clary doctor` may show of it, and what the log has to mask.

A secret is not only a setting of its own: the address of a service may carry a password, and JSON may hold one.
"""

import re
from collections.abc import Iterator, Mapping
from typing import cast
from urllib.parse import unquote

from pydantic import SecretStr

_ADDRESS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)((?P<user>[^/?#]*)@)?(?P<rest>[^?#]*)(?P<more>.*)", re.DOTALL
)
HIDDEN = "***"


def shown(value: object) -> str:
    """A value for people: secrets read `set`, what may be secret in an address reads `***`."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(map(_shown_entry, cast("tuple[object, ...]", value)))
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, object]", value)
        return ",".join(f"{key}={shown(each)}" for key, each in entries.items())
    return shown_address(str(value))


def _shown_entry(value: object) -> str:
    # An OAuth2 client is named by its id, as a way to sign in is.
    return str(cast("Mapping[str, object]", value)["client_id"]) if isinstance(value, Mapping) else shown(value)


def shown_address(text: str) -> str:
    """An address without the user part and what follows the path, which may hold keys; any other text as it is."""
    parts = _ADDRESS.fullmatch(text)
    if parts is None:
        return text
    user = "" if parts["user"] is None else f"{HIDDEN}@"
    return parts["scheme"] + user + parts["rest"] + (f"{parts['more'][0]}{HIDDEN}" if parts["more"] else "")


def secrets_in(value: object) -> Iterator[str]:
    """The plain secrets of a value, each as it is written and as it is meant."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
        yield from _address_secrets(value.get_secret_value())
    elif isinstance(value, str):
        yield from _address_secrets(value)
    elif isinstance(value, Mapping):
        for each in cast("Mapping[str, object]", value).values():
            yield from secrets_in(each)
    elif isinstance(value, tuple):
        for each in cast("tuple[object, ...]", value):
            yield from secrets_in(each)


def _address_secrets(text: str) -> Iterator[str]:
    parts = _ADDRESS.fullmatch(text)
    if parts is None or not parts["user"]:
        return
    name, colon, password = parts["user"].partition(":")
    if colon:
        yield from (password, unquote(password))
    elif parts["scheme"].startswith("http"):
        # Alone it is a token; the name in front of a database without password is only a name.
        yield from (name, unquote(name))
