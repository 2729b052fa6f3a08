"""Wire shapes of settings (platform.md 9.3)."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from clary.http.payload import Payload
from clary.kit.safe_http import parse_allow
from clary.kit.text import TextError, has_control_characters

_DOMAIN = re.compile(r"@?[^\s@]+")


def _name(text: str) -> str:
    cleaned = text.strip()
    if not cleaned or has_control_characters(cleaned):
        raise TextError("应为 1 到 64 个可见字符", "must have 1 to 64 printable characters")
    return cleaned


def _domain(text: str) -> str:
    cleaned = text.strip().lower()
    if not _DOMAIN.fullmatch(cleaned) or has_control_characters(cleaned):
        raise TextError("应为 example.org 这样的域名", "must be a domain like example.org")
    return cleaned.removeprefix("@")


def _target(text: str) -> str:
    try:
        parse_allow([text])
    except ValueError:
        raise TextError(
            "应为主机名、IP 地址或 CIDR 网段，可带 :port",
            "must be a host, an address or a CIDR block, with an optional :port",
        ) from None
    return text.strip()


Name = Annotated[str, Field(max_length=64), AfterValidator(_name)]
Domains = Annotated[list[Annotated[str, Field(max_length=253), AfterValidator(_domain)]], Field(max_length=1000)]
Targets = Annotated[list[Annotated[str, Field(max_length=300), AfterValidator(_target)]], Field(max_length=1000)]


class SettingsUpdateRequest(Payload):
    """Absent = unchanged. Unknown keys are refused, so that a slip of the pen does not look like a change."""

    model_config = ConfigDict(extra="forbid")

    allow_registration: bool | None = None
    registration_domains: Domains | None = None
    instance_name: Name | None = None
    announcement: Annotated[str, Field(max_length=2000)] | None = None
    user_directory: Literal["all", "groups", "self"] | None = None
    share_mode: Literal["explicit", "link"] | None = None
    outbound_allow: Targets | None = None
    api_key_max_days: Annotated[int, Field(ge=0, le=36_500)] | None = None
    max_active_runs_per_user: Annotated[int, Field(ge=1, le=10_000)] | None = None
    demo_model: bool | None = None
    skill_approval: Literal["scan", "owner", "admin"] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "SettingsUpdateRequest":
        if not self.model_fields_set:
            raise TextError("至少需要一项设置", "at least one setting is needed")
        return self

    def sent(self) -> dict[str, Any]:
        """The settings that were sent."""
        return self.model_dump(exclude_unset=True)
