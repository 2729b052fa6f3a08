"""Wiring of what the server says about itself: facts, features, readiness."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from clary import __version__
from clary.db.database import Database
from clary.db.migrate import SchemaError, schema_state
from clary.features.system.service import SystemService
from clary.kit.clock import Clock
from clary.runtime.tools import Sandbox
from clary.settings import Settings
from clary.wiring.background import Background
from clary.wiring.identity import IdentityServices
from clary.wiring.objects import ObjectServices
from clary.wiring.parts import system_facts

log = structlog.get_logger()

LEAST_FREE_BYTES: Final = 1024 * 1024


def make_system(
    settings: Settings,
    *,
    database: Database,
    clock: Clock,
    identity: IdentityServices,
    background: Background,
    objects: ObjectServices,
    is_index_answering: Callable[[], Awaitable[bool]] | None,
    sandbox: Callable[[], Sandbox],
    has_scheduler: bool,
) -> SystemService:
    """The service, with the checks that readiness asks (contract platform 9.1)."""

    has_ocr = settings.ocr_program is not None

    async def database_answers() -> bool:
        await database.ping()
        return True

    async def schema_is_current() -> bool:
        try:
            return (await asyncio.to_thread(schema_state, settings.database)).is_current
        except SchemaError as error:
            # It cannot be reached or read.
            log.warning("schema_not_read", reason=str(error))
            return False

    async def is_started() -> bool:
        return identity.tokens is not None

    async def data_dir_is_writable() -> bool:
        return await asyncio.to_thread(has_room, settings.data_dir)

    return SystemService(
        facts=system_facts(settings, __version__),
        live=lambda: identity.live.values,
        checks={
            "database": database_answers,
            "migrations": schema_is_current,
            "secret_key": is_started,
            "data_dir": data_dir_is_writable,
            "object_store": objects.is_answering if settings.object_store == "s3" else None,
            "event_log": is_started,
            "jobs": background.is_working if settings.jobs else None,
            # Named only where there is one: files of this process need no check.
            **({} if is_index_answering is None else {"search_index": is_index_answering}),
        },
        external_providers=identity.upstream_login.list_providers,
        features=lambda: {
            "sandbox": sandbox().unavailable_reason is None,
            "ocr": has_ocr,
            "scheduler": has_scheduler,
            **dict.fromkeys(("mcp_server", "v1"), False),
        },
        clock=clock,
    )


def has_room(folder: Path) -> bool:
    """Whether something can still be written there: a full disk serves nobody, however well it reads."""
    facts = os.statvfs(folder)
    return os.access(folder, os.W_OK) and facts.f_bavail * facts.f_frsize >= LEAST_FREE_BYTES
