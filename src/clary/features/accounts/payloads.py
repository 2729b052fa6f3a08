"""Request bodies of accounts."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from clary.features.accounts.policy import is_avatar
from clary.http.payload import Payload
from clary.kit import json_text
from clary.kit.text import TextError, has_control_characters

MAX_CONFIG_BYTES = 64 * 1024


def require_printable(value: str | None) -> str | None:
    """The value, if it holds no control character."""
    if value is not None and has_control_characters(value):
        raise TextError("不能包含控制字符", "control characters are not allowed")
    return value


class LoginRequest(Payload):
    """Body of a login."""

    username_or_email: Annotated[str, Field(max_length=1024)]
    password: Annotated[str, Field(max_length=1024)]


class SendCodeRequest(Payload):
    """Where to send a code."""

    email: Annotated[str, Field(max_length=1024)] | None = None


class RegisterRequest(Payload):
    """Somebody who makes an account; a missing address or code is told as such."""

    username: Annotated[str, Field(max_length=1024)]
    password: Annotated[str, Field(max_length=256)]
    email: Annotated[str, Field(max_length=1024)] | None = None
    phonenum: Annotated[str, Field(max_length=32)] | None = None
    verification_code: Annotated[str, Field(max_length=64)] | None = None

    @field_validator("phonenum")
    @classmethod
    def _printable(cls, value: str | None) -> str | None:
        return require_printable(value)


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
            raise TextError("config 超过 64 KiB", "config is larger than 64 KiB")
        return value


class ProfileRequest(Payload):
    """What people change about themselves; absent = unchanged, an empty text clears."""

    nickname: Annotated[str, Field(max_length=64)] | None = None
    phonenum: Annotated[str, Field(max_length=32)] | None = None
    avatar_url: Annotated[str, Field(max_length=512)] | None = None

    @field_validator("nickname", "phonenum")
    @classmethod
    def _printable(cls, value: str | None) -> str | None:
        return require_printable(value)

    @field_validator("avatar_url")
    @classmethod
    def _is_avatar(cls, value: str | None) -> str | None:
        if value and not is_avatar(value):
            raise TextError(
                "avatar_url 应为 https 地址或自己的对象路径",
                "avatar_url must be an https address or an own object path",
            )
        return value

    def sent(self) -> dict[str, str]:
        """The fields that were sent."""
        return self.model_dump(exclude_none=True)


class UserUpdateRequest(Payload):
    """What an admin changes about a user: absent = unchanged; null clears nickname, e-mail and phone number."""

    null_clears: ClassVar[frozenset[str]] = frozenset({"nickname", "email", "phonenum"})

    user_id: str
    nickname: Annotated[str, Field(max_length=64)] | None = None
    email: str | None = None
    phonenum: Annotated[str, Field(max_length=32)] | None = None
    role: Literal["user", "admin"] | None = None
    disabled: bool | None = None

    @field_validator("phonenum", "nickname")
    @classmethod
    def _printable(cls, value: str | None) -> str | None:
        return require_printable(value)

    def sent(self) -> dict[str, Any]:
        """The fields that were sent."""
        whole = self.model_dump()
        return {field: whole[field] for field in self.model_fields_set - {"user_id"}}


class ResetPasswordRequest(Payload):
    """A new password for a user; without one, one is made."""

    user_id: str
    new_password: Annotated[str, Field(max_length=256)] | None = None


class UserDeleteRequest(Payload):
    """A user to delete, and what becomes of their things."""

    user_id: str
    objects: Literal["delete", "transfer", "delete_all"] = "delete"
    transfer_to: str | None = None


class UserAddRequest(Payload):
    """A user made by an admin."""

    username: str
    password: Annotated[str, Field(max_length=256)] | None = None
    email: str | None = None
    phonenum: Annotated[str, Field(max_length=32)] | None = None
    nickname: Annotated[str, Field(max_length=64)] | None = None
    role: Literal["user", "admin"] = "user"

    @field_validator("username", "phonenum", "nickname")
    @classmethod
    def _printable(cls, value: str | None) -> str | None:
        return require_printable(value)
