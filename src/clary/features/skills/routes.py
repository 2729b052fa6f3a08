"""`/api/skills` (product.md 7.3)."""

from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from clary.features.permissions.guards import CurrentUser
from clary.features.skills.guards import Chosen, Imports, Skills, Sync
from clary.features.skills.importing import Destination
from clary.features.skills.payloads import (
    AvailableList,
    ContentAnswer,
    ContentRequest,
    CopyRequest,
    DecisionAnswer,
    DecisionRequest,
    ImportAnswer,
    ImportRequest,
    RefreshRequest,
    ReportAnswer,
    SkillList,
    UrlImportAnswer,
    WorkspaceRequest,
)
from clary.http.access import MIB, UPLOAD_BYTES, needs
from clary.http.conditional import Version
from clary.http.either_body import json_or_form
from clary.http.envelope import Envelope, answer, said
from clary.http.file_answer import answer_file
from clary.http.multipart import FormReader, form_of
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork
from clary.kit.file_names import disposition

router = slice_router("/api/skills", "skill")

Json = dict[str, Any]
FILE = {"type": "string", "format": "binary", "required": True}
FILES = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": 20, "required": True}
TEXT, SWITCH = {"type": "string"}, {"type": "boolean"}
PLACE = {"is_system": SWITCH, "is_agent": SWITCH, "agent_id": TEXT, "subpath": TEXT}
TAKES_FILES = needs("write", max_bytes=UPLOAD_BYTES, takes_multipart=True)
KEPT_PRIVATE = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}


@router.get("", summary="List skills", openapi_extra=needs("read"))
async def list_skills(user: CurrentUser, skills: Skills, chosen: Chosen, db: ReadUnit) -> Envelope[SkillList]:
    """System, own, and those of agents, each by name."""
    found = await skills.list_skills(db, identity=user, wanted=chosen.of(""))
    return answer(SkillList.model_validate({"skills": found}), said("获取技能列表成功"))


@router.get("/agent-available", summary="Skills an agent can use", openapi_extra=needs("read"))
async def list_available(agent_id: str, user: CurrentUser, sync: Sync, db: ReadUnit) -> Envelope[AvailableList]:
    """Approved ones, one of each name. Refusals: E-AGENT."""
    found = await sync.list_available(db, identity=user, agent_id=agent_id)
    return answer(AvailableList.model_validate({"skills": found}))


@router.post(
    "/upload", summary="Import a skill from a ZIP file", openapi_extra=TAKES_FILES | form_of(file=FILE, **PLACE)
)
async def upload(request: Request, user: CurrentUser, imports: Imports) -> Envelope[ImportAnswer]:
    """Scanned before it is installed. Refusals: 7.4, E-SKILL-EDIT, E-AGENT, E-AGENT-EDIT."""
    found = await imports.upload(identity=user, form=FormReader(request))
    return answer(ImportAnswer.model_validate(found), said(f"技能 '{found['name']}' 导入成功"))


@router.post(
    "/upload-batch", summary="Import several skills", openapi_extra=TAKES_FILES | form_of(files=FILES, **PLACE)
)
async def upload_batch(request: Request, user: CurrentUser, imports: Imports) -> Envelope[Json]:
    """Each file by itself; what is refused does not stop the others."""
    return answer(await imports.upload_batch(identity=user, form=FormReader(request)))


@router.post("/import-url", summary="Import a skill from an address", openapi_extra=needs("write"))
async def import_url(body: ImportRequest, user: CurrentUser, imports: Imports) -> Envelope[UrlImportAnswer]:
    """ZIP or tar.gz; folders shown by GitHub as well. Refusals: as upload, E-URL, `download_failed`."""
    destination = Destination(body.is_system, body.is_agent, body.agent_id, body.subpath)
    found = await imports.import_url(identity=user, url=body.url, destination=destination)
    return answer(UrlImportAnswer.model_validate(found), said(f"技能 '{found['name']}' 导入成功"))


@router.delete("", summary="Delete a skill", openapi_extra=needs("write"))
async def delete_skill(name: str, user: CurrentUser, skills: Skills, chosen: Chosen, db: UnitOfWork) -> Envelope[Json]:
    """With an agent only that agent's. Refusals: E-SKILL, E-SKILL-EDIT."""
    deleted = await skills.delete(db, identity=user, wanted=chosen.of(name))
    return answer(Json(), said(f"技能 '{deleted}' 删除成功"))


@router.get("/content", summary="Read a skill", openapi_extra=needs("read"))
async def read_content(
    name: str, user: CurrentUser, skills: Skills, chosen: Chosen, db: ReadUnit
) -> Envelope[ContentAnswer]:
    """The whole `SKILL.md` of the version in use, or of the newest. Refusals: E-SKILL."""
    found = await skills.read_content(db, identity=user, wanted=chosen.of(name))
    return answer(ContentAnswer.model_validate(found))


