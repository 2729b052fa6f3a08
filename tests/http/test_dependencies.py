"""What the framework runs for each route stays on the event loop."""

import inspect
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from support.house import House


def _every(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _every(each)


def _is_async(call: object) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


async def test_no_dependency_is_sent_to_a_thread(house: House) -> None:
    checked, blocking = 0, set[str]()
    for route in iter_route_contexts(house.framework.routes):
        dependant = getattr(route.original_route, "dependant", None)
        for each in _every(dependant) if dependant is not None else ():
            checked += 1
            if each.call is not None and not _is_async(each.call):
                blocking.add(f"{route.path}: {getattr(each.call, '__qualname__', each.call)}")
    assert checked > 100
    assert blocking == set()
