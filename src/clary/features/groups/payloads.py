"""Wire shapes of groups (platform.md 7.2)."""

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from clary.features.groups.policy import MAX_DESCRIPTION, MemberRole, clean_name
from clary.http.budget import BudgetBody
from clary.http.payload import Payload

Name = Annotated[str, AfterValidator(clean_name)]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION)]


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
