"""The settings that change while the server runs: kept at hand for every reader, read anew from time to time."""

import asyncio
from collections.abc import Callable, Set

from clary.db.database import Database
from clary.db.session import Session
from clary.features.audit.service import Act, Actor, AuditLog, changes
from clary.features.system.errors import SettingsLockedError
from clary.features.system.policy import KEYS, Json, LiveValues, in_force, on_wire
from clary.features.system.repository import SettingRepository

Listener = Callable[[LiveValues], None]


class RuntimeSettings:
    """The values in force; `values` never waits, so that anything may ask at any time.

    A change acts in this process at once, and in others when they read anew, which `wiring` makes them do in less than
    a second. `locked`: keys whose variable is set; their value in `start` wins over every row.
    """

    def __init__(self, *, database: Database, audit: AuditLog, start: LiveValues, locked: Set[str]) -> None:
        self._database = database
        self._audit = audit
        self._start = start
        self._locked = frozenset(locked) & frozenset(KEYS)
        self._turns = asyncio.Lock()
        self._listeners: list[Listener] = []
        self.values = start

    def add_listener(self, listener: Listener) -> None:
        """Tells somebody who keeps a value; called now and after each change, in the event loop."""
        self._listeners.append(listener)
        listener(self.values)

    async def refresh(self) -> None:
        """Reads anew; readings take turns, so that an older one never comes last.

        Raises:
            UnavailableError: the values stay as they were.
        """
        async with self._turns:
            async with self._database.read() as db:
                stored = await SettingRepository(db).read_all()
            values = in_force(self._start, stored, self._locked)
            if values != self.values:
                self.values = values
                for listener in self._listeners:
                    listener(values)

    async def show(self, db: Session) -> Json:
        """`{"settings": {key: {"value", "source", "editable"}}}` (platform.md 9.3)."""
        stored = await SettingRepository(db).read_all()
        shown = on_wire(in_force(self._start, stored, self._locked))
        return {
            "settings": {
                key: {"value": shown[key], "source": self._source(key, stored), "editable": key not in self._locked}
                for key in KEYS
            }
        }

    async def update(self, fields: Json, *, by: Actor) -> None:
        """Stores all or none of the given settings, in a transaction of its own: they act when it is over.

        Raises:
            SettingsLockedError: a variable fixes one of them.
        """
        fixed = sorted(self._locked.intersection(fields))
        if fixed:
            raise SettingsLockedError(fixed)
        async with self._database.write() as db:
            settings = SettingRepository(db)
            before = await settings.read_all(locked=True)
            old = on_wire(in_force(self._start, before, self._locked))
            for key, value in sorted(fields.items()):
                await settings.put(key, value)
            await self._audit.record(db, Act("settings.updated", by, detail=changes(old, {**old, **fields})))
        await self.refresh()

    def _source(self, key: str, stored: Json) -> str:
        if key in self._locked:
            return "environment"
        return "database" if key in stored else "default"
