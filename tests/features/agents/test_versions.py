"""Versions of agents: listed, read, restored (product.md 3.5)."""

from typing import Any

import pytest

from features.agents.test_saving import CREATE, FIRST, FULL, not_found, read
from features.llm_providers.stage import ENGLISH, Stage

pytestmark = pytest.mark.anyio

PATH = f"/api/agent/{FIRST}/versions"
GONE = (200, 404, "version_not_found", "版本不存在")


async def saved(stage: Stage, **fields: Any) -> None:
    """Another version of Alice's agent."""
    answer = await stage.person("alice").put(f"/api/agent/{FIRST}", {"name": "A", **fields})
    assert answer.slug is None


async def test_versions_are_listed_from_the_newest_with_author_time_and_what_changed(stage: Stage) -> None:
    await stage.agent("alice")
    await saved(stage, description="d", availableTools=["file_read"])
    await stage.person("root").put(f"/api/agent/{FIRST}", {"name": "B"})
    page = (await stage.person("alice").get(PATH)).data
    assert page == {
        "items": [
            {
                "version": 3,
                "name": "B",
                "author_id": "root",
                "created_at": "2026-01-02T03:04:08.000000Z",
                "changed": ["availableTools", "description", "name"],
            },
            {
                "version": 2,
                "name": "A",
                "author_id": "alice",
                "created_at": "2026-01-02T03:04:07.000000Z",
                "changed": ["availableTools", "description"],
            },
            {
                "version": 1,
                "name": "A",
                "author_id": "alice",
                "created_at": "2026-01-02T03:04:06.000000Z",
                "changed": [],
            },
        ],
        "total": 3,
        "page": 1,
        "page_size": 20,
    }
    second = (await stage.person("alice").get(f"{PATH}?page_no=2&page_size=2")).data
    assert ([each["version"] for each in second["items"]], second["total"]) == ([1], 3)
    assert (await stage.person("root").get(f"{PATH}?page=9")).data["items"] == []


async def test_a_version_is_read_with_its_whole_configuration(stage: Stage) -> None:
    await stage.person("alice").post(CREATE, FULL)
    before = await read(stage)
    await saved(stage)
    one = (await stage.person("alice").get(f"{PATH}/1")).data
    made_by_server = {"id", "user_id", "access", "version", "created_at", "updated_at", "warnings"}
    assert one["config"] == {name: value for name, value in before.items() if name not in made_by_server}
    assert (one["version"], one["name"], one["author_id"], one["changed"]) == (1, "Full", "alice", [])


async def test_restoring_saves_the_old_configuration_as_a_new_version(stage: Stage) -> None:
    await stage.person("alice").post(CREATE, FULL)
    before = await read(stage)
    await saved(stage, description="other")
    restored = await stage.person("alice").post(f"{PATH}/1/restore")
    assert restored.data == {"agent_id": FIRST, "id": FIRST, "version": 3, "warnings": []}
    after = await read(stage)
    assert after == {**before, "version": 3, "updated_at": after["updated_at"]}
    assert (await stage.person("alice").post(f"{PATH}/1/restore")).data["version"] == 3


async def test_restoring_passes_all_checks_of_a_change(stage: Stage) -> None:
    provider, helper = await stage.provider("alice"), await stage.agent("alice", name="helper")
    lead = await stage.agent("alice", name="lead", availableSubAgentIds=[helper])
    alice, path = stage.person("alice"), f"/api/agent/{lead}"
    await alice.put(path, {"name": "other", "llm_provider_id": provider})
    await alice.put(path, {"name": "third"})
    await alice.delete(f"/api/agent/{helper}")
    await alice.delete(f"/api/llm-provider/delete/{provider}")
    gone = await alice.post(f"{path}/versions/2/restore")
    assert gone.refusal == (200, 404, "provider_not_found", "Provider not found")
    warned = await alice.post(f"{path}/versions/1/restore")
    assert warned.data["warnings"] == [{"field": "availableSubAgentIds", "value": helper, "reason": "unknown"}]
    await alice.put(path, {"name": "fourth"})
    await stage.agent("alice", name="lead")
    assert (await alice.post(f"{path}/versions/1/restore")).slug == "agent_exists"


async def test_what_is_no_version_that_is_kept_answers_alike(stage: Stage) -> None:
    await stage.agent("alice")
    for number in range(51):
        await saved(stage, description=str(number))
    alice = stage.person("alice")
    for wrong in ("1", "2", "53", "0", "-1", "x", "1.0", "9" * 30, "%20"):
        assert (await alice.get(f"{PATH}/{wrong}")).refusal == GONE
        assert (await alice.post(f"{PATH}/{wrong}/restore")).refusal == GONE
    english = await alice.get(f"{PATH}/99", headers=ENGLISH)
    assert english.refusal == (200, 404, "version_not_found", "Version not found")
    assert (await alice.get(PATH)).data["total"] == 50


async def test_nobody_but_owner_and_admins_reaches_versions(stage: Stage) -> None:
    await stage.agent("alice")
    for call in (("GET", PATH), ("GET", f"{PATH}/1"), ("POST", f"{PATH}/1/restore")):
        assert (await stage.person("bob").call(*call)).refusal == not_found(FIRST)
        assert (await stage.person("root").call(*call)).slug is None
        built_in = (call[0], call[1].replace(FIRST, "default_agent"))
        for name in ("bob", "root"):
            refused = await stage.person(name).call(*built_in)
            assert refused.refusal == (200, 403, "agent_forbidden", "无权更新该Agent")
