"""`/api/agent` (product.md 3.2)."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, NoReturn

from fastapi import Header, Query, Request

from clary.features.agents.guards import Abilities, Agents, Generation, Sharing, Tasks, Versions
from clary.features.agents.payloads import (
    AbilitiesRequest,
    AbilitiesResponse,
    AgentRequest,
    AgentResponse,
    DeletedAgent,
    DraftRequest,
    DraftResponse,
    OptimizeRequest,
    OptimizeResponse,
    PromptTemplate,
    SavedAgent,
    SharingRequest,
    TaskResponse,
    VersionPage,
    VersionResponse,
)
from clary.features.agents.policy import FIXED_WORDS
from clary.features.agents.service import Author, ListScope
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs, public
from clary.http.envelope import Envelope, answer, said
from clary.http.leaving import unless_gone
from clary.http.paging import PageOf20
from clary.http.problems import MethodNotAllowedError
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork
from clary.runtime.prompts import persona, prompt_language

router = slice_router("/api/agent", "agent")


@router.get("/list", summary="List agents", openapi_extra=needs("read"))
async def list_agents(
    user: CurrentUser, agents: Agents, db: ReadUnit, scope: Annotated[ListScope, Query()] = "all"
) -> Envelope[list[AgentResponse]]:
    """Own and granted agents, for an admin all of them; sorted by name, then id."""
    listed = await agents.list_agents(db, identity=user, scope=scope)
    return answer(listed, said(f"成功获取 {len(listed)} 个Agent"))


@router.get("/template/default_system_prompt", summary="Default system prompt", openapi_extra=needs("read"))
async def read_default_prompt(
    user: CurrentUser, language: Annotated[str | None, Query(max_length=64)] = None
) -> Envelope[PromptTemplate]:
    """The built-in persona in zh, en or pt; longer tags by their beginning, anything else is Chinese."""
    return answer(PromptTemplate(content=persona(prompt_language(language))))


@router.post("/create", summary="Create an agent", openapi_extra=needs("write"))
async def create_agent(body: AgentRequest, user: CurrentUser, agents: Agents, db: UnitOfWork) -> Envelope[SavedAgent]:
    """Refusals: E-AGENT-NAME, E-PROVIDER, E-QUOTA."""
    saved = await agents.create(db, identity=user, wanted=body)
    return answer(saved, said(f"Agent '{saved.id}' 创建成功"))


@router.post("/auto-generate", summary="Draft an agent", openapi_extra=needs("write"))
async def draft_agent(
    body: DraftRequest, request: Request, user: CurrentUser, generation: Generation
) -> Envelope[DraftResponse]:
    """A model's draft for a description; nothing is saved. Refusals: E-PROVIDER, E-MODEL."""
    return answer(await unless_gone(request, generation.draft(author=Author.of(user), wanted=body)))


@router.post("/system-prompt/optimize", summary="Optimize instructions", openapi_extra=needs("write"))
async def optimize_prompt(
    body: OptimizeRequest, request: Request, user: CurrentUser, generation: Generation
) -> Envelope[OptimizeResponse]:
    """Better instructions, written by a model. Refusals: E-PROVIDER, E-MODEL."""
    return answer(await unless_gone(request, generation.optimize(author=Author.of(user), wanted=body)))


@router.post("/abilities", summary="What an agent can do", openapi_extra=needs("chat"))
async def suggest_abilities(
    body: AbilitiesRequest, request: Request, user: CurrentUser, abilities: Abilities
) -> Envelope[AbilitiesResponse]:
    """Suggestions of what to ask it, written by a model. Refusals: E-AGENT, E-PROVIDER, E-MODEL."""
    return answer(await unless_gone(request, abilities.suggest(identity=user, wanted=body)))


@router.post("/auto-generate/submit", summary="Draft an agent in the background", openapi_extra=needs("write"))
async def submit_draft(body: DraftRequest, user: CurrentUser, tasks: Tasks, db: UnitOfWork) -> Envelope[TaskResponse]:
    """Refusals: E-PROVIDER; more than five open tasks: E-LIMIT."""
    return answer(await tasks.submit(db, identity=user, wanted=body))


@router.post(
    "/system-prompt/optimize/submit", summary="Optimize instructions in the background", openapi_extra=needs("write")
)
async def submit_optimization(
    body: OptimizeRequest, user: CurrentUser, tasks: Tasks, db: UnitOfWork
) -> Envelope[TaskResponse]:
    """Refusals: E-PROVIDER; more than five open tasks: E-LIMIT."""
    return answer(await tasks.submit(db, identity=user, wanted=body))


@router.get("/tasks/{task_id}", summary="Read a task", openapi_extra=needs("read"))
async def read_task(task_id: str, user: CurrentUser, tasks: Tasks, db: ReadUnit) -> Envelope[TaskResponse]:
    """A task of the caller; E-TASK for everybody else."""
    return answer(await tasks.get_task(db, identity=user, task_id=task_id))


