"""The services of this slice, and the choice among skills of one name, as types in a route's signature."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Query, Request

from clary.features.skills.service import SkillImports, SkillService, SkillSync, Wanted


class Selection(NamedTuple):
    """`dimension`, `agent_id` and `user_id` of the query, each absent as None."""

    dimension: str | None
    agent_id: str | None
    user_id: str | None

    def of(self, name: str, *, dimension: str | None = None, agent_id: str | None = None) -> Wanted:
        """The skill of this name; what a body says wins."""
        return Wanted(name, dimension or self.dimension, agent_id or self.agent_id, self.user_id)


async def _skills(request: Request) -> SkillService:
    return request.app.state.skills


async def _imports(request: Request) -> SkillImports:
    return request.app.state.skill_imports


async def _sync(request: Request) -> SkillSync:
    return request.app.state.skill_sync


async def _selection(
    dimension: Annotated[str | None, Query(max_length=16)] = None,
    agent_id: str | None = None,
    user_id: str | None = None,
) -> Selection:
    return Selection(dimension, agent_id, user_id)


Skills = Annotated[SkillService, Depends(_skills)]
Imports = Annotated[SkillImports, Depends(_imports)]
Sync = Annotated[SkillSync, Depends(_sync)]
Chosen = Annotated[Selection, Depends(_selection)]
