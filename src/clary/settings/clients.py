"""OAuth2 clients of the configuration (platform.md 6.1, 13)."""

from typing import Annotated, Any, cast

from pydantic import AfterValidator, BeforeValidator, ValidationError

from clary.features.oauth2.payloads import ConfiguredClient
from clary.features.oauth2.service import SCOPES
from clary.settings.prices import read_json


def _clients(value: Any) -> tuple[dict[str, Any], ...]:
    """Checked entries; what is wrong is told without the value."""
    listed = read_json(value) if isinstance(value, str) else value
    if not isinstance(listed, list | tuple):
        raise ValueError("must be a JSON array of clients")
    entries: list[dict[str, Any]] = []
    for number, each in enumerate(cast("list[Any]", listed), 1):
        try:
            entries.append(ConfiguredClient.model_validate(each).entry())
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "entry"
            raise ValueError(f"client {number}: {field}: {first['msg'].removeprefix('Value error, ')}") from None
    ids = [entry["client_id"] for entry in entries]
    if len(set(ids)) < len(ids):
        raise ValueError("a client_id is used twice")
    return tuple(entries)


def _scopes(value: Any) -> tuple[str, ...]:
    listed = value.replace(",", " ").split() if isinstance(value, str) else value
    if not set(listed) <= set(SCOPES) - {"admin"}:
        raise ValueError("every entry must be a scope, and never admin")
    return tuple(listed)


ClientsValue = Annotated[tuple[Any, ...], BeforeValidator(_clients)]
OAuthScopes = Annotated[tuple[str, ...], BeforeValidator(_scopes), AfterValidator(tuple)]
