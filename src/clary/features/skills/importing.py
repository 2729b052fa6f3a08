"""Use cases import and edit: what comes in is unpacked aside, scanned, and installed whole or not at all (7.4)."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from clary.db.database import Database
from clary.db.session import Session
from clary.errors import ProblemError
from clary.features.permissions.service import Identity
from clary.features.skills.describing import findings_as_wire
from clary.features.skills.drafts import Draft, draft_from_archive, draft_from_edit
from clary.features.skills.errors import (
    BAD_EDIT,
    AgentIdMissingError,
    ArchiveTypeError,
    DownloadFailedError,
    SkillInvalidError,
    SkillRenamedError,
    SkillStaleError,
    SkillTooLargeError,
)
from clary.features.skills.installing import Installed, SkillInstaller, SkillLimits, Source
from clary.features.skills.policy.addresses import archive_address, shown_address
from clary.features.skills.policy.front_matter import FrontMatterError, parse_skill
from clary.features.skills.ports import (
    DownloadBlockedError,
    DownloadError,
    Downloads,
    DownloadTooLargeError,
)
from clary.features.skills.repository import SkillRepository
from clary.features.skills.selecting import Found, SkillSelector, Wanted
from clary.features.skills.store import SkillStore
from clary.features.skills.tables import SkillVersionRow
from clary.http.multipart import FormPart, FormReader
from clary.http.problems import OutboundRefusedError, RoleMissingError, ValidationFailedError
from clary.kit.file_names import clean_name
from clary.kit.text import Text

MAX_FILES: Final = 20
_MIB: Final = 1024 * 1024
_ARCHIVE: Final = "archive"
_AT_ONCE: Final = 2
_MISSING: Final = Text("缺少必填字段", "field required")
_TOO_MANY: Final = Text("最多 20 个文件", "at most 20 files")
_NO_SWITCH: Final = Text("应为布尔值", "a boolean is needed")
_SWITCHES: Final = {"true": True, "1": True, "false": False, "0": False, "yes": True, "no": False}
_SUCCESS: Final = Text("技能 '{name}' 导入成功", "success")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request wants its skills: `is_agent` wins over `is_system`; neither: the caller's own."""

    is_system: bool = False
    is_agent: bool = False
    agent_id: str | None = None
    subpath: str | None = None

    def require_agent_id(self) -> str | None:
        """The agent the skills are for; None: they are for no agent.

        Raises:
            AgentIdMissingError
        """
        if self.is_agent and not self.agent_id:
            raise AgentIdMissingError
        return self.agent_id if self.is_agent else None


class _File(NamedTuple):
    """A file of the form: where it lies, or why it was not taken."""

    filename: str
    scratch: Path
    problem: ProblemError | None


@dataclass(slots=True)
class _Form:
    files: list[_File] = field(default_factory=list[_File])
    fields: dict[str, str | None] = field(default_factory=dict[str, "str | None"])

    def destination(self) -> Destination:
        return Destination(
            _switch("is_system", self.fields.get("is_system")),
            _switch("is_agent", self.fields.get("is_agent")),
            self.fields.get("agent_id"),
            self.fields.get("subpath"),
        )


