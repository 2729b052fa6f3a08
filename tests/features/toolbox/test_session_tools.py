"""load_skill, load_workflow (stream-runtime.md 9.5, 9.9)."""

from collections.abc import Sequence

import pytest

from clary.runtime.tools import Todo

pytestmark = pytest.mark.anyio


class Shelf:
    """Two skills."""

    names: Sequence[str] = ("maths", "prose")

    async def read(self, name: str) -> str | None:
        """See `SkillShelf.read`."""
        return f"# {name}" if name in self.names else None


async def test_a_skill_is_confirmed_in_one_line_and_an_unknown_one_names_the_others(bench) -> None:
    bench.more = {"skills": Shelf()}
    assert await bench.call("load_skill", "en", skill_name=" maths ") == "Skill 'maths' loaded"
    unknown = await bench.call("load_skill", skill_name="{names}")
    assert unknown == "Error: Skill '{names}' not found. Available skills: maths, prose"
    bench.more = {}
    assert await bench.call("load_skill", skill_name="x") == "Error: Skill 'x' not found. Available skills: "


async def test_a_workflow_becomes_the_task_list(bench) -> None:
    bench.more = {"workflows": {"release": ["build", "ship"]}}
    assert "2" in await bench.call("load_workflow", "en", workflow_name="release")
    assert await bench.todos.read() == [Todo("release-1", "build"), Todo("release-2", "ship")]
    assert await bench.call("load_workflow", workflow_name="x") == (
        "Error: Workflow 'x' not found. Available workflows: release"
    )
