"""Drafts and better instructions as tasks in the background (product.md 3.7)."""

from typing import Any, Literal

from clary.db.session import Session
from clary.features.agents.errors import TaskNotFoundError
from clary.features.agents.payloads import (
    DraftRequest,
    OptimizeRequest,
    TaskMetadata,
    TaskResponse,
)
from clary.features.agents.policy import is_task_id
from clary.features.agents.service.generation import AgentGeneration, answer_language
from clary.features.agents.service.model_calls import Author
from clary.features.permissions.service import Identity
from clary.http.problems import ThrottledError
from clary.jobs.job import Job
from clary.jobs.queue import JobQueue
from clary.jobs.work import Work

TaskType = Literal["auto_generate", "system_prompt_optimize"]
TASK_TYPES: tuple[TaskType, ...] = ("auto_generate", "system_prompt_optimize")
MOST_OPEN = 5
RETRY_AFTER_SECONDS = 30


class GenerationTasks:
    """A task is a job of its owner; a foreign one is like an unknown one, for admins too."""

    def __init__(self, *, queue: JobQueue, generation: AgentGeneration) -> None:
        self._queue = queue
        self._generation = generation

    async def submit(self, db: Session, *, identity: Identity, wanted: DraftRequest | OptimizeRequest) -> TaskResponse:
        """Puts a task in.

        Raises:
            NamedProviderNotFoundError, ProviderMissingError
            ThrottledError: five tasks of the caller are open.
        """
        author = Author.of(identity)
        await self._generation.require_provider(db, author=author, provider_id=wanted.llm_provider_id)
        body = wanted.model_dump()
        # The language of the request is not known to whoever does the work.
        body["language"] = answer_language(wanted.language)
        kind: TaskType = "auto_generate" if isinstance(wanted, DraftRequest) else "system_prompt_optimize"
        job = await self._queue.add(
            db,
            kind=kind,
            owner_id=author.user_id,
            payload={"body": body, "key_id": author.key_id, "client_id": author.client_id},
            most_open=MOST_OPEN,
            of=TASK_TYPES,
        )
        if job is None:
            raise ThrottledError(RETRY_AFTER_SECONDS)
        return _described(job)

    async def get_task(self, db: Session, *, identity: Identity, task_id: str) -> TaskResponse:
        """A task of the caller.

        Raises:
            TaskNotFoundError
        """
        _require_task_id(task_id)
        return _found(await self._queue.find(db, job_id=task_id, owner_id=identity.user_id, kinds=TASK_TYPES))

    async def cancel(self, db: Session, *, identity: Identity, task_id: str) -> TaskResponse:
        """Calls a task off, which stops its model call at once; one that ended stays as it ended.

        Raises:
            TaskNotFoundError
        """
        _require_task_id(task_id)
        return _found(await self._queue.cancel(db, job_id=task_id, owner_id=identity.user_id, kinds=TASK_TYPES))

    async def work(self, work: Work) -> Any:
        """Does a task; the handler of both kinds of jobs."""
        payload = work.job.payload
        author = Author(work.job.owner_id, payload["key_id"], payload["client_id"])
        await work.report(10, "model")
        if work.job.kind == "auto_generate":
            wanted = DraftRequest.model_validate(payload["body"])
            result = await self._generation.draft(author=author, wanted=wanted)
        else:
            to_optimize = OptimizeRequest.model_validate(payload["body"])
            result = await self._generation.optimize(author=author, wanted=to_optimize)
        return result.model_dump(mode="json", by_alias=True)


def _require_task_id(text: str) -> None:
    """What could not be an id never reaches the database."""
    if not is_task_id(text):
        raise TaskNotFoundError


def _found(job: Job | None) -> TaskResponse:
    if job is None:
        raise TaskNotFoundError
    return _described(job)


def _described(job: Job) -> TaskResponse:
    return TaskResponse(
        task_id=job.id,
        task_type=job.kind,
        status=job.status,
        progress=job.progress,
        result=job.result,
        error=job.error.render() if job.error is not None else None,
        metadata=TaskMetadata(step=job.step if job.is_open else "done"),
        created_at=job.created_at.timestamp(),
        updated_at=job.updated_at.timestamp(),
    )
