"""Wire shapes of releases (platform.md 11)."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from clary.http.payload import Payload
from clary.kit.text import TextError

MAX_NOTES_BYTES = 64 * 1024


def _bounded(notes: str) -> str:
    if len(notes.encode()) > MAX_NOTES_BYTES:
        raise TextError("版本说明超过 64 KiB", "release notes are longer than 64 KiB")
    return notes


Address = Annotated[str, Field(max_length=2048)]
Notes = Annotated[str, AfterValidator(_bounded)]


class Artifact(Payload):
    """The files for one platform; an empty text counts as absent."""

    platform: Annotated[str, Field(pattern=r"^[a-z0-9]+-[a-z0-9_]+$", max_length=64)]
    installer_url: Address | None = None
    updater_url: Address | None = None
    updater_signature: Annotated[str, Field(max_length=4096)] | None = None

    @field_validator("installer_url", "updater_url", "updater_signature")
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return value or None

    @model_validator(mode="after")
    def _has_an_address(self) -> "Artifact":
        if self.installer_url is None and self.updater_url is None:
            raise TextError("安装包需要 installer_url 或 updater_url", "an artifact needs installer_url or updater_url")
        return self


class CreateVersionRequest(Payload):
    """A new release."""

    version: Annotated[str, Field(max_length=256)]
    release_notes: Notes
    artifacts: Annotated[list[Artifact], Field(max_length=20)]

    @field_validator("artifacts")
    @classmethod
    def _once_each(cls, artifacts: list[Artifact]) -> list[Artifact]:
        if len({each.platform for each in artifacts}) != len(artifacts):
            raise TextError("每个平台只能出现一次", "each platform may be named once")
        return artifacts

    def stored_artifacts(self) -> list[dict[str, Any]]:
        """The artifacts as rows and answers hold them."""
        return [each.model_dump() for each in self.artifacts]
