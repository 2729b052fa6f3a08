"""Deleting a user (platform.md 4.8): locked out at once, then everything of theirs goes or is handed on, step by step.

The wish is a row, so that a deletion goes on after a crash; the row goes with the user, when nothing is left.
"""

import asyncio
from collections.abc import Sequence
from typing import Literal, cast

import structlog

from clary.db.database import Database
from clary.db.session import Session
from clary.errors import ProblemError
from clary.features.accounts.administration import UserAdministration
from clary.features.accounts.errors import AdminProtectedError, UserNotFoundError
from clary.features.accounts.ports import Heir, OwnedThings
from clary.features.accounts.repository import AccountRepository
from clary.features.accounts.tables import UserDeletionRow
from clary.features.audit.service import SYSTEM, Act, Actor, AuditLog, AuditObject
from clary.http.problems import ValidationFailedError
from clary.kit.clock import Clock
from clary.kit.text import Text

log = structlog.get_logger()

Mode = Literal["delete", "transfer", "delete_all"]
ANSWER_SECONDS = 2.0
NO_SUCH_HEIR = Text("transfer_to: 没有这个启用的用户", "transfer_to: no such active user")
HEIR_WANTED = Text("transfer_to: 需要指定接收人", "transfer_to: somebody must be named")


class UserDeletion:
    """See the module."""

    def __init__(
        self, *, database: Database, administration: UserAdministration, audit: AuditLog, clock: Clock
    ) -> None:
        self._database = database
        self._administration = administration
        self._audit = audit
        self._clock = clock
        self._things: Sequence[OwnedThings] = ()
        self._working: dict[str, asyncio.Task[None]] = {}

    def set_things(self, things: Sequence[OwnedThings]) -> None:
        """Names who keeps things for users, in the order in which they are asked."""
        self._things = things

    def ask_first(self, things: OwnedThings) -> None:
        """Names somebody who is asked before all others: what would go on making new things."""
        self._things = (things, *self._things)

    async def delete(self, *, user_id: str, mode: Mode, transfer_to: str | None, by: Actor) -> None:
        """Locks a user out and begins to delete; a small account is gone when this returns.

        Raises:
            UserNotFoundError, AdminProtectedError, ValidationFailedError: nobody to hand things on to.
        """
        async with self._database.write() as db:
            heir_id = await self._require_allowed(db, user_id, mode, transfer_to, by)
            await self._lock_out(db, user_id, mode, heir_id, by)
        await asyncio.wait({self._begin(user_id)}, timeout=ANSWER_SECONDS)

    async def resume(self) -> None:
        """Goes on with what a process that ended has begun."""
        async with self._database.read() as db:
            waiting = await AccountRepository(db).list_deletions()
        for row in waiting:
            self._begin(row.user_id)

    async def finish(self) -> None:
        """Waits until everything that was begun here is done."""
        await asyncio.gather(*self._working.values())

    async def stop(self) -> None:
        """Puts off what is not done; the next start goes on."""
        for task in self._working.values():
            task.cancel()
        await asyncio.gather(*self._working.values(), return_exceptions=True)

    async def _require_allowed(
        self, db: Session, user_id: str, mode: Mode, transfer_to: str | None, by: Actor
    ) -> str | None:
        """Who gets what is handed on."""
        accounts = AccountRepository(db)
        user = await accounts.find_user(user_id)
        if user is None:
            raise UserNotFoundError
        if user.role == "admin" or user_id == by.user_id:
            raise AdminProtectedError
        if mode == "delete_all":
            return None
        if mode == "delete":
            return by.user_id or await accounts.find_first_admin()
        if not transfer_to:
            raise ValidationFailedError(HEIR_WANTED.render())
        heir = await accounts.find_user(transfer_to)
        if heir is None or heir.status != "active" or heir.user_id == user_id:
            raise ValidationFailedError(NO_SUCH_HEIR.render())
        return transfer_to

    async def _lock_out(self, db: Session, user_id: str, mode: Mode, heir_id: str | None, by: Actor) -> None:
        accounts = AccountRepository(db)
        user = await accounts.find_user(user_id)
        assert user is not None
        user.status = "disabled"
        await self._administration.end_everything(db, user_id)
        if await accounts.find_deletion(user_id) is None:
            accounts.add(UserDeletionRow(user_id=user_id, mode=mode, heir_id=heir_id, requested_at=self._clock.now()))
            await self._record(db, by, user_id, {"step": "begun", "objects": mode, "transfer_to": heir_id})

    def _begin(self, user_id: str) -> asyncio.Task[None]:
        task = self._working.get(user_id)
        if task is None:
            task = self._working[user_id] = asyncio.create_task(self._delete(user_id))
            task.add_done_callback(lambda _: self._working.pop(user_id, None))
        return task

    async def _delete(self, user_id: str) -> None:
        """A step that fails stays for the next start; the user remains locked out meanwhile."""
        try:
            async with self._database.read() as db:
                row = await AccountRepository(db).find_deletion(user_id)
            if row is None:
                return
            heir = Heir(cast("Mode", row.mode), row.heir_id)
            for things in self._things:
                counts = await things.let_go(user_id=user_id, heir=heir)
                if any(counts.values()):
                    async with self._database.write() as db:
                        await self._record(db, SYSTEM, user_id, {"step": "things", **counts})
            async with self._database.write() as db:
                await self._record(db, SYSTEM, user_id, {"step": "done"})
                await AccountRepository(db).delete_user(user_id)
                await self._audit.erase_person(db, user_id=user_id)
        except (ProblemError, OSError):
            log.exception("user_deletion_put_off", user_id=user_id)

    async def _record(self, db: Session, by: Actor, user_id: str, detail: dict[str, object]) -> None:
        await self._audit.record(db, Act("user.deleted", by, AuditObject("user", user_id), detail=detail))
