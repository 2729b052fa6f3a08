"""Direct calls of tools that wait, fail or belong to others (product.md 6.3, 13 A28)."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from anyio import fail_after

from clary.db.session import Session
from clary.errors import ProblemError
from clary.features.permissions.service import Identity
from clary.features.toolbox.ports import ForeignTool
from clary.features.toolbox.service import DirectCall
from clary.runtime.messages import ToolSpec
from clary.runtime.tools import Tool, ToolContext, ToolErrorType, ToolFailedError
from support.house import House

pytestmark = pytest.mark.anyio


@dataclass
class ForeignService:
    """A server's tool that waits until it is told to go on, or fails."""

    timeout_seconds: float | None = 300.0
    fails: ToolErrorType | None = None
    is_down: bool = False
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    at_work: list[ToolContext] = field(default_factory=list)
    ended: int = 0
    result: str = "done"

    @property
    def spec(self) -> ToolSpec:
        """See `Tool.spec`."""
        schema: dict[str, Any] = {"type": "object", "properties": {}}
        return ToolSpec("theirs", "", schema, "external", timeout_seconds=self.timeout_seconds)

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> str:
        """See `Tool.run`."""
        if self.fails is not None:
            raise ToolFailedError("words", self.fails)
        self.at_work.append(context)
        try:
            await self.go_on.wait()
        finally:
            self.ended += 1
        return self.result

    async def list_tools(self, db: Session, identity: Identity) -> Sequence[ForeignTool]:
        """See `ForeignTools.list_tools`."""
        return ()

    async def find_tool(self, db: Session, identity: Identity, name: str, *, owner_id: str | None) -> Tool | None:
        """See `ForeignTools.find_tool`."""
        self.asked.append((name, owner_id))
        if self.is_down:
            raise ToolFailedError("the server is down")
        return self if name == "theirs" else None


@pytest.fixture
def service() -> ForeignService:
    """The one server."""
    return ForeignService()


@pytest.fixture
def calls(house: House, service: ForeignService):
    """Direct calls with the server's tool among them."""
    services = house.services
    services.tools.connect(
        sandbox=lambda: services.execution.sandbox,
        agents=services.agent_resolver,
        conversations=services.conversations,
        workspaces=services.workspaces,
        audit=services.identity.audit,
        foreign=service,
    )
    return services.tools.calls


def person(name: str = "pia", *, is_admin: bool = False) -> Identity:
    """Somebody signed in."""
    return Identity(name, name, "admin" if is_admin else "user", "access_token")


async def slug_of(calls, call: DirectCall, identity: Identity | None = None) -> str:
    """Why a call is refused."""
    with pytest.raises(ProblemError) as problem, fail_after(10):
        await calls.execute(identity=identity or person(), call=call)
    return problem.value.slug


async def started(service: ForeignService, count: int) -> None:
    """Until so many calls are at work."""
    with fail_after(10):
        while len(service.at_work) < count:
            await asyncio.sleep(0.001)


async def test_only_so_many_calls_of_one_person_run_at_a_time(calls, service: ForeignService) -> None:
    theirs = DirectCall("theirs", {})
    running = [asyncio.create_task(calls.execute(identity=person(), call=theirs)) for _ in range(4)]
    await started(service, 4)
    assert await slug_of(calls, theirs) == "throttled"
    other = asyncio.create_task(calls.execute(identity=person("quin"), call=theirs))
    await started(service, 5)
    service.go_on.set()
    with fail_after(10):
        assert await asyncio.gather(*running, other) == ["done"] * 5
        assert await calls.execute(identity=person(), call=theirs) == "done"


async def test_results_are_given_whole(calls, service: ForeignService) -> None:
    service.result = json.dumps({"results": [{"content": "x" * 1500}]})
    service.go_on.set()
    assert await calls.execute(identity=person(), call=DirectCall("theirs", {})) == json.loads(service.result)


async def test_cancelling_ends_the_tool_and_its_temporary_workspace(calls, service: ForeignService) -> None:
    running = asyncio.create_task(calls.execute(identity=person(), call=DirectCall("theirs", {})))
    await started(service, 1)
    workspace = service.at_work[0].workspace
    (workspace / "closed").mkdir(mode=0)
    assert service.at_work[0].user_id == "pia"
    running.cancel()
    with pytest.raises(asyncio.CancelledError), fail_after(10):
        await running
    assert (service.ended, workspace.exists(), list(workspace.parent.iterdir())) == (1, False, [])


@pytest.mark.parametrize(
    ("fails", "slug"),
    [
        ("EXECUTION_ERROR", "tool_failed"),
        ("PERMISSION_DENIED", "tool_failed"),
        ("INVALID_ARGUMENTS", "tool_arguments"),
        ("TIMEOUT", "tool_timeout"),
    ],
)
async def test_a_failure_is_told_by_its_kind(calls, service: ForeignService, fails: ToolErrorType, slug: str) -> None:
    service.fails = fails
    assert await slug_of(calls, DirectCall("theirs", {})) == slug


async def test_a_tool_over_its_time_is_stopped(calls, service: ForeignService) -> None:
    service.timeout_seconds = 0.01
    assert await slug_of(calls, DirectCall("theirs", {})) == "tool_timeout"
    assert service.ended == 1


async def test_whose_server_is_meant_counts_for_admins_only(calls, service: ForeignService) -> None:
    assert await slug_of(calls, DirectCall("other", {}, owner_id="quin")) == "tool_not_found"
    assert await slug_of(calls, DirectCall("other", {}, owner_id="quin"), person(is_admin=True)) == "tool_not_found"
    service.is_down = True
    assert await slug_of(calls, DirectCall("theirs", {})) == "tool_unavailable"
    assert service.asked == [("other", None), ("other", "quin"), ("theirs", None)]
    # Built-in names are never replaced.
    await calls.execute(identity=person(), call=DirectCall("list_dir", {}))
    assert len(service.asked) == 3
