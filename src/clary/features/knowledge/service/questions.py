"""Question sets: kept, run, compared with the version before (contract product 5.9)."""

from collections.abc import Sequence
from typing import Any, Literal

import structlog

from clary.db.database import Database, UnavailableError
from clary.db.session import Session
from clary.errors import ProblemError
from clary.features.knowledge.errors import KdbTaskNotFoundError, QueryEmptyError, RetrievalTimeoutError
from clary.features.knowledge.policy.evaluating import TOP_K, Score, has_fallen, mrr_of, rank_of, recall_of
from clary.features.knowledge.ports import FoundPassage, PassageFinder
from clary.features.knowledge.repository.bases import BaseRepository
from clary.features.knowledge.repository.questions import QuestionRepository
from clary.features.knowledge.service.access import KnowledgeAccess, KnowledgeBase
from clary.features.knowledge.service.vectors import job_owner
from clary.features.knowledge.tables import KnowledgeBaseRow, KnowledgeEvaluationRow, KnowledgeQuestionRow
from clary.features.permissions.service import Identity
from clary.http.problems import ObjectLimitError
from clary.jobs.job import RetryLaterError
from clary.jobs.queue import JobQueue
from clary.jobs.work import Work
from clary.kit.clock import Clock, wire_time
from clary.kit.ids import new_hex

log = structlog.get_logger()

Json = dict[str, Any]
Trigger = Literal["manual", "reindex"]
KIND = "knowledge.evaluate"
MAX_QUESTIONS = 2000
LOOK_AGAIN_SECONDS = 2.0
_MOST_ASKED = 3


class QuestionSets:
    """Every method works in the caller's transaction."""

    def __init__(self, *, access: KnowledgeAccess, queue: JobQueue, clock: Clock) -> None:
        self._access = access
        self._queue = queue
        self._clock = clock

    async def list_questions(
        self, db: Session, *, identity: Identity, kdb_id: str, offset: int, limit: int
    ) -> tuple[list[Json], int]:
        """(page, total).

        Raises:
            KdbNotFoundError
        """
        base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="read")
        rows, total = await QuestionRepository(db).list_page(base.id, offset=offset, limit=limit)
        return [{"id": row.id, "question": row.question, "expected": row.expected} for row in rows], total

    async def put(self, db: Session, *, identity: Identity, kdb_id: str, items: Sequence[Json], replaces: bool) -> int:
        """Replaces the set, or adds to it; returns how many there are then.

        Raises:
            KdbNotFoundError, KdbForbiddenError, ObjectLimitError
        """
        base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="write")
        questions = QuestionRepository(db)
        if replaces:
            await questions.remove_all(base.id)
        place, count = await questions.next_place(base.id), await questions.count(base.id)
        if count + len(items) > MAX_QUESTIONS:
            raise ObjectLimitError(MAX_QUESTIONS)
        await questions.add(
            [
                KnowledgeQuestionRow(
                    id=new_hex(32),
                    kdb_id=base.id,
                    place=place + number,
                    question=item["question"],
                    expected=item["expected"],
                )
                for number, item in enumerate(items)
            ]
        )
        return count + len(items)

    async def run(
        self, db: Session, *, identity: Identity, kdb_id: str, top_k: int, mode: str | None
    ) -> tuple[str, str]:
        """Has the set run; returns (evaluation, status).

        Raises:
            KdbNotFoundError, KdbForbiddenError
        """
        base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="write")
        row = await self._add(db, base.id, base.index_version, "manual", {"top_k": top_k, "mode": mode})
        return row.id, row.status

    async def list_results(
        self, db: Session, *, identity: Identity, kdb_id: str, offset: int, limit: int
    ) -> tuple[list[Json], int]:
        """(page, total), newest first.

        Raises:
            KdbNotFoundError
        """
        base = await self._access.get(db, identity=identity, kdb_id=kdb_id, right="read")
        rows, total = await QuestionRepository(db).list_evaluations(base.id, offset=offset, limit=limit)
        return [_result(row) for row in rows], total

    async def begin(self, db: Session, base: KnowledgeBase | KnowledgeBaseRow, *, after_task: str | None) -> None:
        """Runs the set by itself, if there is one: after a switch, or once the documents of a task have ended.

        It is asked as what it will be compared with: among ten results more is found than among three.
        """
        questions = QuestionRepository(db)
        if await questions.count(base.id):
            is_redo = after_task is not None
            previous = await questions.find_previous(base.id, base.index_version, same_version=is_redo)
            top_k, mode = (TOP_K, None) if previous is None else (previous.top_k, previous.mode)
            payload = {"top_k": top_k, "mode": mode, "after_task": after_task}
            await self._add(db, base.id, base.index_version, "reindex", payload)

    async def _add(
        self, db: Session, kdb_id: str, version: int, trigger: Trigger, payload: Json
    ) -> KnowledgeEvaluationRow:
        questions = QuestionRepository(db)
        row = KnowledgeEvaluationRow(
            id=new_hex(32),
            kdb_id=kdb_id,
            status="pending",
            trigger=trigger,
            index_version=version,
            top_k=payload["top_k"],
            mode=payload["mode"],
            questions=await questions.count(kdb_id),
            missed=[],
            created_at=self._clock.now(),
        )
        await questions.save(row)
        whole = {"kdb_id": kdb_id, "evaluation_id": row.id, **payload}
        await self._queue.add(db, kind=KIND, owner_id=job_owner(kdb_id), payload=whole)
        return row