@router.post("/tasks/{task_id}/cancel", summary="Call a task off", openapi_extra=needs("write"))
async def cancel_task(task_id: str, user: CurrentUser, tasks: Tasks, db: UnitOfWork) -> Envelope[TaskResponse]:
    """Harmless when repeated; a task that ended stays as it ended. Refusal: E-TASK."""
    return answer(await tasks.cancel(db, identity=user, task_id=task_id))


def _refusing(allowed: str) -> Callable[[], Coroutine[Any, Any, NoReturn]]:
    async def refuse() -> NoReturn:
        raise MethodNotAllowedError(headers={"Allow": allowed})

    return refuse


# Before `/{agent_id}`, so that no fixed word is ever taken for an id.
for _word in FIXED_WORDS:
    router.add_api_route(
        f"/{_word}",
        _refusing({"list": "GET", **dict.fromkeys(("create", "auto-generate", "abilities"), "POST")}.get(_word, "")),
        methods=["GET", "PUT", "DELETE"],
        openapi_extra=public(),
        include_in_schema=False,
        response_model=None,
    )


@router.get("/{agent_id}", summary="Read an agent", openapi_extra=needs("read"))
async def read_agent(agent_id: str, user: CurrentUser, agents: Agents, db: ReadUnit) -> Envelope[AgentResponse]:
    """Owner, granted people and admins; E-AGENT for everybody else."""
    return answer(await agents.get_agent(db, identity=user, agent_id=agent_id), said(f"获取Agent '{agent_id}' 成功"))


@router.put("/{agent_id}", summary="Change an agent", openapi_extra=needs("write"))
async def update_agent(
    agent_id: str,
    body: AgentRequest,
    user: CurrentUser,
    agents: Agents,
    db: UnitOfWork,
    if_match: Annotated[str | None, Header()] = None,
) -> Envelope[SavedAgent]:
    """Refusals: E-AGENT, E-AGENT-EDIT, E-AGENT-STALE, E-AGENT-NAME, E-PROVIDER."""
    saved = await agents.update(db, identity=user, agent_id=agent_id, wanted=body, if_match=if_match)
    return answer(saved, said(f"Agent '{saved.id}' 更新成功"))


@router.delete("/{agent_id}", summary="Delete an agent", openapi_extra=needs("write"))
async def delete_agent(agent_id: str, user: CurrentUser, agents: Agents, db: UnitOfWork) -> Envelope[DeletedAgent]:
    """Refusals: E-AGENT, E-AGENT-EDIT."""
    deleted = await agents.delete(db, identity=user, agent_id=agent_id)
    return answer(deleted, said(f"Agent '{agent_id}' 删除成功"))


@router.get("/{agent_id}/auth", summary="Who may use an agent", openapi_extra=needs("read"), response_model=None)
async def read_grants(
    agent_id: str, user: CurrentUser, sharing: Sharing, db: UnitOfWork, detail: bool = False
) -> Envelope[Any]:
    """Ids of people in the order granted; with `detail` the groups and when it was by whom as well."""
    if detail:
        return answer(await sharing.describe(db, identity=user, agent_id=agent_id))
    return answer(await sharing.list_users(db, identity=user, agent_id=agent_id))


@router.post("/{agent_id}/auth", summary="Say who may use an agent", openapi_extra=needs("write"))
async def replace_grants(
    agent_id: str, body: SharingRequest, user: CurrentUser, sharing: Sharing, db: UnitOfWork
) -> Envelope[dict[str, Any]]:
    """Replaces the people and, if they are named, the groups."""
    await sharing.replace(db, identity=user, agent_id=agent_id, user_ids=body.user_ids, group_ids=body.group_ids)
    return answer({})


@router.get("/{agent_id}/versions", summary="List versions of an agent", openapi_extra=needs("read"))
async def list_versions(
    agent_id: str, page: PageOf20, user: CurrentUser, versions: Versions, db: ReadUnit
) -> Envelope[VersionPage]:
    """Owner and admins; newest first. Refusals: E-AGENT, E-AGENT-EDIT."""
    return answer(await versions.list_versions(db, identity=user, agent_id=agent_id, page=page))


@router.get("/{agent_id}/versions/{version}", summary="Read a version of an agent", openapi_extra=needs("read"))
async def read_version(
    agent_id: str, version: str, user: CurrentUser, versions: Versions, db: ReadUnit
) -> Envelope[VersionResponse]:
    """Refusals: E-AGENT, E-AGENT-EDIT, `version_not_found`."""
    return answer(await versions.get_version(db, identity=user, agent_id=agent_id, version=version))


@router.post(
    "/{agent_id}/versions/{version}/restore", summary="Restore a version of an agent", openapi_extra=needs("write")
)
async def restore_version(
    agent_id: str, version: str, user: CurrentUser, versions: Versions, db: UnitOfWork
) -> Envelope[SavedAgent]:
    """Saves it as a new version. Refusals: `version_not_found`, and as a change."""
    return answer(await versions.restore(db, identity=user, agent_id=agent_id, version=version))
