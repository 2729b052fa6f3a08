"""Use cases of chat: start, join, read on, stop."""

import asyncio
from collections.abc import Sequence
from weakref import WeakValueDictionary

from clary.db.database import Database
from clary.db.session import Session
from clary.features.chat.image_files import ImageFiles
from clary.features.chat.intake import (
    Intake,
    first_user_of,
    read_messages,
    require_no_child,
    require_own_words,
    without_history,
    without_known,
)
from clary.features.chat.payloads import ChatRequest
from clary.features.chat.payloads.overrides import OVERRIDES, StreamRequest
from clary.features.chat.preparing import input_place
from clary.features.chat.resolving import Asked, RunResolver
from clary.features.chat.starting import (
    ChatLimits,
    Interrupted,
    KeyTakenError,
    OccupiedError,
    OpenedView,
    Start,
    Take,
    opened_view,
)
from clary.features.chat.supervisor import RunSupervisor
from clary.features.conversations.errors import SessionNotFoundError
from clary.features.conversations.service import (
    ConversationRow,
    ConversationService,
    MessageReader,
    NewMessage,
    add_counts,
    set_title_from,
)
from clary.features.interventions.service import Interventions
from clary.features.permissions.service import Identity
from clary.features.runs.errors import (
    IdempotencyMismatchError,
    SessionBusyError,
    SessionReleasingError,
    TooManyRunsError,
    TooManyViewsError,
)
from clary.features.runs.service import (
    Endpoint,
    IdempotencyKeyRow,
    RunRepository,
    RunRow,
    RunService,
    StopReason,
    is_active,
)
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox
from clary.kit.ids import new_uuid
from clary.streams.hub import Hub

__all__ = [
    "OVERRIDES",
    "ChatLimits",
    "ChatService",
    "Intake",
    "Interrupted",
    "OpenedView",
    "StreamRequest",
    "read_messages",
]

REPLACE_SECONDS = 10.0
INTERRUPT_SECONDS = 2.0
MOST_REPLACEMENTS = 8


