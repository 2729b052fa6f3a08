"""Where workspaces lie (product.md 4)."""

import re
import stat
from pathlib import Path

import pytest

from clary.db.database import Database
from clary.features.workspaces.service import WorkspaceService
from clary.kit.clock import SystemClock

pytestmark = pytest.mark.anyio


async def test_one_folder_per_person_and_agent_shared_by_all_conversations(tmp_path: Path, database: Database) -> None:
    service = WorkspaceService(tmp_path, database=database, clock=SystemClock())
    first = await service.ensure("u1", "agent_1", "s1")
    assert await service.ensure("u1", "agent_1", "s2") == first
    others = [await service.ensure("u2", "agent_1", "s1"), await service.ensure("u1", "agent_2", "s1")]
    assert len({first, *others}) == 3


async def test_the_built_in_agent_has_one_per_conversation(tmp_path: Path, database: Database) -> None:
    service = WorkspaceService(tmp_path, database=database, clock=SystemClock())
    first = await service.ensure("u1", None, "s1")
    assert await service.ensure("u1", "default_agent", "s1") == first
    assert len({first, await service.ensure("u1", None, "s2"), await service.ensure("u2", None, "s1")}) == 3


async def test_names_tell_nothing_lead_nowhere_and_are_closed_to_others(tmp_path: Path, database: Database) -> None:
    service = WorkspaceService(tmp_path / "spaces", database=database, clock=SystemClock())
    for user, agent, session in (("../../u", "agent_1", "s"), ("u", None, "../../../etc"), ("u", "..", "s\n")):
        folder = await service.ensure(user, agent, session)
        assert folder.resolve().is_relative_to(tmp_path / "spaces")
        assert re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{40}", str(folder.relative_to(tmp_path / "spaces")))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_ids_that_read_alike_when_joined_have_different_folders(tmp_path: Path, database: Database) -> None:
    service = WorkspaceService(tmp_path, database=database, clock=SystemClock())
    assert await service.ensure("u", "a_s", "x") != await service.ensure("u_a", "s", "x")
    assert await service.ensure("u", "s1", "x") != await service.ensure("u", None, "s1")


async def test_deleting_takes_a_conversations_folder_and_leaves_the_agents(tmp_path: Path, database: Database) -> None:
    service = WorkspaceService(tmp_path, database=database, clock=SystemClock())
    own, agents = await service.ensure("u1", None, "s1"), await service.ensure("u1", "agent_1", "s1")
    outside = tmp_path / "outside.txt"
    outside.write_text("stays")
    (own / "a").mkdir()
    (own / "a" / "b.txt").write_text("x")
    (own / "link").symlink_to(outside)
    (agents / "kept.txt").write_text("x")
    await service.delete_session_workspace("u1", "s1")
    await service.delete_session_workspace("u1", "s1")
    assert (own.exists(), (agents / "kept.txt").exists(), outside.read_text()) == (False, True, "stays")
    assert list((await service.ensure("u1", None, "s1")).iterdir()) == []
    assert await service.delete_of_user("u1") == 1
    assert await service.delete_of_user("u1") == 0
    assert not agents.exists()
