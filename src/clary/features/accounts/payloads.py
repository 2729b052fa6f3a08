"""Request bodies of accounts."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from clary.http.payload import Payload
from clary.kit import json_text
from clary.kit.text import has_control_characters

MAX_CONFIG_BYTES = 64 * 1024


class LoginRequest(Payload):
    """Body of a login."""

    username_or_email: Annotated[str, Field(max_length=1024)]
    password: Annotated[str, Field(max_length=1024)]


class RefreshRequest(Payload):
    """Body of a refresh."""

    refresh_token: Annotated[str, Field(max_length=256)]


class ChangePasswordRequest(Payload):
    """Body of a password change."""

    old_password: Annotated[str, Field(max_length=1024)]
    new_password: Annotated[str, Field(max_length=256)]


class ConfigRequest(Payload):
    """Settings of a client to merge."""

    config: dict[str, Any]

    @field_validator("config")
    @classmethod
    def _bounded(cls, value: dict[str, Any]) -> dict[str, Any]:
        if len(json_text.dumps(value)) > MAX_CONFIG_BYTES:
            raise ValueError("config is larger than 64 KiB")
        return value


class UserAddRequest(Payload):
    """A user made by an admin."""

    username: str
    password: Annotated[str, Field(max_length=256)]
    email: str | None = None
    phonenum: Annotated[str, Field(max_length=32)] | None = None
    nickname: Annotated[str, Field(max_length=64)] | None = None
    role: Literal["user", "admin"] = "user"

    @field_validator("username", "phonenum", "nickname")
    @classmethod
    def _printable(cls, value: str | None) -> str | None:
        if value is not None and has_control_characters(value):
            raise ValueError("control characters are not allowed")
        return value
