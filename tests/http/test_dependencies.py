"""What the framework runs for each route stays on the event loop."""

import inspect
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from clary.asgi import routers


def _every(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _every(each)


def _is_async(call: object) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


def test_neither_a_route_nor_what_it_depends_on_is_sent_to_a_thread() -> None:
    checked, blocking = 0, set[str]()
    for route in [route for router in routers() for route in router.routes if isinstance(route, APIRoute)]:
        for each in _every(route.dependant):
            checked += 1
            if not _is_async(each.call):
                blocking.add(f"{route.path}: {getattr(each.call, '__qualname__', each.call)}")
    assert checked > 100
    assert blocking == set()