class SkillImports:
    """Brings skills in. Two at a time: unpacking and scanning take the processor."""

    def __init__(
        self,
        *,
        database: Database,
        store: SkillStore,
        selector: SkillSelector,
        installer: SkillInstaller,
        downloads: Downloads,
        limits: SkillLimits,
        takes_urls: bool,
    ) -> None:
        self._database = database
        self._store = store
        self._selector = selector
        self._installer = installer
        self._downloads = downloads
        self._limits = limits
        self._takes_urls = takes_urls
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def upload(self, *, identity: Identity, form: FormReader) -> Json:
        """Installs the one file of a form.

        Raises:
            ProblemError: the refusals of 7.4, E-SKILL-EDIT, E-AGENT, E-AGENT-EDIT, or 422.
        """
        async with self._received(form, "file") as received:
            await self._require_place(identity, received.destination())
            if len(received.files) != 1:
                raise _invalid("file", _MISSING if not received.files else _TOO_MANY)
            return await self._install_file(identity, received.files[0], received.destination())

    async def upload_batch(self, *, identity: Identity, form: FormReader) -> Json:
        """Installs each file of a form by itself; one that is refused does not stop the others.

        Raises:
            ProblemError: E-SKILL-EDIT, E-AGENT, E-AGENT-EDIT, or 422.
        """
        async with self._received(form, "files") as received:
            destination = received.destination()
            await self._require_place(identity, destination)
            if not received.files:
                raise _invalid("files", _MISSING)
            results = [await self._result(identity, each, destination) for each in received.files]
        succeeded = sum(each["success"] for each in results)
        return {
            "results": results,
            "success_count": succeeded,
            "failed_count": len(results) - succeeded,
            "user_id": identity.user_id,
        }

    async def import_url(self, *, identity: Identity, url: str, destination: Destination) -> Json:
        """Downloads an archive and installs it.

        Raises:
            ProblemError: the refusals of 7.4, E-URL, E-SKILL-EDIT, E-AGENT, E-AGENT-EDIT, `forbidden`.
        """
        if not self._takes_urls:
            raise RoleMissingError
        await self._require_place(identity, destination)
        address = archive_address(url)
        async with self._scratch() as scratch:
            await self._download(address.url, scratch / _ARCHIVE)
            subpath = destination.subpath or address.subpath
            draft = await self._draft(draft_from_archive, scratch / _ARCHIVE, scratch, subpath=subpath, takes_tar=True)
            shown = shown_address(url)
            installed = await self._install(identity, draft, destination, "url", shown)
        return {**_answer(identity, installed, draft, destination), "source_url": shown}

    async def edit(self, *, identity: Identity, wanted: Wanted, content: str, if_hash: str | None) -> None:
        """Makes a version whose `SKILL.md` is another; it is scanned like any other.

        Raises:
            SkillNotFoundError, SkillForbiddenError, SkillStaleError, SkillInvalidError, SkillRenamedError
        """
        async with self._database.read() as db:
            found, base = await self._base(db, identity, wanted)
        if if_hash is not None and if_hash != base.hash:
            raise SkillStaleError
        _require_same_name(base, content)
        async with self._scratch() as scratch:
            if not await asyncio.to_thread(self._store.is_intact, base.hash):
                raise SkillStaleError
            draft = await self._draft(draft_from_edit, self._store, base.hash, content.encode(), scratch)
            await asyncio.to_thread(self._store.place, draft.folder, draft.hash)
            async with self._database.write() as db:
                again, now = await self._base(db, identity, wanted)
                await self._selector.lock(db, again)
                if now.hash != base.hash or again.row.id != found.row.id:
                    raise SkillStaleError
                await self._installer.install(db, identity=identity, place=again.place, draft=draft, source="edit")

    async def _base(self, db: Session, identity: Identity, wanted: Wanted) -> tuple[Found, SkillVersionRow]:
        found = await self._selector.get_changeable(db, identity=identity, wanted=wanted)
        base = await SkillRepository(db).find_version(found.row.id, found.row.approved_hash or found.row.newest_hash)
        if base is None:
            raise SkillStaleError
        return found, base

    async def _require_place(self, identity: Identity, destination: Destination) -> None:
        """Says no before anything is unpacked."""
        agent_id = destination.require_agent_id()
        async with self._database.read() as db:
            await self._selector.place_for_import(
                db, identity=identity, is_system=destination.is_system, agent_id=agent_id
            )

    async def _install(
        self, identity: Identity, draft: Draft, destination: Destination, source: Source, source_url: str | None = None
    ) -> Installed:
        await asyncio.to_thread(self._store.place, draft.folder, draft.hash)
        async with self._database.write() as db:
            place = await self._selector.place_for_import(
                db, identity=identity, is_system=destination.is_system, agent_id=destination.require_agent_id()
            )
            return await self._installer.install(
                db, identity=identity, place=place, draft=draft, source=source, source_url=source_url
            )

    async def _install_file(self, identity: Identity, file: _File, destination: Destination) -> Json:
        if file.problem is not None:
            raise file.problem
        archive = file.scratch / _ARCHIVE
        subpath = destination.subpath
        draft = await self._draft(draft_from_archive, archive, file.scratch, subpath=subpath, takes_tar=False)
        installed = await self._install(identity, draft, destination, "upload")
        return _answer(identity, installed, draft, destination)

    async def _result(self, identity: Identity, file: _File, destination: Destination) -> Json:
        try:
            answer = await self._install_file(identity, file, destination)
        except ProblemError as problem:
            return {"filename": file.filename, "success": False, "message": problem.message.render()}
        message = _SUCCESS.fill(name=answer["name"]).render()
        return {
            "filename": file.filename,
            "success": True,
            "message": message,
            "name": answer["name"],
            "state": answer["state"],
        }

    async def _draft(self, make: Callable[..., Draft], *arguments: Any, **more: Any) -> Draft:
        async with self._turns:
            return await asyncio.to_thread(make, *arguments, **more)

    async def _download(self, url: str, target: Path) -> None:
        most = self._limits.archive_max_mb * _MIB
        try:
            await self._downloads.fetch(url, target, max_bytes=most)
        except DownloadBlockedError:
            raise OutboundRefusedError from None
        except DownloadTooLargeError:
            raise SkillTooLargeError(most) from None
        except DownloadError:
            raise DownloadFailedError from None

    @asynccontextmanager
    async def _scratch(self) -> AsyncGenerator[Path]:
        scratch = await asyncio.to_thread(self._store.new_scratch)
        try:
            yield scratch
        finally:
            await asyncio.to_thread(self._store.discard, scratch)

    @asynccontextmanager
    async def _received(self, form: FormReader, name: str) -> AsyncGenerator[_Form]:
        received = _Form()
        try:
            async for part in form.parts():
                if part.name == name and part.filename:
                    if len(received.files) == MAX_FILES:
                        raise _invalid(name, _TOO_MANY)
                    received.files.append(await self._store_part(part))
                elif part.filename is None:
                    received.fields[part.name] = await part.text()
            yield received
        finally:
            for each in received.files:
                await asyncio.to_thread(self._store.discard, each.scratch)

    async def _store_part(self, part: FormPart) -> _File:
        filename = clean_name(part.filename or "")
        scratch = await asyncio.to_thread(self._store.new_scratch)
        try:
            problem = await self._write(part, filename, scratch / _ARCHIVE)
        except BaseException:
            await asyncio.to_thread(self._store.discard, scratch)
            raise
        return _File(filename, scratch, problem)

    async def _write(self, part: FormPart, filename: str, target: Path) -> ProblemError | None:
        """Streams a file to disk; returns why it is not taken. What is left of it is skipped by the reader."""
        if not filename.lower().endswith(".zip"):
            return ArchiveTypeError()
        most, size, waiting = self._limits.archive_max_mb * _MIB, 0, bytearray()
        with await asyncio.to_thread(target.open, "xb") as out:
            async for chunk in part.chunks():
                size += len(chunk)
                if size > most:
                    return SkillTooLargeError(most)
                waiting += chunk
                if len(waiting) >= _MIB:
                    await asyncio.to_thread(out.write, bytes(waiting))
                    waiting.clear()
            await asyncio.to_thread(out.write, bytes(waiting))
        return None


def _require_same_name(base: SkillVersionRow, content: str) -> None:
    try:
        name = parse_skill(content.encode()).name
    except FrontMatterError:
        raise SkillInvalidError(BAD_EDIT) from None
    if name != base.name:
        raise SkillRenamedError(base.name, name)


def _answer(identity: Identity, installed: Installed, draft: Draft, destination: Destination) -> Json:
    return {
        "user_id": "" if destination.is_system and not destination.is_agent else identity.user_id,
        "name": installed.version.name,
        "dimension": installed.row.dimension,
        "state": installed.version.state,
        "hash": draft.hash,
        "findings": findings_as_wire(draft.findings),
        "warnings": list(draft.front_matter.warnings),
    }


def _switch(name: str, text: str | None) -> bool:
    if text is None:
        return False
    if text.lower() not in _SWITCHES:
        raise _invalid(name, _NO_SWITCH)
    return _SWITCHES[text.lower()]


def _invalid(name: str, reason: Text) -> ValidationFailedError:
    entry = {"type": "value_error", "loc": ["body", name], "msg": reason.render()}
    return ValidationFailedError(f"{name}: {reason.render()}", [entry])
