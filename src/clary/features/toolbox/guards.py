"""The services of the slice, as types in a route's signature."""

from typing import Annotated, cast

from fastapi import Depends, Request

from clary.features.toolbox.service import DirectCalls, ToolList


async def _list(request: Request) -> ToolList:
    return cast("ToolList", request.app.state.tool_list)


async def _calls(request: Request) -> DirectCalls:
    return cast("DirectCalls", request.app.state.direct_calls)


Tools = Annotated[ToolList, Depends(_list)]
Calls = Annotated[DirectCalls, Depends(_calls)]
