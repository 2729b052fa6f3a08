"""The route class of every slice: size, identity, cross-site rule, scope, content type, JSON; then the framework.

The order is that of platform.md 1.1.
"""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.responses import Response
from starlette.routing import Match

from clary.db.database import UnavailableError
from clary.http.access import FORM_BYTES, Access, Authenticator, Caller, access_of
from clary.http.cookies import set_cookie, sets_cookie
from clary.http.csrf import SAFE_METHODS, CsrfRule
from clary.http.problems import NotSignedInError, RoleMissingError, UnsupportedMediaTypeError
from clary.http.requests import CountedRequest
from clary.kit.text import Text


class Anything(PathConvertor):
    """The rest of a path, line feeds too, so that a route can refuse them itself."""

    regex = r"[\s\S]*"


register_url_convertor("anything", Anything())


class Gate:
    """Lets a request in, or says why not."""

    def __init__(self, authenticator: Authenticator, csrf: CsrfRule) -> None:
        self._authenticator = authenticator
        self._csrf = csrf

    async def admit(self, request: CountedRequest, access: Access, *, takes_multipart: bool) -> None:
        """Identity, cross-site rule, then role and scope. Sets `request.state.identity` (None for anonymous)."""
        caller = await self._identify(request, access)
        request.state.identity = caller
        if access.scope is not None and caller is None:
            raise NotSignedInError(cast("Text | None", getattr(request.state, "identity_fault", None)))
        if request.method not in SAFE_METHODS and not access.takes_forms:
            self._refuse_cross_site(request, access, caller, takes_multipart=takes_multipart)
        if access.scope is not None and caller is not None:
            _require_rights(access, caller)

    async def _identify(self, request: CountedRequest, access: Access) -> Caller | None:
        if not access.asks_who:
            return None
        try:
            return await self._authenticator.identify(request)
        except UnavailableError:
            # What is for everybody does not fail because nobody can say who asks.
            if access.scope is not None:
                raise
            return None

    def _refuse_cross_site(
        self, request: CountedRequest, access: Access, caller: Caller | None, *, takes_multipart: bool
    ) -> None:
        by_cookie = caller is not None and caller.by_cookie
        if by_cookie or access.sets_cookie:
            self._csrf.require_same_site(request)
        if by_cookie:
            self._csrf.require_safe_body(request, has_body=request.has_body, takes_multipart=takes_multipart)


def _require_rights(access: Access, caller: Caller) -> None:
    assert access.scope is not None
    if access.scope == "admin" and not caller.is_admin:
        raise RoleMissingError
    has_scope = access.any_token or caller.has_scope(access.scope)
    if not has_scope or (access.interactive and not caller.is_interactive):
        raise RoleMissingError


class GatedRoute(APIRoute):
    """A route behind the gate."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wraps the framework's own."""
        access = access_of(self.openapi_extra, self.path)
        inner = super().get_route_handler()
        takes_json = self.body_field is not None
        optional_body = self.body_field is not None and not self.body_field.field_info.is_required()

        async def handle(request: Request) -> Response:
            counted = CountedRequest(request.scope, request.receive, access.max_bytes)
            if access.takes_fields and counted.is_form():
                counted = CountedRequest(request.scope, request.receive, FORM_BYTES)
            counted.state.access, counted.state.route = access, self.path
            counted.require_declared_size()
            gate = cast("Gate", counted.app.state.gate)
            await gate.admit(counted, access, takes_multipart=access.takes_multipart)
            counted.replace_zero_bytes()
            counted.require_clean_query()
            if access.takes_multipart and not counted.is_multipart():
                if access.takes_json and counted.is_json():
                    await counted.parse_json()
                elif not (access.takes_fields and counted.is_form()):
                    raise UnsupportedMediaTypeError
            if takes_json and (counted.has_body or not optional_body):
                if counted.has_body and not counted.is_json():
                    raise UnsupportedMediaTypeError
                await counted.parse_json()
            response = await inner(counted)
            for name, value, max_age in getattr(counted.state, "cookies_to_set", ()):
                # A route that signs in or out has the last word on its cookie.
                if not sets_cookie(response, name):
                    set_cookie(counted, response, name, value, max_age)
            return response

        return handle


def methods_of(request: Request) -> list[str]:
    """Every method that the path of a request knows, in alphabetical order (`Allow` of a 405)."""
    found: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            found |= route.methods or set()
    if "GET" in found:
        found.add("HEAD")
    return sorted(found)


def slice_router(prefix: str = "", tag: str = "") -> APIRouter:
    """A router whose routes all pass the gate."""
    return APIRouter(prefix=prefix, tags=[tag] if tag else None, route_class=GatedRoute, redirect_slashes=False)
