"""Tells owners of tasks that were given up, by mail (platform.md 15.3)."""

from collections.abc import Callable
from typing import Final

from clary.db.database import Database
from clary.db.session import Session
from clary.features.accounts.errors import MailFailedError
from clary.features.accounts.ports import Mailer, MailError
from clary.features.schedules.ports import Owners
from clary.jobs.job import RetryLaterError
from clary.jobs.queue import JobQueue
from clary.jobs.work import Work
from clary.kit.text import Text

KIND: Final = "task_given_up_mail"
RETRY_SECONDS: Final = 300.0
GIVEN_UP: Final = "too_many_failures"
AGENT_GONE: Final = "agent_not_found"
SCHEDULE_UNREADABLE: Final = "schedule_invalid"
PAUSING: Final = frozenset((AGENT_GONE, SCHEDULE_UNREADABLE))
"""What lies in the task itself: the next time would go no better."""

SUBJECT: Final = Text("{name}：任务“{task}”已暂停", "{name}: the task “{task}” is paused")
_REASONS: Final = {
    GIVEN_UP: Text("它已连续失败多次。", "It has failed many times in a row."),
    AGENT_GONE: Text("它的智能体已不可用。", "Its agent can no longer be used."),
    SCHEDULE_UNREADABLE: Text("它的计划时间无法识别。", "Its schedule cannot be read."),
}
_BODY: Final = Text(
    "您的定时任务“{task}”已暂停。{reason}修正原因后，您可以重新启用它。\n",
    "Your scheduled task “{task}” is paused. {reason} You can switch it on again once the cause is mended.\n",
)


class Notices:
    """Puts mails in as jobs, so that one is sent when its task is paused and not otherwise, and tried again.

    `mailer` None: this server cannot send mail, and nothing is put in.
    """

    def __init__(
        self,
        *,
        database: Database,
        queue: JobQueue,
        owners: Owners,
        mailer: Mailer | None,
        instance_name: Callable[[], str],
    ) -> None:
        self._database = database
        self._queue = queue
        self._owners = owners
        self.mailer = mailer
        self._instance_name = instance_name

    async def add(self, db: Session, *, user_id: str, task_name: str, reason: str) -> None:
        """One mail, in the transaction that pauses the task. `reason`: `GIVEN_UP` or one of `PAUSING`."""
        if self.mailer is not None:
            payload = {"name": task_name, "reason": reason}
            await self._queue.add(db, kind=KIND, owner_id=user_id, payload=payload)

    async def do(self, work: Work) -> None:
        """Sends one; nobody is told who is gone, locked out or without an address."""
        async with self._database.read() as db:
            address = await self._owners.find_address(db, user_id=work.job.owner_id)
        if self.mailer is None or address is None:
            return
        subject, text = _written(self._instance_name(), **work.job.payload)
        try:
            await self.mailer.send(to=address, subject=subject, text=text)
        except MailError:
            raise RetryLaterError(RETRY_SECONDS, MailFailedError()) from None


def _written(instance: str, *, name: str, reason: str) -> tuple[str, str]:
    """Subject and text in both languages, since nobody's language is known here."""
    task = " ".join(name.split())
    subject = SUBJECT.fill(name=instance, task=task)
    why = _REASONS[reason]
    chinese, english = _BODY.fill(task=task, reason=why.zh).zh, _BODY.fill(task=task, reason=why.en).en
    return f"{subject.zh} / {subject.en}", f"{chinese}\n{english}"
