"""Who may do what with a base (product.md 5.1, 13 A20, A21; platform.md 4.8, 7.4)."""

import asyncio
from collections.abc import Callable

import pytest

from clary.features.knowledge.ports import Payer
from clary.features.knowledge.service import RunBase
from clary.features.permissions.service import Identity
from features.knowledge.library import PREFIX, Library

pytestmark = pytest.mark.anyio

UNKNOWN, FORBIDDEN = (404, "kdb_not_found"), (403, "kdb_forbidden")
Call = Callable[[str], tuple[str, str, object]]

READING: dict[str, Call] = {
    "info": lambda kdb_id: ("GET", f"/info?kdb_id={kdb_id}", None),
    "documents": lambda kdb_id: ("GET", f"/doc/list?kdb_id={kdb_id}", None),
    "questions": lambda kdb_id: ("GET", f"/questions?kdb_id={kdb_id}", None),
    "results": lambda kdb_id: ("GET", f"/questions/results?kdb_id={kdb_id}", None),
}
WRITING: dict[str, Call] = {
    "redo_all": lambda kdb_id: ("POST", "/redo_all", {"kdb_id": kdb_id}),
    "put questions": lambda kdb_id: ("POST", "/questions", {"kdb_id": kdb_id, "items": []}),
    "run questions": lambda kdb_id: ("POST", "/questions/run", {"kdb_id": kdb_id}),
}
OWNING: dict[str, Call] = {
    "update": lambda kdb_id: ("POST", "/update", {"kdb_id": kdb_id, "name": "stolen"}),
    "clear": lambda kdb_id: ("POST", "/clear", {"kdb_id": kdb_id}),
    "grants": lambda kdb_id: ("GET", f"/auth?kdb_id={kdb_id}", None),
    "share": lambda kdb_id: ("POST", "/auth", {"kdb_id": kdb_id, "grants": []}),
    "delete": lambda kdb_id: ("DELETE", f"/delete/{kdb_id}", None),
}


async def met(library: Library, name: str, kdb_id: str) -> dict[str, tuple[int, str | None]]:
    """What somebody meets at each route; what would end the test's base comes last."""
    answers: dict[str, tuple[int, str | None]] = {}
    for what, call in {**READING, **WRITING, **OWNING}.items():
        method, path, body = call(kdb_id)
        answers[what] = (await library.call(name, method, PREFIX + path, body))[:2]
    return answers


async def test_a_stranger_meets_a_base_that_does_not_exist(library: Library) -> None:
    kdb_id = await library.base("alice")
    assert set((await met(library, "bob", kdb_id)).values()) == {UNKNOWN}
    for odd in ("x", "..", "a" * 33, "a" * 65, kdb_id.upper() + "0"):
        assert (await library.call("bob", "GET", f"{PREFIX}/info?kdb_id={odd}"))[:2] == UNKNOWN
    assert (await library.get("bob", f"{PREFIX}/list"))["total"] == 0
    assert (await library.info("alice", kdb_id))["name"] == "base"


@pytest.mark.parametrize(("permission", "refused"), [("read", {**WRITING, **OWNING}), ("write", OWNING)])
async def test_a_grant_adds_exactly_its_rights(library: Library, permission: str, refused: dict[str, Call]) -> None:
    kdb_id = await library.base("alice")
    (bob,) = await library.add("bob")
    await library.grant("alice", kdb_id, "user", bob, permission)
    answers = await met(library, "bob", kdb_id)
    assert {what for what, answer in answers.items() if answer == FORBIDDEN} == set(refused)
    assert {answer for what, answer in answers.items() if what not in refused} == {(200, None)}
    info = await library.info("bob", kdb_id)
    assert (info["access"], info["user_id"]) == (permission, library.ids["alice"])
    listed = (await library.get("bob", f"{PREFIX}/list"))["list"]
    assert [(each["id"], each["access"]) for each in listed] == [(kdb_id, permission)]


async def test_a_group_lets_its_members_in_until_it_does_not(library: Library) -> None:
    kdb_id = await library.base("alice")
    group = await library.group("readers", "carol")
    await library.grant("alice", kdb_id, "group", group, "write")
    assert (await library.info("carol", kdb_id))["access"] == "write"
    await library.grant("alice", kdb_id, "group", group, "read")
    assert (await library.info("carol", kdb_id))["access"] == "read"
    await library.call("alice", "POST", f"{PREFIX}/auth", {"kdb_id": kdb_id, "grants": []})
    assert (await library.call("carol", "GET", f"{PREFIX}/info?kdb_id={kdb_id}"))[:2] == UNKNOWN


async def test_grants_replace_all_and_ignore_unknown_ids_and_the_owner(library: Library) -> None:
    kdb_id = await library.base("alice")
    bob, carol = await library.add("bob", "carol")
    unknown = [("nobody-here", "write"), ("n" * 65, "write")]
    wanted = [(bob, "read"), *unknown, (library.ids["alice"], "write"), (carol, "write")]
    body = {
        "kdb_id": kdb_id,
        "grants": [{"kind": "user", "id": each, "permission": permission} for each, permission in wanted],
    }
    assert await library.call("alice", "POST", f"{PREFIX}/auth", body) == (200, None, {})
    grants = (await library.get("alice", f"{PREFIX}/auth?kdb_id={kdb_id}"))["grants"]
    assert [(each["id"], each["name"], each["permission"]) for each in grants] == [
        (bob, "bob", "read"),
        (carol, "carol", "write"),
    ]
    assert {each["granted_by"] for each in grants} == {library.ids["alice"]}
    await library.grant("alice", kdb_id, "user", bob, "write")
    grants = (await library.get("alice", f"{PREFIX}/auth?kdb_id={kdb_id}"))["grants"]
    assert [(each["id"], each["permission"]) for each in grants] == [(bob, "write")]


