"""The HTTP front door: builds the application from the services that `wiring` made."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from clary import __version__
from clary.errors import ProblemError
from clary.features.accounts import routes as account_routes
from clary.features.agents import routes as agent_routes
from clary.features.api_keys import routes as key_routes
from clary.features.audit import routes as audit_routes
from clary.features.chat import routes as chat_routes
from clary.features.conversations import routes as conversation_routes
from clary.features.files import routes as file_routes
from clary.features.groups import routes as group_routes
from clary.features.interventions import routes as intervention_routes
from clary.features.knowledge import routes as knowledge_routes
from clary.features.llm_providers import routes as provider_routes
from clary.features.mcp_servers import routes as mcp_routes
from clary.features.memory import routes as memory_routes
from clary.features.oauth2 import routes as oauth_routes
from clary.features.observability import routes as observability_routes
from clary.features.permissions import routes as permission_routes
from clary.features.permissions.service import table_of, terms_of
from clary.features.releases import routes as release_routes
from clary.features.runs import routes as run_routes
from clary.features.schedules import routes as schedule_routes
from clary.features.skills import routes as skill_routes
from clary.features.system import routes as system_routes
from clary.features.toolbox import routes as tool_routes
from clary.features.upstream_login import routes as upstream_routes
from clary.features.usage import routes as usage_routes
from clary.features.workspaces import routes as workspace_routes
from clary.http.access import access_of
from clary.http.console import Console
from clary.http.middleware import Edge
from clary.http.reference import mount_reference
from clary.http.rendering import render_framework_error, render_gone, render_problem, render_unforeseen
from clary.http.routing import Gate
from clary.settings import Settings
from clary.wiring import Services, build_services

PERMISSION_PAGE = """# Who may call what

Made by `clary permissions matrix` from the routes and the permission rule; a test holds the server to it.
Objects belong to "owner", are granted to "granted user", and to a group of "group member"; for groups themselves
"owner" stands for a manager. The narrow key is the owner's, with scope `read` alone, the narrow token the owner's with
`openid` alone. `unknown`: as if the object did not exist. `yes`: the rule lets the call through; what it says may
still be refused. The object is the one that the path names; ids in queries and bodies follow the same rule and are
tried one by one.

"""


def routers() -> list[APIRouter]:
    """The routes of every slice."""
    return [
        system_routes.router,
        account_routes.router,
        upstream_routes.router,
        group_routes.router,
        audit_routes.router,
        key_routes.router,
        permission_routes.router,
        oauth_routes.router,
        oauth_routes.protocol_router,
        provider_routes.router,
        mcp_routes.router,
        agent_routes.router,
        usage_routes.router,
        file_routes.router,
        release_routes.router,
        usage_routes.reports_router,
        workspace_routes.router,
        memory_routes.router,
        skill_routes.router,
        *knowledge_routes.routers,
        conversation_routes.router,
        chat_routes.router,
        intervention_routes.router,
        run_routes.router,
        tool_routes.router,
        *schedule_routes.routers,
        observability_routes.router,
        observability_routes.gate_router,
    ]


def create_api(services: Services) -> FastAPI:
    """The FastAPI application: routes, gate and problem rendering; its lifespan starts and stops the services."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        await services.start()
        try:
            yield
        finally:
            await services.stop()

    api = FastAPI(
        title="Clary",
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url="/openapi.json" if services.settings.api_docs else None,
        docs_url=None,
        redoc_url=None,
    )
    services.publish(api.state)
    api.state.gate = Gate(services.authenticator, services.csrf)
    for router in routers():
        # As they are: included ones are built a second time, each at its first request.
        api.router.routes.extend(router.routes)
    if services.settings.api_docs:
        mount_reference(api)
    api.add_exception_handler(ProblemError, render_problem)
    api.add_exception_handler(RequestValidationError, render_framework_error)
    api.add_exception_handler(HTTPException, render_framework_error)
    api.add_exception_handler(ClientDisconnect, render_gone)
    api.add_exception_handler(Exception, render_unforeseen)
    return api


def permission_table() -> str:
    """Every route × kind of caller × outcome, from what the routes say about themselves (platform.md 7.4)."""
    routes = [route for router in routers() for route in router.routes if isinstance(route, APIRoute)]
    return PERMISSION_PAGE + table_of(
        terms_of(method, route.path, scope=access.scope, is_interactive=access.interactive, any_token=access.any_token)
        for route in routes
        if route.include_in_schema
        for access in [access_of(route.openapi_extra, route.path)]
        for method in sorted((route.methods or set()) - {"HEAD"})
    )


def create_app(settings: Settings, services: Services | None = None) -> ASGIApp:
    """The whole application, edge included."""
    services = services or build_services(settings)
    inner: ASGIApp = create_api(services)
    if settings.console:
        inner = Console(inner, console_folders())
    return Edge(inner, services.edge_rules)


def console_folders() -> list[Path]:
    """Where built console files may lie: inside the wheel, or beside `src` in a source tree."""
    package = Path(__file__).resolve().parent
    return [package / "console", package.parents[1] / "console" / "dist"]