@router.put("/content", summary="Change a skill", openapi_extra=needs("write", max_bytes=2 * MIB))
async def edit_content(body: ContentRequest, user: CurrentUser, imports: Imports, chosen: Chosen) -> Envelope[Json]:
    """A new version, scanned like any other. Refusals: E-SKILL, E-SKILL-EDIT, 7.4, `version_conflict`."""
    await imports.edit(identity=user, wanted=chosen.of(body.name), content=body.content, if_hash=body.if_hash)
    return answer(Json(), said("技能更新成功"))


@router.get("/report", summary="What the scan found", openapi_extra=needs("read"))
async def read_report(
    name: str,
    user: CurrentUser,
    skills: Skills,
    chosen: Chosen,
    db: ReadUnit,
    version_hash: Annotated[str | None, Query(alias="hash")] = None,
) -> Envelope[ReportAnswer]:
    """Of the version that waits, else of the one in use, or of the one named. Refusals: E-SKILL."""
    found = await skills.report(db, identity=user, wanted=chosen.of(name), version_hash=version_hash)
    return answer(ReportAnswer.model_validate(found))


@router.post("/approve", summary="Let a version in", openapi_extra=needs("write"))
async def approve(
    body: DecisionRequest, user: CurrentUser, skills: Skills, chosen: Chosen, db: UnitOfWork
) -> Envelope[DecisionAnswer]:
    """Names the hash that waits. Refusals: E-SKILL, `version_conflict`, `approval_forbidden`."""
    wanted = chosen.of(body.name, dimension=body.dimension, agent_id=body.agent_id)
    found = await skills.decide(db, identity=user, wanted=wanted, version_hash=body.hash, lets_in=True)
    return answer(DecisionAnswer.model_validate(found))


@router.post("/reject", summary="Refuse a version", openapi_extra=needs("write"))
async def reject(
    body: DecisionRequest, user: CurrentUser, skills: Skills, chosen: Chosen, db: UnitOfWork
) -> Envelope[DecisionAnswer]:
    """It is kept, and never offered. Refusals: E-SKILL, `version_conflict`."""
    wanted = chosen.of(body.name, dimension=body.dimension, agent_id=body.agent_id)
    found = await skills.decide(db, identity=user, wanted=wanted, version_hash=body.hash, lets_in=False)
    return answer(DecisionAnswer.model_validate(found))


@router.get("/download", summary="Download a skill", openapi_extra=needs("read", answers="file"))
async def download(
    name: str, request: Request, user: CurrentUser, skills: Skills, chosen: Chosen, db: ReadUnit
) -> Response:
    """The folder as a ZIP, always the same bytes for one version. Refusals: E-SKILL."""
    found = await skills.pack(db, identity=user, wanted=chosen.of(name))
    size = found.content.seek(0, 2)
    version = Version(size, found.modified, f'"{found.hash}"')
    headers = {"Content-Disposition": disposition(f"{found.name}.zip"), **KEPT_PRIVATE}
    return answer_file(found.content, version, asked=request.headers, headers=headers, media_type="application/zip")


@router.post(
    "/sync-to-agent",
    summary="Copy a skill into an agent",
    openapi_extra=needs("write", takes_multipart=True, takes_json=True, takes_fields=True)
    | form_of(skill_name={**TEXT, "required": True}, agent_id={**TEXT, "required": True}),
)
async def sync_to_agent(request: Request, user: CurrentUser, sync: Sync, db: UnitOfWork) -> Envelope[Json]:
    """A form or JSON; the version keeps its hash and approval. Refusals: E-AGENT, E-AGENT-EDIT, E-SKILL."""
    body = await json_or_form(request, CopyRequest)
    return answer(await sync.copy_to_agent(db, identity=user, name=body.skill_name, agent_id=body.agent_id))


@router.post("/sync-to-agent-workspaces", summary="Refresh all workspaces of an agent", openapi_extra=needs("write"))
async def sync_to_workspaces(body: RefreshRequest, user: CurrentUser, sync: Sync) -> Envelope[Json]:
    """Copies of the agent's skills, or of those named. Refusals: E-AGENT, E-AGENT-EDIT, E-SKILL."""
    return answer(await sync.refresh_all(identity=user, agent_id=body.agent_id, names=body.skill_names))


@router.post("/sync-workspace-skills", summary="Refresh one workspace", openapi_extra=needs("write"))
async def sync_workspace(body: WorkspaceRequest, user: CurrentUser, sync: Sync) -> Envelope[dict[str, list[str]]]:
    """The caller's own; an admin may name somebody. Refusals: E-AGENT."""
    found = await sync.refresh_one(
        identity=user, agent_id=body.agent_id, user_id=body.user_id, purge_extra=body.purge_extra
    )
    return answer(found)