async def test_the_admin_reaches_every_base_and_nobody_else_without_login(library: Library) -> None:
    kdb_id = await library.base("alice")
    assert set((await met(library, "admin", kdb_id)).values()) == {(200, None)}
    async with library.house.browser() as anonymous:
        answer = await anonymous.get(f"{PREFIX}/list")
    assert answer.status_code == 401


async def test_the_rule_can_be_asked_about_bases_and_their_documents(library: Library) -> None:
    kdb_id = await library.base("alice")
    bob, carol = await library.add("bob", "carol")
    await library.upload("alice", kdb_id, a="The walrus sleeps.")
    doc_id = (await library.documents("alice", kdb_id))[0]["id"]
    grants = [
        {"kind": "user", "id": bob, "permission": "read"},
        {"kind": "user", "id": carol, "permission": "write"},
    ]
    await library.call("alice", "POST", f"{PREFIX}/auth", {"kdb_id": kdb_id, "grants": grants})

    async def allowed(name: str, target: str) -> set[str]:
        path = "/api/permissions/explain?user_id={}&verb={}&object={}"
        verbs = ("read", "write", "delete", "share")
        answers = {verb: await library.get("admin", path.format(name, verb, target)) for verb in verbs}
        return {verb for verb, answer in answers.items() if answer["allowed"]}

    assert await allowed("bob", f"kdb:{kdb_id}") == {"read"}
    assert await allowed("carol", f"kdb:{kdb_id}") == {"read", "write"}
    assert await allowed("bob", f"doc:{doc_id}") == {"read"}
    assert await allowed("carol", f"doc:{doc_id}") == {"read", "write", "delete"}
    assert await allowed("alice", f"kdb:{kdb_id}") == {"read", "write", "delete", "share"}


async def test_shared_bases_pass_to_the_admin_who_deletes_their_owner(library: Library) -> None:
    shared, private = await library.base("alice", name="shared"), await library.base("alice", name="private")
    (bob,) = await library.add("bob")
    await library.grant("alice", shared, "user", bob, "read")
    await library.upload("alice", private, a="The walrus sleeps.")
    body = {"user_id": library.ids["alice"], "mode": "delete"}
    assert (await library.call("admin", "POST", "/api/user/delete", body))[0] == 200

    async def is_gone() -> bool:
        return (await library.get("admin", f"{PREFIX}/list"))["total"] == 1

    await library.until(is_gone)
    admin_id = (await library.get("admin", "/api/auth/session"))["user"]["userid"]
    info = await library.info("bob", shared)
    assert (info["name"], info["user_id"], info["access"]) == ("shared", admin_id, "read")


FIRST_WRITES: dict[str, Callable[[str, str, str], tuple[str, str, object]]] = {
    "clear": lambda kdb_id, doc_id, task_id: ("POST", "/clear", {"kdb_id": kdb_id}),
    "redo_all": lambda kdb_id, doc_id, task_id: ("POST", "/redo_all", {"kdb_id": kdb_id}),
    "share": lambda kdb_id, doc_id, task_id: ("POST", "/auth", {"kdb_id": kdb_id, "grants": []}),
    "redo": lambda kdb_id, doc_id, task_id: ("PUT", f"/doc/redo/{doc_id}", {}),
    "delete document": lambda kdb_id, doc_id, task_id: ("DELETE", f"/doc/delete/{doc_id}", None),
    "redo task": lambda kdb_id, doc_id, task_id: ("POST", "/doc/task_redo", {"kdb_id": kdb_id, "task_id": task_id}),
    "cancel": lambda kdb_id, doc_id, task_id: ("POST", "/doc/cancel", {"kdb_id": kdb_id, "doc_id": doc_id}),
    "put questions": lambda kdb_id, doc_id, task_id: ("POST", "/questions", {"kdb_id": kdb_id, "items": []}),
    "run questions": lambda kdb_id, doc_id, task_id: ("POST", "/questions/run", {"kdb_id": kdb_id}),
}


async def test_an_admins_first_act_on_a_foreign_base_may_be_any_write(library: Library) -> None:
    bases: list[str] = []
    for call in FIRST_WRITES.values():
        bases.append(await library.base("alice"))
        task_id = await library.upload("alice", bases[-1], a="The walrus sleeps.")
        (document,) = await library.documents("alice", bases[-1])
        method, path, body = call(bases[-1], document["id"], task_id)
        async with asyncio.timeout(8):
            assert (await library.call("admin", method, PREFIX + path, body))[:2] == (200, None), path
    items = (await library.get("admin", "/api/audit?action=admin.read&page_size=100"))["items"]
    assert sorted(each["object"]["id"] for each in items) == sorted(bases)


async def test_what_tools_show_an_admin_of_foreign_bases_is_in_the_audit_log(library: Library) -> None:
    foreign, granted = await library.base("alice"), await library.base("alice")
    admin = (await library.get("admin", f"{PREFIX}/list"))["user_id"]
    own = await library.base("admin")
    await library.grant("alice", granted, "user", admin, "read")
    await library.upload("alice", foreign, a="The walrus sleeps.")
    runs = library.house.services.knowledge.for_runs
    caller = Identity(admin, "admin", "admin", "access_token")
    found = await runs.search_own(caller=caller, kdb_ids=[foreign, granted, own], query="walrus", top_k=5)
    assert [each.title for each in found.passages] == ["a.txt"]
    lent = [RunBase(foreign, "", "", lent_by=library.ids["alice"])]
    await runs.search(caller=caller, bases=lent, query="walrus", top_k=5, payer=Payer(admin))
    items = (await library.get("admin", "/api/audit?action=admin.read&page_size=100"))["items"]
    assert [each["object"]["id"] for each in items] == [foreign]
