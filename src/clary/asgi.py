"""The HTTP front door: builds the application from the services that `wiring` made."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
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
from clary.features.groups import routes as group_routes
from clary.features.llm_providers import routes as provider_routes
from clary.features.permissions import routes as permission_routes
from clary.features.runs import routes as run_routes
from clary.features.system import routes as system_routes
from clary.http.console import Console
from clary.http.middleware import Edge
from clary.http.reference import mount_reference
from clary.http.rendering import render_framework_error, render_gone, render_problem, render_unforeseen
from clary.http.routing import Gate
from clary.settings import Settings
from clary.wiring import Services, build_services


def routers() -> list[APIRouter]:
    """The routes of every slice."""
    return [
        system_routes.router,
        account_routes.router,
        group_routes.router,
        audit_routes.router,
        key_routes.router,
        permission_routes.router,
        provider_routes.router,
        agent_routes.router,
        conversation_routes.router,
        chat_routes.router,
        run_routes.router,
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
        api.include_router(router)
    if services.settings.api_docs:
        mount_reference(api)
    api.add_exception_handler(ProblemError, render_problem)
    api.add_exception_handler(RequestValidationError, render_framework_error)
    api.add_exception_handler(HTTPException, render_framework_error)
    api.add_exception_handler(ClientDisconnect, render_gone)
    api.add_exception_handler(Exception, render_unforeseen)
    return api


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
