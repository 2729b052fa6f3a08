"""Whom an agent may hand work to in a run, and what goes with an agent that is deleted (product.md 3.1, 3.2)."""

from dataclasses import replace

import pytest

from clary.db.session import Session
from clary.features.agents.service import SubAgents
from features.llm_providers.stage import identity_of
from support.crowd import Crowd

pytestmark = pytest.mark.anyio


class Cast:
    """Agents of a crowd and who uses them."""

    def __init__(self, crowd: Crowd, ids: dict[str, str]) -> None:
        self.crowd = crowd
        self.ids = ids

    async def agent(self, owner: str, name: str, **fields: object) -> str:
        """A new agent."""
        self.crowd.house.clock.move(seconds=1)
        code, slug, data = await self.crowd.call(owner, "POST", "/api/agent/create", {"name": name, **fields})
        assert code == 200, slug
        return data["agent_id"]

    async def share(self, owner: str, agent: str, *names: str) -> None:
        """Grants an agent to exactly these people."""
        body = {"user_ids": [self.ids[name] for name in names]}
        assert (await self.crowd.call(owner, "POST", f"/api/agent/{agent}/auth", body))[0] == 200

    async def found(self, name: str, agent: str, agent_ids: list[str] | None = None) -> tuple[list[str], list[str]]:
        """(ids of usable sub-agents, ids of the others) in a run of somebody."""
        resolver = self.crowd.house.services.agent_resolver
        identity = replace(identity_of(name), user_id=self.ids[name])
        async with self.crowd.house.services.database.read() as db:
            snapshot = await resolver.resolve_for_run(db, identity=identity, agent_id=agent)
            found = await resolver.resolve_sub_agents(db, identity=identity, agent=snapshot, agent_ids=agent_ids)
        assert isinstance(found, SubAgents)
        return [each.agent_id for each in found.usable], list(found.not_usable)


@pytest.fixture
async def cast(crowd: Crowd) -> Cast:
    names = ("ann", "ben", "cid")
    return Cast(crowd, dict(zip(names, await crowd.add(*names), strict=True)))


async def test_listed_sub_agents_are_used_by_the_rights_of_the_agents_owner_as_they_stand_now(cast: Cast) -> None:
    own, lent = await cast.agent("ann", "own"), await cast.agent("cid", "lent")
    await cast.share("cid", lent, "ann")
    lead = await cast.agent("ann", "lead", availableSubAgentIds=[lent, own, "default_agent"])
    await cast.share("ann", lead, "ben")
    assert await cast.found("ben", lead) == ([lent, own, "default_agent"], [])
    await cast.share("cid", lent)
    assert await cast.found("ben", lead) == ([own, "default_agent"], [lent])
    await cast.crowd.call("ann", "DELETE", f"/api/agent/{own}")
    assert await cast.found("ben", lead) == (["default_agent"], [lent])


async def test_ids_that_a_request_names_are_judged_by_the_callers_own_rights(cast: Cast) -> None:
    listed, unlisted = await cast.agent("ann", "listed"), await cast.agent("ann", "unlisted")
    bens, lead = await cast.agent("ben", "bens"), await cast.agent("ann", "lead", availableSubAgentIds=[listed])
    await cast.share("ann", lead, "ben")
    asked = [unlisted, bens, listed, lead, "agent_99999999", "..", bens]
    assert await cast.found("ben", lead, asked) == ([bens, listed], [unlisted, lead, "agent_99999999", ".."])
    assert await cast.found("ann", lead, [unlisted, bens]) == ([unlisted], [bens])


async def test_auto_finds_at_most_twenty_agents_of_the_caller_newest_first(cast: Cast) -> None:
    lead = await cast.agent("ann", "lead", subAgentSelectionMode="auto")
    await cast.share("ann", lead, "ben")
    await cast.agent("ann", "not for ben")
    lent = await cast.agent("cid", "lent")
    await cast.share("cid", lent, "ben")
    own = [await cast.agent("ben", f"b{number}") for number in range(2)]
    assert await cast.found("ben", lead) == ([*reversed(own), lent], [])
    own += [await cast.agent("ben", f"c{number}") for number in range(20)]
    assert await cast.found("ben", lead) == (own[:1:-1], [])


async def test_what_others_keep_for_an_agent_goes_with_it(cast: Cast) -> None:
    gone: list[str] = []

    class Notes:
        async def forget_agent(self, session: Session, *, agent_id: str) -> None:
            gone.append(agent_id)

    cast.crowd.house.services.agents.removal.set_things([Notes()])
    agent = await cast.agent("ann", "a")
    await cast.crowd.call("ann", "DELETE", f"/api/agent/{agent}")
    assert gone == [agent]
