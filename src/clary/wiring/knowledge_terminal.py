"""Knowledge bases from the terminal: a process that works for a moment, beside a server or without one."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from clary.features.permissions.service import Identity
from clary.jobs.worker import JobWorker, Kind
from clary.wiring.knowledge import EVALUATE, PATIENCE
from clary.wiring.services import Services


@asynccontextmanager
async def working_beside(services: Services) -> AsyncGenerator[None]:
    """Takes part in taking in documents and in evaluations until the block ends.

    Whatever another process works on stays that process's.
    """
    evaluations = JobWorker(
        database=services.database,
        queue=services.background.queue,
        clock=services.clock,
        process_id=services.process_id,
        sole_process=False,
    )
    evaluations.register(Kind(EVALUATE, services.knowledge.question_runs.do, slots=1, max_attempts=PATIENCE))
    worker = services.knowledge.documents.worker
    await worker.start(beside=True)
    await evaluations.start()
    try:
        yield
    finally:
        await evaluations.stop()
        await worker.stop()


async def person(services: Services, account: str) -> Identity:
    """Somebody by user name or e-mail address, with their own rights.

    Raises:
        UserNotFoundError
    """
    user_id = await services.user_administration.get_user_id(account)
    async with services.database.read() as db:
        people = await services.accounts.list_people(db, user_ids=[user_id])
        groups = await services.identity.memberships.groups_of(db, user_id=user_id)
    return Identity(user_id, account, people[user_id].role, "system", group_ids=groups)
