"""Which routes the product has."""

from fastapi import APIRouter

from clary.features.accounts import routes as account_routes
from clary.features.agents import routes as agent_routes
from clary.features.chat import routes as chat_routes
from clary.features.conversations import routes as conversation_routes
from clary.features.llm_providers import routes as provider_routes
from clary.features.runs import routes as run_routes
from clary.features.system import routes as system_routes
from clary.settings import Settings


def routers(settings: Settings) -> list[APIRouter]:
    """The routes of every slice."""
    return [
        system_routes.router,
        account_routes.router,
        provider_routes.router,
        agent_routes.router,
        conversation_routes.router,
        chat_routes.router,
        run_routes.router,
    ]
