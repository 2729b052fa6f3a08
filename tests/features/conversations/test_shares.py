"""Sharing and the view for people without a login (product.md 2.3, 13 A2, A3)."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from clary.features.conversations.errors import SessionNotFoundError, ShareConflictError, ShareGuessingError
from clary.features.conversations.payloads import ShareRequest
from clary.features.conversations.shares import MAX_ADDRESSES, GuessCounter
from clary.features.permissions.service import Identity
from features.conversations.world import ADMIN, ALICE, BOB, SetClock, World, ids, text

pytestmark = pytest.mark.anyio

HOME = "192.0.2.1"


async def share(
    world: World, owner: Identity, session_id: str, *, secret: bool = False, expires_at: datetime | None = None
) -> dict[str, object]:
    async with world.database.write() as db:
        return await world.shares.share(db, identity=owner, session_id=session_id, expires_at=expires_at, secret=secret)


async def end(world: World, identity: Identity, session_id: str) -> dict[str, object]:
    async with world.database.write() as db:
        return await world.shares.end(db, identity=identity, session_id=session_id)


async def describe(world: World, identity: Identity, session_id: str) -> dict[str, object]:
    async with world.database.read() as db:
        return await world.shares.describe(db, identity=identity, session_id=session_id)


async def is_seen(world: World, name: object) -> bool:
    try:
        await world.shares.view(name=str(name), address=HOME)
    except SessionNotFoundError:
        return False
    return True


async def test_the_view_shows_messages_and_nothing_to_resume_with(world: World) -> None:
    row = await world.conversation(ALICE, "s1", text("user", "hi", "m1"))
    await world.run(row, "run-1")
    await share(world, ALICE, "s1")
    data = await world.shares.view(name="s1", address=HOME)
    assert set(data) == {"conversation_id", "messages", "message_count", "conversation_info"}
    assert ids(data) == ["m1"]


async def test_a_share_lives_from_post_to_delete_and_gets_a_new_id_each_time(world: World) -> None:
    await world.conversation(ALICE, "s1")
    assert not await is_seen(world, "s1")
    first = await share(world, ALICE, "s1")
    assert first == {
        "session_id": "s1",
        "shared": True,
        "share_id": first["share_id"],
        "url": "/share/s1",
        "secret": False,
        "expires_at": None,
        "created_at": "2026-01-02T03:04:05.000000Z",
    }
    assert await share(world, ALICE, "s1") == first == await describe(world, ADMIN, "s1")
    assert await is_seen(world, "s1")
    assert await is_seen(world, first["share_id"])
    off = await end(world, ADMIN, "s1")
    assert off == await describe(world, ALICE, "s1")
    assert (off["shared"], off["share_id"], off["url"]) == (False, None, None)
    assert not await is_seen(world, "s1")
    assert not await is_seen(world, first["share_id"])
    assert (await share(world, ALICE, "s1"))["share_id"] != first["share_id"]


async def test_a_secret_share_answers_under_its_own_id_only(world: World) -> None:
    await world.conversation(ALICE, "s1")
    made = await share(world, ALICE, "s1", secret=True)
    assert made["url"] == f"/share/{made['share_id']}"
    assert len(str(made["share_id"])) == 32
    assert not await is_seen(world, "s1")
    assert await is_seen(world, made["share_id"])
    world.shares = world.share_service("link")
    assert not await is_seen(world, "s1")


async def test_an_expired_share_is_gone_and_a_new_one_has_a_new_id(world: World) -> None:
    await world.conversation(ALICE, "s1")
    await world.conversation(BOB, "s1")
    made = await share(world, ALICE, "s1", expires_at=world.clock.now() + timedelta(seconds=10))
    assert made["expires_at"] == "2026-01-02T03:04:15.000000Z"
    world.clock.advance(10)
    for name in ("s1", made["share_id"]):
        assert not await is_seen(world, name)
    assert (await describe(world, ALICE, "s1"))["shared"] is False
    assert (await share(world, ALICE, "s1"))["share_id"] != made["share_id"]
    await share(world, ALICE, "s1", expires_at=world.clock.now())
    assert (await share(world, BOB, "s1"))["shared"] is True


async def test_only_the_owner_shares_and_strangers_see_an_unknown_id(world: World) -> None:
    await world.conversation(ALICE, "s1")
    for stranger in (BOB, ADMIN):
        with pytest.raises(SessionNotFoundError):
            await share(world, stranger, "s1")
    for attempt in (describe, end):
        with pytest.raises(SessionNotFoundError):
            await attempt(world, BOB, "s1")


async def test_an_id_that_somebody_else_shares_cannot_be_shared(world: World) -> None:
    await world.conversation(ALICE, "s1", text("user", "alice", "m1"))
    await world.conversation(BOB, "s1", text("user", "bob", "m1"))
    await share(world, ALICE, "s1", secret=True)
    with pytest.raises(ShareConflictError):
        await share(world, BOB, "s1")
    assert (await describe(world, BOB, "s1"))["shared"] is False


async def test_nobody_can_put_a_conversation_in_front_of_anothers_share(world: World) -> None:
    await world.conversation(ALICE, "s1", text("user", "alice", "m1"))
    share_id = str((await share(world, ALICE, "s1", secret=True))["share_id"])
    await world.conversation(BOB, share_id, text("user", "bob", "m1"))
    await share(world, BOB, share_id)
    data = await world.shares.view(name=share_id, address=HOME)
    assert data["messages"][0]["content"] == "alice"


async def test_in_link_mode_an_id_of_one_holder_counts_as_shared_until_the_owner_ends_it(world: World) -> None:
    await world.conversation(ALICE, "s1")
    await world.conversation(ALICE, "both")
    await world.conversation(BOB, "both")
    assert not await is_seen(world, "s1")
    world.shares = world.share_service("link")
    assert [await is_seen(world, name) for name in ("s1", "both", "never")] == [True, False, False]
    implied = await describe(world, ALICE, "s1")
    assert (implied["shared"], implied["url"], implied["share_id"]) == (True, "/share/s1", None)
    await end(world, ALICE, "s1")
    assert not await is_seen(world, "s1")
    await share(world, ALICE, "s1")
    assert await is_seen(world, "s1")


async def test_in_link_mode_a_child_has_no_link_of_its_own(world: World) -> None:
    parent = await world.conversation(ALICE, "s1")
    child = await world.conversation(ALICE, "s1_sub_1")
    async with world.database.write() as db:
        row = await db.get(type(child), child.conversation_id)
        assert row is not None
        row.parent_id = parent.conversation_id
    world.shares = world.share_service("link")
    assert [await is_seen(world, name) for name in ("s1", "s1_sub_1")] == [True, False]
    assert (await describe(world, ALICE, "s1_sub_1"))["shared"] is False


async def test_thirty_misses_a_minute_close_the_view_for_an_address_also_for_hits(world: World) -> None:
    await world.conversation(ALICE, "s1")
    await share(world, ALICE, "s1")
    for number in range(30):
        assert not await is_seen(world, f"guess-{number}")
        world.clock.advance(1)
    with pytest.raises(ShareGuessingError) as refused:
        await world.shares.view(name="s1", address=HOME)
    assert (refused.value.http_status, refused.value.headers) == (429, {"Retry-After": "30"})
    assert (await world.shares.view(name="s1", address="192.0.2.2"))["conversation_id"] == "s1"
    world.clock.advance(30)
    assert await is_seen(world, "s1")


def test_the_counter_keeps_the_latest_addresses_only() -> None:
    counter = GuessCounter(SetClock())
    for _ in range(30):
        counter.missed("guesser")
    for number in range(MAX_ADDRESSES - 1):
        counter.missed(f"other-{number}")
    with pytest.raises(ShareGuessingError):
        counter.require_room("guesser")
    counter.missed("one more")
    counter.require_room("guesser")


def test_a_time_without_zone_is_utc_and_one_outside_the_calendar_is_refused() -> None:
    assert ShareRequest.model_validate({"expires_at": "2030-01-01T00:00:00"}).expires_at == datetime(
        2030, 1, 1, tzinfo=UTC
    )
    assert ShareRequest.model_validate({"expires_at": "2030-01-01T08:00:00+08:00"}).expires_at == datetime(
        2030, 1, 1, tzinfo=UTC
    )
    for moment in ("9999-12-31T23:59:59-14:00", "tomorrow"):
        with pytest.raises(ValidationError):
            ShareRequest.model_validate({"expires_at": moment})
