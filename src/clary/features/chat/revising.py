"""Taking back what followed the last user message: answering it again, or changing it (10.1, 10.2)."""

from collections.abc import Sequence
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.chat.control_tags import ControlTags
from clary.features.chat.errors import NothingToAnswerError, UserMessageMissingError
from clary.features.chat.image_files import ImageFiles
from clary.features.chat.intake import Intake, read_messages, require_no_child, untagged
from clary.features.chat.model_view import TAGGED_SKILLS
from clary.features.chat.payloads.overrides import StreamRequest
from clary.features.chat.payloads.revising import EditRequest, RerunRequest
from clary.features.chat.service import ChatService
from clary.features.chat.starting import OpenedView, Take
from clary.features.conversations.errors import SessionNotFoundError
from clary.features.conversations.service import (
    ConversationRow,
    ConversationService,
    MessageReader,
    MessageRow,
    NewMessage,
    set_title_from,
    text_of,
)
from clary.features.interventions.errors import ContentEmptyError
from clary.features.interventions.service import Interventions
from clary.features.permissions.service import Identity
from clary.features.runs.errors import SessionReleasingError
from clary.features.runs.service import RunRepository
from clary.http.content import has_content, has_known_images, plain_content
from clary.http.problems import ValidationFailedError
from clary.kit.clock import Clock
from clary.kit.text import Text

ATTEMPTS = 5
Json = dict[str, Any]

_IMAGE = Text("content: 图片地址不被接受", "content: this image address is not accepted")


class RevisingService:
    """Reruns and edits. What is taken back is archived, never lost before its conversation is deleted."""

    def __init__(
        self,
        *,
        database: Database,
        chat: ChatService,
        conversations: ConversationService,
        interventions: Interventions,
        images: ImageFiles,
        clock: Clock,
    ) -> None:
        self._database = database
        self._chat = chat
        self._conversations = conversations
        self._interventions = interventions
        self._images = images
        self._clock = clock

    async def rerun(
        self, *, identity: Identity, session_id: str, request: RerunRequest, idempotency_key: str | None
    ) -> OpenedView:
        """Answers the last user message again, or goes on with new words; replaces an active run.

        Raises:
            SessionNotFoundError, NothingToAnswerError, and the refusals of stream-runtime.md 2.
        """
        async with self._database.read() as db:
            # Also before the request is made of it: the id of a child may be longer than one a client may choose.
            require_no_child(await self._own(db, identity, session_id))
        start = request.as_start(session_id)
        take = self._taking_guidance(start, request.guidance_id) if start.messages else self._take_again
        return await self._chat.start(
            identity=identity, request=start, endpoint="rerun", idempotency_key=idempotency_key, take=take
        )

    async def edit(self, *, identity: Identity, session_id: str, request: EditRequest) -> Json:
        """Gives the last user message other content and archives what follows; starts nothing.

        Takes no transaction of the caller: none may be open while a run is waited for.

        Raises:
            SessionNotFoundError, UserMessageMissingError, ContentEmptyError, ValidationFailedError
            SessionReleasingError: an active run does not end, or runs are started again and again.
        """
        content, tags = untagged(plain_content(request.content))
        async with self._chat.session_lock(identity, session_id):
            message_id = await self._edit(identity, session_id, request, content, tags.skills)
        data = await self._conversations.read_history(identity=identity, session_id=session_id)
        edited = next((each for each in data["messages"] if each["message_id"] == message_id), None)
        return {
            "session_id": session_id,
            "title": data["conversation_info"]["title"],
            "message_count": data["message_count"],
            "last_user_message": edited,
        }

    async def _edit(
        self, identity: Identity, session_id: str, request: EditRequest, content: Any, skills: Sequence[str]
    ) -> str:
        for _ in range(ATTEMPTS):
            async with self._database.write() as db:
                conversation = await self._own(db, identity, session_id)
                require_no_child(conversation)
                last = await MessageReader(db).find_last_user(conversation.conversation_id)
                if last is None:
                    raise UserMessageMissingError
                if not has_content(content):
                    raise ContentEmptyError
                if not has_known_images(request.content):
                    raise ValidationFailedError(_IMAGE.render())
                active = await RunRepository(db).find_active(conversation.conversation_id)
                if active is None:
                    await self._archive(db, conversation, last)
                    kept = await self._images.keep_content(db, conversation, content)
                    self._change(conversation, last, kept, skills)
            if active is None:
                return last.message_id
            await self._chat.replace(active.run_id)
        raise SessionReleasingError

    def _change(self, conversation: ConversationRow, last: MessageRow, content: Any, skills: Sequence[str]) -> None:
        last.content, last.folded = content, text_of(content).casefold()
        # The skills that the words loaded go with them; of what is named now, the next run takes what it has (3.4).
        details = {key: value for key, value in last.details.items() if key != TAGGED_SKILLS}
        last.details = {**details, TAGGED_SKILLS: list(dict.fromkeys(skills))} if skills else details
        last.updated_at = round(self._clock.epoch(), 3)
        conversation.updated_at = self._clock.now()
        if conversation.title_message_id == last.message_id:
            set_title_from(conversation, NewMessage(last.message_id, "user", last.type, content, last.timestamp))

    async def _own(self, db: Session, identity: Identity, session_id: str) -> ConversationRow:
        found = await self._conversations.find_own(db, session_id=session_id, user_id=identity.user_id)
        if found is None:
            raise SessionNotFoundError(session_id)
        return found

    async def _archive(self, db: Session, conversation: ConversationRow, last: MessageRow) -> None:
        run_ids = await MessageReader(db).archive_after(conversation, last)
        await RunRepository(db).archive(run_ids)

    async def _take_again(self, db: Session, conversation: ConversationRow | None, run_id: str) -> Intake:
        """What a rerun answers: the last user message, which belongs to its run from now on."""
        last = None
        if conversation is not None:
            last = await MessageReader(db).find_last_user(conversation.conversation_id)
        if conversation is None or last is None:
            raise NothingToAnswerError
        await self._archive(db, conversation, last)
        last.run_id = run_id
        return Intake(ControlTags(), (), (), frozenset(), text_of(last.content)[:500])

    def _taking_guidance(self, start: StreamRequest, guidance_id: str | None) -> Take:
        async def take(db: Session, conversation: ConversationRow | None, run_id: str) -> Intake:
            if conversation is None:
                raise SessionNotFoundError(start.session_id or "")
            if guidance_id is not None:
                await self._interventions.use_up(
                    db, conversation_id=conversation.conversation_id, guidance_id=guidance_id
                )
            return read_messages(start.messages, now=self._clock.epoch())

        return take