class QuestionRuns:
    """Does the evaluations, one question after the other."""

    def __init__(self, *, database: Database, finder: PassageFinder) -> None:
        self._database = database
        self.finder = finder

    async def do(self, work: Work) -> Any:
        """The handler."""
        payload = work.job.payload
        kdb_id, task_id = payload["kdb_id"], payload.get("after_task")
        async with self._database.read() as db:
            if task_id and await QuestionRepository(db).has_open_documents(kdb_id, task_id):
                raise RetryLaterError(LOOK_AGAIN_SECONDS, KdbTaskNotFoundError())
            questions = await QuestionRepository(db).list_all(kdb_id)
        if not await self._change(work, status="running", questions=len(questions)):
            return None
        try:
            await self.finder.prepare(kdb_id=kdb_id)
            answers = [await self._ask(kdb_id, question, payload) for question in questions]
        except UnavailableError:
            # The job is repeated.
            raise
        except ProblemError:
            await self._change(work, status="failed")
            raise
        await self._finish(work, [score for score, _ in answers], is_sure=all(answered for _, answered in answers))
        return None

    async def _ask(self, kdb_id: str, question: KnowledgeQuestionRow, payload: Json) -> tuple[Score, bool]:
        """(what came of it, whether it was answered at all)."""
        found: Sequence[FoundPassage] | None = None
        for _ in range(_MOST_ASKED):
            try:
                found = await self.finder.find(
                    kdb_id=kdb_id, query=question.question, top_k=payload["top_k"], mode=payload["mode"]
                )
            except RetrievalTimeoutError:
                # That says how busy the server is, not what the index finds.
                continue
            except QueryEmptyError:
                found = ()
            break
        if found is None:
            log.info("question_not_answered", kdb_id=kdb_id)
        return Score(question.id, question.question, rank_of(question.expected, found or ())), found is not None

    async def _change(self, work: Work, **values: Any) -> bool:
        """False: the evaluation is gone with its base, or has ended."""
        async with self._database.write() as db:
            await work.require_held(db)
            row = await self._row(db, work)
            if row is None or row.status in ("completed", "failed"):
                return False
            for name, value in values.items():
                setattr(row, name, value)
            base = await BaseRepository(db).find(row.kdb_id)
            row.index_version = base.index_version if base is not None else row.index_version
            await QuestionRepository(db).save(row)
        return True

    async def _finish(self, work: Work, scores: Sequence[Score], *, is_sure: bool) -> None:
        """`is_sure`: every question was answered; else a fall is none of the index, and no reason to warn."""
        async with self._database.write() as db:
            await work.require_held(db)
            row = await self._row(db, work)
            base = await BaseRepository(db).find_for_change(row.kdb_id) if row is not None else None
            if row is None or base is None:
                return
            row.status, row.recall, row.mrr = "completed", recall_of(scores), mrr_of(scores)
            row.missed = [{"id": each.question_id, "question": each.question} for each in scores if each.rank is None]
            await QuestionRepository(db).save(row)
            if row.trigger == "reindex":
                is_redo = work.job.payload.get("after_task") is not None
                previous = await QuestionRepository(db).find_previous(
                    row.kdb_id, row.index_version, same_version=is_redo, alike=row
                )
                before = previous.recall if previous is not None else None
                has_gone = is_sure and has_fallen(row.recall, before)
                base.warning = {"kind": "recall_fell", "recall": row.recall, "previous": before} if has_gone else None
                await BaseRepository(db).save(base)

    async def _row(self, db: Session, work: Work) -> KnowledgeEvaluationRow | None:
        payload = work.job.payload
        return await QuestionRepository(db).find_evaluation(payload["kdb_id"], payload["evaluation_id"])


def _result(row: KnowledgeEvaluationRow) -> Json:
    return {
        "evaluation_id": row.id,
        "status": row.status,
        "trigger": row.trigger,
        "index_version": row.index_version,
        "questions": row.questions,
        "recall": row.recall,
        "mrr": row.mrr,
        "missed": row.missed,
        "created_at": wire_time(row.created_at),
    }
