"""Workers: turns, leases, generations, retries, versions, takeover (contract product 5.5)."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from clary.db.database import Database
from clary.features.knowledge.policy.attempts import MOST_LOSSES, RETRY_SECONDS
from clary.features.knowledge.repository.documents import DocumentRepository
from clary.features.knowledge.repository.ingestions import IngestionRepository
from clary.features.knowledge.tables import KnowledgeIndexRow
from features.knowledge.stacks import PATIENCE, add_version
from features.knowledge.workshop import Gate, PlainParser, Workshop, all_done, refused, working

pytestmark = pytest.mark.anyio

Act = Callable[[Workshop, str, str], Awaitable[None]]


@pytest.fixture
def workshop(database: Database, tmp_path: Path) -> Workshop:
    return Workshop(database, tmp_path)


async def test_owners_take_turns_and_each_ones_documents_come_in_order(workshop: Workshop) -> None:
    pile, other = await workshop.base("alice"), await workshop.base("bob")
    ids = [await workshop.put(pile, f"a{n}", "x") for n in range(6)]
    ids += [await workshop.put(other, f"b{n}", "x", owner_id="bob") for n in range(2)]
    async with working(workshop):
        await all_done(workshop, ids)
    assert workshop.parser.log == ["a0", "b0", "a1", "b1", "a2", "a3", "a4", "a5"]


async def test_a_newcomers_file_waits_for_one_file_of_the_pile_at_most(workshop: Workshop) -> None:
    pile, other = await workshop.base("alice"), await workshop.base("bob")
    gate = workshop.parser.before["a2"] = Gate()
    ids = [await workshop.put(pile, f"a{n}", "x") for n in range(6)]
    async with working(workshop):
        await gate.reached.wait()
        ids.append(await workshop.put(other, "b0", "x", owner_id="bob"))
        gate.opened.set()
        await all_done(workshop, ids)
    assert workshop.parser.log.index("b0") == 3


async def test_a_small_document_costs_one_write_transaction(workshop: Workshop, database: Database) -> None:
    kdb = await workshop.base()
    ids = [await workshop.put(kdb, f"n{n}", f"text {n}") for n in range(12)]
    commits: list[int] = []
    event.listen(database._writer.sync_engine, "commit", lambda _connection: commits.append(1))
    async with working(workshop):
        await all_done(workshop, ids)
        count = len(commits)
    # One ends the leases of the dead, one claims the first document, and the keeper may tell how far one is.
    assert 12 <= count <= 12 + 5


async def _redo(workshop: Workshop, kdb_id: str, doc_id: str) -> None:
    async with workshop.database.write() as db:
        await workshop.documents.redo_base(db, kdb_id)


async def _cancel(workshop: Workshop, kdb_id: str, doc_id: str) -> None:
    async with workshop.database.write() as db:
        await DocumentRepository(db).cancel(kdb_id, now=workshop.clock.now(), doc_id=doc_id)
        workshop.signals.announce_change(db)


async def _delete(workshop: Workshop, kdb_id: str, doc_id: str) -> None:
    row = await workshop.row(doc_id)
    assert row is not None
    await workshop.removal.remove_document(kdb_id, doc_id, file_key=row.file_key)


async def _clear(workshop: Workshop, kdb_id: str, doc_id: str) -> None:
    await workshop.removal.clear(kdb_id)


async def _drop(workshop: Workshop, kdb_id: str, doc_id: str) -> None:
    await workshop.removal.remove_base(kdb_id)


@pytest.mark.parametrize("act", [_cancel, _delete, _clear, _drop])
@pytest.mark.parametrize("step", ["before", "after", "written"])
async def test_what_was_called_off_in_mid_work_writes_nothing(workshop: Workshop, act: Act, step: str) -> None:
    kdb = await workshop.base()
    gate = _gate_at(workshop, step)
    doc_id = await workshop.put(kdb, "late", "must never be found")
    async with working(workshop):
        async with asyncio.timeout(PATIENCE):
            await gate.reached.wait()
        await act(workshop, kdb, doc_id)
        gate.opened.set()
        other = await workshop.base()
        await workshop.until(await workshop.put(other, "next", "goes on"), 2)
    assert await workshop.texts(kdb) == {}
    row = await workshop.row(doc_id)
    if act is _cancel:
        assert row is not None
        assert (row.status, row.error_kind, row.text_ready) == (3, "cancelled", False)
    else:
        assert row is None
        assert len(await workshop.stored()) == 1


@pytest.mark.parametrize("step", ["before", "after", "written"])
async def test_redone_in_mid_work_gives_one_result(workshop: Workshop, step: str) -> None:
    kdb = await workshop.base()
    gate = _gate_at(workshop, step)
    doc_id = await workshop.put(kdb, "late", "once")
    async with working(workshop):
        async with asyncio.timeout(PATIENCE):
            await gate.reached.wait()
        for _ in range(20):
            await _redo(workshop, kdb, doc_id)
        gate.opened.set()
        row = await workshop.until(doc_id, 2)
    assert await workshop.texts(kdb) == {"late": ["once"]}
    assert (row.status, row.attempts, row.passages) == (2, 1, 1)


def _gate_at(workshop: Workshop, step: str) -> Gate:
    gate = Gate()
    if step == "written":
        workshop.worker._finish = _held_up(workshop.worker._finish, gate)  # type: ignore[method-assign]
    else:
        getattr(workshop.parser, step)["late"] = gate
    return gate


def _held_up(finish: Callable[..., Awaitable[object]], gate: Gate) -> Callable[..., Awaitable[object]]:
    """Everything is read and cut, and only the writing is left."""

    async def later(*given: object) -> object:
        if not gate.opened.is_set():
            await gate.pass_through()
        return await finish(*given)

    return later


async def test_technical_trouble_is_tried_five_times_with_growing_waits(workshop: Workshop) -> None:
    kdb = await workshop.base()
    workshop.parser.faults["bad"] = [RuntimeError("broken")] * 5
    doc_id = await workshop.put(kdb, "bad", "x")
    async with working(workshop):
        for attempt, wait in enumerate(RETRY_SECONDS, 1):
            async with asyncio.timeout(PATIENCE):
                while (row := await workshop.until(doc_id, 0)).attempts != attempt:
                    await asyncio.sleep(0.01)
            assert (row.due_at - workshop.clock.epoch(), row.error_kind) == (pytest.approx(wait), None)
            workshop.clock.move(seconds=wait)
            workshop.signals.waiting.set()
        row = await workshop.until(doc_id, 3)
    assert (row.attempts, row.error_kind, row.outcome) == (5, "internal", None)


async def test_a_file_that_is_gone_is_trouble_of_the_store(workshop: Workshop) -> None:
    kdb = await workshop.base()
    doc_id = await workshop.put(kdb, "gone", "x")
    await workshop.files.remove(await workshop.stored())
    await workshop.change(doc_id, attempts=4)
    async with working(workshop):
        row = await workshop.until(doc_id, 3)
    assert (row.error_kind, row.attempts) == ("storage", 5)


async def test_an_outcome_is_final_and_stops_nobody(workshop: Workshop) -> None:
    kdb = await workshop.base()
    workshop.parser.faults["locked"] = [refused("encrypted")]
    ids = [await workshop.put(kdb, name, "x") for name in ("locked", "good")]
    ids.append(await workshop.put(kdb, "blank", "  \n "))
    async with working(workshop):
        rows = await all_done(workshop, ids)
    assert [(row.status, row.outcome, row.attempts) for row in rows] == [
        (3, "encrypted", 1), (2, "ok", 1), (3, "empty", 1),
    ]  # fmt: skip


async def test_what_a_dead_process_held_begins_at_once_after_a_start(workshop: Workshop) -> None:
    kdb = await workshop.base()
    doc_id = await workshop.put(kdb, "n", "text")
    await _hold(workshop, doc_id)
    async with working(workshop):
        row = await workshop.until(doc_id, 2)
    assert (row.attempts, row.losses, row.lease_owner) == (1, 1, None)


async def test_another_process_takes_over_only_when_the_lease_ran_out(database: Database, tmp_path: Path) -> None:
    workshop = Workshop(database, tmp_path, sole_process=False)
    kdb = await workshop.base()
    held = await workshop.put(kdb, "held", "text")
    await _hold(workshop, held)
    async with working(workshop):
        await workshop.until(await workshop.put(kdb, "free", "text"), 2)
        assert (row := await workshop.row(held)) is not None
        assert row.lease_owner == "dead"
        workshop.clock.move(seconds=61)
        workshop.signals.waiting.set()
        await workshop.until(held, 2)
    assert workshop.parser.log == ["free", "held"]


async def test_an_attempt_whose_lease_was_taken_over_writes_nothing(database: Database, tmp_path: Path) -> None:
    slow = Workshop(database, tmp_path, process_id="slow", sole_process=False)
    gate = _gate_at(slow, "written")
    kdb = await slow.base()
    doc_id = await slow.put(kdb, "late", "text")
    quick = Workshop(database, tmp_path, process_id="quick", sole_process=False, clock=slow.clock)
    async with working(slow):
        async with asyncio.timeout(PATIENCE):
            await gate.reached.wait()
        slow.clock.move(seconds=61)
        async with working(quick):
            row = await quick.until(doc_id, 2)
        gate.opened.set()
        await slow.until(await slow.put(kdb, "next", "text"), 2)
    assert quick.parser.log == ["late"]
    after = await slow.row(doc_id)
    assert after is not None
    assert (after.generation, after.updated_at, after.passages) == (row.generation, row.updated_at, 1)


async def test_a_document_that_takes_every_process_with_it_ends(workshop: Workshop) -> None:
    kdb = await workshop.base()
    doc_id = await workshop.put(kdb, "poison", "x")
    await _hold(workshop, doc_id, losses=MOST_LOSSES)
    async with working(workshop):
        row = await workshop.until(doc_id, 3)
    assert (row.error_kind, workshop.parser.log) == ("internal", [])


async def test_a_stopped_worker_gives_back_without_counting(workshop: Workshop) -> None:
    kdb = await workshop.base()
    gate = workshop.parser.before["n"] = Gate()
    doc_id = await workshop.put(kdb, "n", "x")
    async with working(workshop):
        async with asyncio.timeout(PATIENCE):
            await gate.reached.wait()
    row = await workshop.row(doc_id)
    assert row is not None
    assert (row.status, row.attempts, row.lease_owner) == (0, 0, None)


async def test_leases_are_renewed_and_progress_rises_while_a_document_is_read(
    database: Database, tmp_path: Path
) -> None:
    workshop = Workshop(database, tmp_path, lease_seconds=0.4)
    gate = workshop.parser.before["n"] = Gate()
    kdb = await workshop.base()
    doc_id = await workshop.put(kdb, "n", "x")
    async with working(workshop):
        async with asyncio.timeout(PATIENCE):
            await gate.reached.wait()
            first = await workshop.row(doc_id)
            assert first is not None
            assert first.lease_expires_at is not None
            workshop.clock.move(seconds=5)
            workshop.signals.changed.set()
            while True:
                row = await workshop.row(doc_id)
                assert row is not None
                assert row.lease_expires_at is not None
                if row.lease_expires_at > first.lease_expires_at and row.progress > 0:
                    break
                workshop.signals.changed.set()
                await asyncio.sleep(0.02)
        gate.opened.set()
        assert (await workshop.until(doc_id, 2)).progress == 100


async def test_who_cannot_renew_for_whatever_fault_stops_and_later_goes_on(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop = Workshop(database, tmp_path, lease_seconds=0.4)
    held_up = workshop.parser.before["n"] = Gate()
    kdb = await workshop.base()
    doc_id = await workshop.put(kdb, "n", "x")

    async def faulty(*_: object) -> None:
        raise RuntimeError

    async with working(workshop):
        async with asyncio.timeout(PATIENCE):
            await held_up.reached.wait()
            with monkeypatch.context() as patch:
                patch.setattr(IngestionRepository, "list_held", faulty)
                # What it does is stopped, and the free worker reads the next one.
                await workshop.until(await workshop.put(kdb, "next", "x"), 2)
        assert workshop.parser.log == ["n", "next"]
        held_up.opened.set()
        workshop.clock.move(seconds=1)
        workshop.signals.waiting.set()
        assert (await workshop.until(doc_id, 2)).progress == 100


async def test_a_version_that_is_being_built_gets_the_document_with_its_own_cut(workshop: Workshop) -> None:
    kdb = await workshop.base(target_chars=4000)
    text = "\n\n".join(f"Sentence {n} is here to fill the page with words." for n in range(40))
    async with workshop.database.write() as db:
        await add_version(db, kdb, 2, state="building", target_chars=200, mode="server")
    doc_id = await workshop.put(kdb, "n", text)
    async with working(workshop):
        row = await workshop.until(doc_id, 2)
    texts = await workshop.texts(kdb), await workshop.texts(kdb, 2)
    assert len(texts[0]["n"]) == 1 < 5 < len(texts[1]["n"])
    assert (row.passages, row.vectors, workshop.wanted_vectors) == (1, "none", [kdb])


async def test_a_version_begun_in_mid_work_is_not_missed(workshop: Workshop) -> None:
    kdb = await workshop.base(mode="server")
    gate = _gate_at(workshop, "written")
    doc_id = await workshop.put(kdb, "late", "text")
    async with working(workshop):
        async with asyncio.timeout(PATIENCE):
            await gate.reached.wait()
        async with workshop.database.write() as db:
            await add_version(db, kdb, 2, state="building", mode="server")
        gate.opened.set()
        row = await workshop.until(doc_id, 2)
    assert await workshop.texts(kdb) == await workshop.texts(kdb, 2) == {"late": ["text"]}
    assert row.vectors == "pending"
    async with workshop.database.read() as db:
        assert await db.get(KnowledgeIndexRow, (kdb, 2)) is not None


async def test_a_replacement_takes_the_place_of_everything_older_of_its_name(workshop: Workshop) -> None:
    kdb = await workshop.base()
    old = await workshop.put(kdb, "o", "first")
    async with working(workshop):
        await workshop.until(old, 2)
        workshop.parser.faults["o"] = [refused("damaged")]
        bad = await workshop.put(kdb, "o", "second", replaces_id=old)
        await workshop.until(bad, 3)
        assert await workshop.texts(kdb) == {"o": ["first"]}
        new = await workshop.put(kdb, "o", "third", replaces_id=bad)
        await workshop.until(new, 2)
        # Files go after their rows; those a stop leaves behind are the sweep's.
        async with asyncio.timeout(PATIENCE):
            while len(await workshop.stored()) != 1:
                await asyncio.sleep(0.01)
    assert await workshop.texts(kdb) == {"o": ["third"]}
    assert (await workshop.row(old), await workshop.row(bad)) == (None, None)


async def test_a_redo_that_fails_keeps_what_was_searchable(workshop: Workshop) -> None:
    kdb = await workshop.base()
    doc_id = await workshop.put(kdb, "n", "first")
    async with working(workshop):
        await workshop.until(doc_id, 2)
        workshop.parser.faults["n"] = [refused("damaged")]
        await _redo(workshop, kdb, doc_id)
        row = await workshop.until(doc_id, 3)
    assert (row.text_ready, row.passages) == (True, 1)
    assert await workshop.texts(kdb) == {"n": ["first"]}


async def test_questions_become_one_passage_each(workshop: Workshop) -> None:
    kdb = await workshop.base(kind="qa", target_chars=200)
    doc_id = await workshop.put(kdb, "q.csv", "Why?,Because.\nHow long?," + "so " * 400)
    async with working(workshop):
        row = await workshop.until(doc_id, 2)
    assert (row.passages, row.details) == (2, {"skipped_rows": 0})
    assert (await workshop.texts(kdb))["q.csv"][0] == "Question: Why?\nAnswer: Because."


async def test_two_processes_share_the_work_and_nothing_is_read_twice(database: Database, tmp_path: Path) -> None:
    parser = PlainParser()
    first = Workshop(database, tmp_path, parser=parser, process_id="one", workers=2, sole_process=False)
    second = Workshop(
        database, tmp_path, parser=parser, process_id="two", workers=2, sole_process=False, clock=first.clock
    )
    kdb = await first.base()
    names = [f"n{n}" for n in range(30)]
    ids = [await first.put(kdb, name, name) for name in names]
    async with working(first), working(second):
        await all_done(first, ids)
    assert sorted(parser.log) == sorted(names)
    assert await first.texts(kdb) == {name: [name] for name in names}


async def _hold(workshop: Workshop, doc_id: str, *, losses: int = 0) -> None:
    """A process that is dead now holds it."""
    await workshop.change(
        doc_id,
        status=1,
        attempts=1,
        losses=losses,
        generation=1,
        lease_owner="dead",
        lease_expires_at=workshop.clock.epoch() + 60,
    )