class ChatService:
    """The door of the slice."""

    def __init__(
        self,
        *,
        database: Database,
        hub: Hub,
        supervisor: RunSupervisor,
        resolver: RunResolver,
        conversations: ConversationService,
        runs: RunService,
        interventions: Interventions,
        secret_box: SecretBox,
        clock: Clock,
        images: ImageFiles,
        limits: ChatLimits,
    ) -> None:
        self._database = database
        self._hub = hub
        self._supervisor = supervisor
        self._resolver = resolver
        self._conversations = conversations
        self._runs = runs
        self._interventions = interventions
        self._secret_box = secret_box
        self._clock = clock
        self._images = images
        self._limits = limits
        self._locks: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()

    async def start(
        self,
        *,
        identity: Identity,
        request: ChatRequest,
        endpoint: Endpoint,
        idempotency_key: str | None,
        take: Take | None = None,
        title: str | None = None,
    ) -> OpenedView:
        """Starts a run, or joins the one its idempotency key names; durable before this returns.

        Raises:
            The refusals of stream-runtime.md 2.
        """
        start = Start(identity, request, endpoint, request.session_id or new_uuid(), idempotency_key, take, title)
        if idempotency_key is None:
            return await self._start(start)
        async with self._lock(identity, "key", idempotency_key):
            joined = await self._join(identity, idempotency_key, start.content_hash)
            if joined is not None:
                return joined
            try:
                return await self._start(start)
            except KeyTakenError:
                # Another process was quicker with the same key.
                joined = await self._join(identity, idempotency_key, start.content_hash)
                if joined is None:
                    raise SessionReleasingError from None
                return joined

    async def _start(self, start: Start) -> OpenedView:
        async with self.session_lock(start.identity, start.session_id):
            run = await self._create_or_replace(start)
            self._hub.adopt(run.log_id)
            self._supervisor.launch(run)
            return await self._open(run, 0, start.identity)

    async def _create_or_replace(self, start: Start) -> RunRow:
        for _ in range(MOST_REPLACEMENTS):
            try:
                return await self._create(start, replaces=start.endpoint in ("web_stream", "rerun"))
            except OccupiedError as occupied:
                # The lock of the session is this process's; another one may have begun a further run meanwhile.
                await self.replace(occupied.run_id)
        raise SessionReleasingError

    async def _remember_key(self, db: Session, run: RunRow, key: str, content_hash: str) -> None:
        row = IdempotencyKeyRow(
            user_id=run.user_id, key=key, content_hash=content_hash, run_id=run.run_id, created_at=self._clock.now()
        )
        if not await RunRepository(db).add_key(row):
            raise KeyTakenError

    def _lock(self, identity: Identity, kind: str, name: str) -> asyncio.Lock:
        return self._locks.setdefault((identity.user_id, kind, name), asyncio.Lock())

    async def resume(
        self, *, identity: Identity, session_id: str, last_index: int, run_id: str | None, user_id: str | None = None
    ) -> OpenedView:
        """A view from a line number on (stream-runtime.md 6.5); `user_id` is whose session an admin means.

        Raises:
            SessionNotFoundError, SessionAmbiguousError, TooManyViewsError
        """
        async with self._database.read() as db:
            conversation = await self._conversations.get_accessible(
                db, session_id=session_id, identity=identity, user_id=user_id
            )
            run = await self._runs.find_readable(db, conversation_id=conversation.conversation_id, run_id=run_id)
        if run_id is not None and (run is None or not run.log_id):
            raise SessionNotFoundError(session_id)
        if run is None:
            return opened_view(session_id, None, None, now=self._clock.epoch())
        return await self._open(run, last_index, identity)

    async def interrupt(
        self, *, identity: Identity, session_id: str, user_id: str | None, message: str | None, run_id: str | None
    ) -> Interrupted:
        """Stops the active run; durable before this returns, waits up to two seconds for the end (6.7).

        Raises:
            SessionNotFoundError, SessionAmbiguousError
        """
        async with self._database.write() as db:
            conversation = await self._conversations.get_accessible(
                db, session_id=session_id, identity=identity, user_id=user_id
            )
            run = await self._runs.find_active(
                db, conversation_id=conversation.conversation_id, is_child=conversation.parent_id is not None
            )
            hit = run is not None and run_id in (None, run.run_id)
            if run is not None and hit:
                await self._runs.request_stop(db, run=run, reason="interrupt_request", note=message)
                conversation.interrupt_note = message or conversation.interrupt_note
        if run is None or not hit:
            return Interrupted(session_id, conversation.user_id, False, None, None)
        status = await self._stop(run.run_id, "interrupt_request", INTERRUPT_SECONDS)
        return Interrupted(session_id, conversation.user_id, True, run.run_id, status)

    async def stop_and_wait(self, run_id: str) -> None:
        """Stops a run because its conversation goes; returns when it has ended.

        Raises:
            SessionReleasingError: it does not end in time.
        """
        async with self._database.write() as db:
            run = await RunRepository(db).find(run_id)
            if run is None or not await self._runs.request_stop(db, run=run, reason="interrupt_request"):
                return
        status = await self._stop(run_id, "interrupt_request", REPLACE_SECONDS)
        if status is not None and is_active(status):
            raise SessionReleasingError

    async def stop_runs_of(self, user_id: str) -> None:
        """Stops everything that runs for somebody who is locked out; durable when this returns, waits for no end."""
        async with self._database.write() as db:
            runs = await RunRepository(db).list_active(user_id)
            for run in runs:
                await self._runs.request_stop(db, run=run, reason="interrupt_request")
        for run in runs:
            if not self._supervisor.signal_stop(run.run_id, "interrupt_request"):
                self._supervisor.wake(run.run_id)

    async def _stop(self, run_id: str, reason: StopReason, seconds: float) -> str | None:
        if not self._supervisor.signal_stop(run_id, reason):
            # A run that waits for a person runs nowhere: it is woken to write its end.
            self._supervisor.wake(run_id)
        began = self._clock.monotonic()
        await self._supervisor.finished(run_id, seconds)
        left = max(0.0, seconds - (self._clock.monotonic() - began))
        return await self._runs.wait_until_ended(run_id=run_id, seconds=left)

    async def _join(self, identity: Identity, key: str, content_hash: str) -> OpenedView | None:
        async with self._database.read() as db:
            runs = RunRepository(db)
            known = await runs.find_key(identity.user_id, key)
            run = await runs.find(known.run_id) if known is not None else None
        if known is None or run is None:
            return None
        if known.content_hash != content_hash:
            raise IdempotencyMismatchError
        return await self._open(run, 0, identity)

    def session_lock(self, identity: Identity, session_id: str) -> asyncio.Lock:
        """The one that guards start, replace and edit of a session (6.9)."""
        return self._lock(identity, "session", session_id)

    async def replace(self, run_id: str) -> None:
        """Ends the active run of a session, whichever endpoint started it (6.6).

        Raises:
            SessionReleasingError: it does not end in time.
        """
        async with self._database.write() as db:
            fresh = await RunRepository(db).find(run_id)
            if fresh is not None:
                await self._runs.request_stop(db, run=fresh, reason="replaced")
        status = await self._stop(run_id, "replaced", REPLACE_SECONDS)
        if status is not None and is_active(status):
            raise SessionReleasingError

    async def _create(self, start: Start, *, replaces: bool) -> RunRow:
        """Messages, conversation, run row and idempotency key in one transaction."""
        async with self._database.write() as db:
            if start.key is not None and await RunRepository(db).find_key(start.identity.user_id, start.key):
                raise KeyTakenError
            run = await self._create_in(db, start, replaces=replaces)
            if start.key is not None:
                await self._remember_key(db, run, start.key, start.content_hash)
        return run

    async def _create_in(self, db: Session, start: Start, *, replaces: bool) -> RunRow:
        identity, request, session_id, now = start.identity, start.request, start.session_id, self._clock.now()
        known = await self._conversations.find_own(db, session_id=session_id, user_id=identity.user_id)
        require_no_child(known)
        run_id = new_uuid()
        intake = await start.take_in(db, known, run_id, interventions=self._interventions, now=self._clock.epoch())
        held_with = known.agent_id if known is not None else None
        agent = await self._resolver.resolve_agent(db, identity, asked_for=request.agent_id, held_with=held_with)
        resolved = await self._resolver.resolve(
            db,
            identity=identity,
            agent=agent,
            asked=Asked(
                request,
                session_id,
                intake.tags,
                intake.system_texts,
                saved_context=dict(known.system_context) if known is not None else {},
                interrupt_note=known.interrupt_note if known is not None else None,
                said=intake.query,
            ),
        )
        if known is not None:
            await require_own_words(db, known, intake)
        await self._resolver.require_room(db, resolved, endpoint=start.endpoint, session_id=session_id, run_id=run_id)
        # Last of all: a request that is going to be refused must not end what runs.
        await self._require_free(db, known, identity, replaces=replaces)
        name = resolved.config.agent_name
        conversation = known or start.new_conversation(agent.agent_id, name, now)
        conversation.agent_id, conversation.agent_name = agent.agent_id, name
        conversation.system_context = resolved.saved_context
        conversation.interrupt_note = None
        conversation.updated_at = now
        intake = intake.with_skills(resolved.config.tagged_skills)
        await self._store(db, conversation, run_id, intake, is_new=known is None)
        run = self._row(run_id, conversation, identity, start.endpoint, request)
        run.log_id = await self._hub.log.create(db, run_id)
        run.agent_id, run.agent_name, run.agent_mode = agent.agent_id, name, resolved.agent_mode
        run.warnings, run.query = list(resolved.warnings), intake.query
        run.input_sealed = self._secret_box.seal(resolved.config.to_json(), place=input_place(run_id))
        if not await RunRepository(db).add(run):
            raise SessionBusyError
        return run

    async def _require_free(
        self, db: Session, known: ConversationRow | None, identity: Identity, *, replaces: bool
    ) -> None:
        active = await self._runs.find_active(db, conversation_id=known.conversation_id) if known else None
        if active is not None:
            raise OccupiedError(active.run_id) if replaces else SessionBusyError
        if await RunRepository(db).count_active(identity.user_id) >= self._limits.runs_per_user():
            raise TooManyRunsError

    async def _store(
        self, db: Session, conversation: ConversationRow, run_id: str, intake: Intake, *, is_new: bool
    ) -> None:
        """Title, counts and messages; each row is written once."""
        stored: Sequence[NewMessage] = await self._images.keep(db, conversation, intake.stored)
        if not is_new:
            stored = await without_history(db, conversation, stored)
            first_user = first_user_of(conversation, stored)
            stored = await without_known(db, conversation, stored, intake.sent_ids)
        else:
            first_user = first_user_of(conversation, stored)
        if first_user is not None:
            set_title_from(conversation, first_user)
        add_counts(conversation, stored)
        if is_new and not await self._conversations.save_new(db, conversation):
            raise SessionBusyError
        await MessageReader(db).add_all(conversation, run_id, stored)

    def _row(
        self,
        run_id: str,
        conversation: ConversationRow,
        identity: Identity,
        endpoint: Endpoint,
        request: ChatRequest,
    ) -> RunRow:
        wish = request.stream_options.on_disconnect
        ends_unread = endpoint in ("chat", "stream") if wish is None else wish == "interrupt"
        return RunRow(
            run_id=run_id,
            root_run_id=run_id,
            parent_run_id=None,
            user_id=identity.user_id,
            conversation_id=conversation.conversation_id,
            session_id=conversation.session_id,
            endpoint=endpoint,
            status="queued",
            attached=ends_unread,
            interrupt_on_disconnect=ends_unread,
            generation=1,
            takeovers=0,
            takeovers_since_step=0,
            lease_owner=self._supervisor.process_id,
            lease_expires_at=self._supervisor.lease_end(),
            usage={},
            stored_lines=0,
            created_at=self._clock.now(),
            last_activity=self._clock.epoch(),
        )

    async def _open(self, run: RunRow, cursor: int, identity: Identity) -> OpenedView:
        viewer = identity.user_id
        view = await self._hub.view(run.log_id, cursor, viewer) if run.log_id else None
        # Counted afterwards, so that of many that open at once no more than allowed stay.
        if view is not None and self._hub.view_count(run.log_id, viewer) > self._limits.views_per_run:
            view.close()
            raise TooManyViewsError
        if run.interrupt_on_disconnect and is_active(run.status):
            await self._supervisor.tell_of_reader(run.log_id)
        return opened_view(run.session_id, run, view, now=self._clock.epoch())
