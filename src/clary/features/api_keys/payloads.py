"""Wire shapes of API keys (platform.md 7.1)."""

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from clary.features.api_keys.policy import DEFAULT_SCOPES, Scope, require_address
from clary.http.budget import BudgetBody
from clary.http.payload import Payload
from clary.kit.clock import in_utc
from clary.kit.text import TextError, has_control_characters


def _clean_name(name: str) -> str:
    cleaned = name.strip()
    if not cleaned or has_control_characters(cleaned):
        raise TextError("应为 1 到 64 个可见字符", "must have 1 to 64 printable characters")
    return cleaned


Name = Annotated[str, Field(max_length=64), AfterValidator(_clean_name)]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=5)]
Agents = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=50)]
Address = Annotated[str, Field(max_length=64), AfterValidator(require_address)]
Addresses = Annotated[list[Address], Field(max_length=20)]
Moment = Annotated[datetime, AfterValidator(in_utc)]


class KeyCreateRequest(Payload):
    """A new key."""

    name: Name
    scopes: Scopes = Field(default_factory=lambda: [*DEFAULT_SCOPES])
    expires_at: Moment | None = None
    agent_ids: Agents = Field(default_factory=list[str])
    addresses: Addresses = Field(default_factory=list[str])
    budget: BudgetBody | None = None

    def sent(self) -> dict[str, Any]:
        """Every field, as it is stored."""
        return self.model_dump()


class KeyUpdateRequest(Payload):
    """Changes of a key: absent = unchanged; null takes the end or the budget away."""

    null_clears: ClassVar[frozenset[str]] = frozenset({"expires_at", "budget"})

    name: Name | None = None
    scopes: Scopes | None = None
    expires_at: Moment | None = None
    agent_ids: Agents | None = None
    addresses: Addresses | None = None
    budget: BudgetBody | None = None

    def sent(self) -> dict[str, Any]:
        """The fields that were sent."""
        whole = self.model_dump()
        return {field: whole[field] for field in self.model_fields_set}


class RotateRequest(Payload):
    """How long the old secret still works, in seconds."""

    overlap_seconds: Annotated[int, Field(ge=0, le=86_400)] = 0
