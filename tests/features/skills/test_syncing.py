"""Copies of skills in agents and in workspaces (product.md 7.3)."""

from pathlib import Path

import pytest

from features.skills.archives import skill_md, skill_zip
from features.skills.shelf import Shelf, told
from support.house import login

pytestmark = pytest.mark.anyio


async def workspace(shelf: Shelf, name: str, agent_id: str) -> Path:
    """The folder of somebody with an agent."""
    return await shelf.house.services.workspaces.ensure(await shelf.id_of(name), agent_id, "")


async def test_a_copy_in_an_agent_keeps_hash_and_approval_and_tells_when_it_is_behind(shelf: Shelf) -> None:
    source, agent = await shelf.bring("ann", skill_zip()), await shelf.agent("ann")
    await shelf.bring("admin", skill_zip("sys"), is_system="true")
    client = await shelf.as_("ann")
    form = {"skill_name": (None, "dates"), "agent_id": (None, agent)}
    synced = (await client.post("/api/skills/sync-to-agent", files=form)).json()["data"]
    assert synced == {
        "skill_name": "dates",
        "agent_id": agent,
        "source_dimension": "user",
        "source_path": "user/dates",
        "target_path": f"agent/{agent}/dates",
        "sync_status": "synced",
    }
    copy = (await shelf.get("ann", "/content", name="dates", agent_id=agent))["data"]
    assert (copy["hash"], copy["state"], copy["dimension"]) == (source["hash"], "approved", "agent")
    await shelf.put("ann", name="dates", content=skill_md(description="Newer."))
    dates = {
        "name": "dates",
        "description": "Formats dates.",
        "source_dimension": "user",
        "source_path": "user/dates",
        "agent_path": f"agent/{agent}/dates",
        "state": "approved",
        "need_update": True,
    }
    system = {
        "name": "sys",
        "description": "Formats dates.",
        "source_dimension": "system",
        "source_path": "system/sys",
        "agent_path": None,
        "state": "approved",
        "need_update": False,
    }
    assert (await shelf.get("ann", "/agent-available", agent_id=agent))["data"]["skills"] == [dates, system]
    assert (await shelf.post("ann", "/sync-to-agent", skill_name="dates", agent_id=agent))["code"] == 200
    available = (await shelf.get("ann", "/agent-available", agent_id=agent))["data"]["skills"]
    assert available[0] == {**dates, "description": "Newer.", "need_update": False}


async def test_a_url_encoded_form_is_taken_of_a_token_and_of_no_cookie(shelf: Shelf) -> None:
    await shelf.bring("ann", skill_zip())
    client, form = await shelf.as_("ann"), {"skill_name": "dates", "agent_id": await shelf.agent("ann")}
    path = "/api/skills/sync-to-agent"
    async with shelf.house.browser() as browser:
        await login(browser, "ann")
        refused = await browser.post(path, data=form)
    assert (refused.status_code, refused.json()["error_detail"]) == (403, "csrf_failed")
    assert (await client.post(path, data=form)).json()["data"]["sync_status"] == "synced"
    too_long = await client.post(path, data={**form, "more": "x" * 70_000})
    assert (too_long.status_code, too_long.json()["error_detail"]) == (413, "body_too_large")
    for wrong, slug in (({"skill_name": "dates"}, "validation_error"), ({**form, "skill_name": "\0"}, "invalid_text")):
        assert (await client.post(path, data=wrong)).json()["error_detail"] == slug


async def test_only_who_may_change_an_agent_puts_skills_into_it(shelf: Shelf) -> None:
    agent = await shelf.agent("ann")
    await shelf.grant("ann", agent, "bob")
    await shelf.bring("bob", skill_zip())
    tried = {"skill_name": "dates", "agent_id": agent}
    assert (await shelf.post("bob", "/sync-to-agent", **tried))["error_detail"] == "agent_forbidden"
    assert (await shelf.post("cleo", "/sync-to-agent", **tried))["error_detail"] == "agent_not_found"
    assert told(await shelf.post("ann", "/sync-to-agent", **tried)) == (
        404,
        "skill_not_found",
        "Skill 'dates' not found",
    )
    assert (await shelf.post("ann", "/sync-to-agent", skill_name="dates"))["error_detail"] == "validation_error"


