"""`/api/tools` (product.md 6.1, 6.3)."""

from typing import Annotated, Any

from fastapi import Query, Request

from clary.features.permissions.guards import CurrentUser
from clary.features.toolbox.guards import Calls, Tools
from clary.features.toolbox.payloads import ExecuteRequest
from clary.features.toolbox.service import DirectCall
from clary.http.access import needs
from clary.http.envelope import Envelope, answer, said
from clary.http.leaving import unless_gone
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit
from clary.kit.text import current_locale
from clary.runtime.toolset import Language

router = slice_router("/api/tools", "tools")

LISTED = said("获取工具列表成功")
EXECUTED = said("工具执行成功")
LANGUAGES: dict[str, Language] = {"zh": "zh", "en": "en", "pt": "pt"}


@router.get("", summary="List tools", openapi_extra=needs("read"))
async def list_tools(
    user: CurrentUser,
    tools: Tools,
    db: ReadUnit,
    type: Annotated[str | None, Query()] = None,
    language: Annotated[str | None, Query()] = None,
) -> Envelope[dict[str, Any]]:
    """Built-in tools, then the caller's of MCP servers; `language` is that of the descriptions."""
    spoken = LANGUAGES.get(language or "") or ("en" if current_locale.get() == "en-US" else "zh")
    listed = await tools.list_tools(db, identity=user, only=type, language=spoken)
    return answer({"tools": listed}, LISTED)


@router.post("/exec", summary="Run a tool", openapi_extra=needs("write"))
async def execute_tool(body: ExecuteRequest, user: CurrentUser, calls: Calls, request: Request) -> Envelope[Any]:
    """The result of the tool; it is stopped when the caller goes away."""
    call = DirectCall(body.tool_name, body.tool_params, body.agent_id, body.session_id, body.user_id)
    return answer(await unless_gone(request, calls.execute(identity=user, call=call)), EXECUTED)
