"""Wire shapes of groups (platform.md 7.2, 14.3)."""

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, ConfigDict, Field

from clary.features.groups.policy import MAX_DESCRIPTION, MemberRole, clean_name
from clary.http.payload import Payload

Name = Annotated[str, AfterValidator(clean_name)]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION)]
# The largest whole number that every database and client keeps.
Tokens = Annotated[int, Field(ge=0, le=2**53)]
Cost = Annotated[float, Field(ge=0)]


class BudgetBody(Payload):
    """Ceilings of platform.md 14.3, each null or at least 0; 0 allows nothing."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    tokens_per_run: Tokens | None = None
    cost_per_run: Cost | None = None
    tokens_per_session: Tokens | None = None
    cost_per_session: Cost | None = None
    tokens_per_day: Tokens | None = None
    cost_per_day: Cost | None = None
    tokens_per_month: Tokens | None = None
    cost_per_month: Cost | None = None
    currency: str | None = Field(None, pattern="^[A-Z]{3}$")


class GroupCreateRequest(Payload):
    """A new group."""

    name: Name
    description: Description = ""
    budget: BudgetBody | None = None

    def sent(self) -> dict[str, Any]:
        """Every field, as it is stored."""
        return self.model_dump()


class GroupUpdateRequest(Payload):
    """Changes of a group: absent = unchanged; a budget of null takes it away."""

    null_clears: ClassVar[frozenset[str]] = frozenset({"budget"})

    name: Name | None = None
    description: Description | None = None
    budget: BudgetBody | None = None

    def sent(self) -> dict[str, Any]:
        """The fields that were sent."""
        whole = self.model_dump()
        return {field: whole[field] for field in self.model_fields_set}


class MembersRequest(Payload):
    """People to add. Without a role new ones become members and known ones stay what they are."""

    user_ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=1000)]
    role: MemberRole | None = None