async def test_who_may_use_an_agent_learns_of_the_owners_skills_only_what_it_grants(shelf: Shelf) -> None:
    agent = await shelf.agent("ann", availableSkills=["given"])
    await shelf.grant("ann", agent, "bob")
    for name in ("given", "private"):
        await shelf.bring("ann", skill_zip(name))
    names = {
        who: [each["name"] for each in (await shelf.get(who, "/agent-available", agent_id=agent))["data"]["skills"]]
        for who in ("ann", "bob", "admin")
    }
    assert names == {"ann": ["given", "private"], "bob": ["given"], "admin": ["given", "private"]}
    assert (await shelf.get("cleo", "/agent-available", agent_id=agent))["error_detail"] == "agent_not_found"


async def test_workspaces_of_all_people_of_an_agent_get_its_skills(shelf: Shelf) -> None:
    agent = await shelf.agent("ann", availableSkills=["dates"])
    await shelf.grant("ann", agent, "bob")
    await shelf.bring("ann", skill_zip(files={"sub/a.txt": "x"}))
    folders = [await workspace(shelf, name, agent) for name in ("ann", "bob")]
    answer = (await shelf.post("ann", "/sync-to-agent-workspaces", agent_id=agent))["data"]
    people = sorted([await shelf.id_of("ann"), await shelf.id_of("bob")])
    assert answer == {
        "agent_id": agent,
        "resolved_skill_names": ["dates"],
        "workspace_count": 2,
        "updated_workspace_count": 2,
        "failed_workspace_count": 0,
        "results": [
            {
                "user_id": user_id,
                "workspace_path": "/workspace/skills",
                "updated_skills": ["dates"],
                "failed_skills": [],
                "status": "success",
            }
            for user_id in people
        ],
    }
    assert [(folder / "skills/dates/sub/a.txt").read_text() for folder in folders] == ["x", "x"]
    unknown = await shelf.post("ann", "/sync-to-agent-workspaces", agent_id=agent, skill_names=["none"])
    assert unknown["error_detail"] == "skill_not_found"
    refused = await shelf.post("bob", "/sync-to-agent-workspaces", agent_id=agent)
    assert refused["error_detail"] == "agent_forbidden"


async def test_ones_own_workspace_is_refreshed_and_cleared_of_the_rest(shelf: Shelf) -> None:
    agent = await shelf.agent("ann", availableSkills=["dates"])
    await shelf.bring("ann", skill_zip())
    wanted = {"agent_id": agent, "purge_extra": True}
    nothing = {"synced": [], "removed": [], "unchanged": []}
    assert (await shelf.post("ann", "/sync-workspace-skills", **wanted))["data"] == nothing
    folder = await workspace(shelf, "ann", agent)
    (folder / "skills" / "old").mkdir(parents=True)
    first = (await shelf.post("ann", "/sync-workspace-skills", **wanted))["data"]
    second = (await shelf.post("ann", "/sync-workspace-skills", **wanted))["data"]
    assert first == {"synced": ["dates"], "removed": ["old"], "unchanged": []}
    assert second == {"synced": [], "removed": [], "unchanged": ["dates"]}
    await shelf.grant("ann", agent, "bob")
    theirs = {"agent_id": agent, "user_id": await shelf.id_of("ann")}
    assert (await shelf.post("bob", "/sync-workspace-skills", **theirs))["data"] == nothing
    assert (await shelf.post("admin", "/sync-workspace-skills", **theirs))["data"]["unchanged"] == ["dates"]
    assert (await shelf.post("cleo", "/sync-workspace-skills", **wanted))["error_detail"] == "agent_not_found"
