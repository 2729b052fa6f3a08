"""Wiring of scheduled tasks."""

from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.accounts.service import AccountService
from clary.features.agents.service import AgentResolver
from clary.features.chat.service import ChatService
from clary.features.groups.service import GroupMemberships
from clary.features.permissions.service import Identity
from clary.features.schedules.leaving import TaskLeaving
from clary.features.schedules.service import Notices, Scheduler, TaskBooks, TaskLimits, TaskService, TaskStarts
from clary.features.schedules.service.notices import KIND as GIVEN_UP_MAIL
from clary.features.schedules.service.settling import Settling
from clary.kit.clock import Clock
from clary.kit.ids import new_uuid
from clary.settings import Settings
from clary.wiring.arrivals import make_mailer
from clary.wiring.background import Background
from clary.wiring.identity import IdentityServices


class TaskOwners:
    """Fills the port `Owners` from accounts and groups."""

    def __init__(self, *, accounts: AccountService, memberships: GroupMemberships) -> None:
        self._accounts = accounts
        self._memberships = memberships

    async def find_owner(self, db: Session, *, user_id: str) -> Identity | None:
        """See the port."""
        person = (await self._accounts.list_people(db, user_ids=[user_id])).get(user_id)
        if person is None or not person.is_active:
            return None
        groups = await self._memberships.groups_of(db, user_id=user_id)
        return Identity(user_id, person.username, person.role, "system", group_ids=groups)

    async def find_address(self, db: Session, *, user_id: str) -> str | None:
        """See the port."""
        profile = await self._accounts.find_profile(db, user_id=user_id)
        return profile.email if profile is not None and profile.is_active else None


class ScheduleServices:
    """Tasks, and their clock unless it is switched off (`CLARY_SCHEDULER`; in this process, `CLARY_JOBS`)."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        identity: IdentityServices,
        agents: AgentResolver,
        chat: ChatService,
        background: Background,
    ) -> None:
        self.is_on = settings.scheduler
        self._starts_here = settings.scheduler and settings.jobs
        owners = TaskOwners(accounts=identity.accounts, memberships=identity.memberships)
        self.notices = Notices(
            database=database,
            queue=background.queue,
            owners=owners,
            mailer=make_mailer(settings),
            instance_name=lambda: identity.live.values.instance_name,
        )
        background.register(GIVEN_UP_MAIL, self.notices.do)
        settling = Settling(new_id=new_uuid, notices=self.notices)
        self.tasks = TaskService(
            agents=agents,
            settling=settling,
            audit=identity.audit,
            clock=clock,
            limits=TaskLimits(settings.tasks_max_per_user, settings.tasks_min_interval_seconds, settings.timezone),
        )
        self.starts = TaskStarts(database=database, chat=chat, settling=settling, clock=clock, new_id=new_uuid)
        self.scheduler = Scheduler(
            database=database,
            starts=self.starts,
            settling=settling,
            owners=owners,
            clock=clock,
            missed_hours=settings.tasks_missed_hours,
            history_days=settings.tasks_history_days,
        )
        self.books = TaskBooks(database=database, tasks=self.tasks, owners=owners)
        self.leaving = TaskLeaving(database=database, tasks=self.tasks)

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.tasks = self.tasks
        state.task_starts = self.starts
        state.scheduler_on = self.is_on

    def start(self) -> None:
        """Begins to look what is due, unless that is left to other processes."""
        if self._starts_here:
            self.scheduler.start()

    async def stop(self) -> None:
        """Ends it."""
        await self.scheduler.stop()
