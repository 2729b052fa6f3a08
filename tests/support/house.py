"""The whole product in process on a fresh data directory: real SQL, a clock that tests move, a cheap password hash."""

import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from starlette.types import ASGIApp

from clary.adapters.passwords import Argon2Passwords
from clary.asgi import create_app
from clary.features.knowledge.ports import ModelSource
from clary.settings import Settings, load_settings
from clary.wiring import Services
from support.schema import database_settings, put_schema

ADMIN_PASSWORD = "First-Admin-4711"
SECRET_KEY = base64.b64encode(bytes(range(32))).decode()
"""Of production, where PostgreSQL wants one to be given."""
PASSWORD = "Some-Person-4711"
_QUIET = {"bootstrap_admin_password": ADMIN_PASSWORD, "embedding": "none", "ocr": "off"}
"""Nothing that takes long unless a test asks for it."""
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BASE_URL = "http://testserver"


class SteppedClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        """See `Clock.now`."""
        return self.moment

    def epoch(self) -> float:
        """See `Clock.epoch`."""
        return self.moment.timestamp()

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self.moment.timestamp()

    def move(self, **span: float) -> None:
        """Moves on by a `timedelta`."""
        self.moment += timedelta(**span)


class House:
    """A started server without a socket."""

    def __init__(self, services: Services, app: ASGIApp, clock: SteppedClock) -> None:
        self.services = services
        self.app = app
        self.clock = clock

    def browser(self, address: str = "203.0.113.7", **headers: str) -> httpx2.AsyncClient:
        """A client with its own cookies at an address."""
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 40_000))
        return httpx2.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)

    async def make_user(self, name: str, *, password: str = PASSWORD, role: str = "user", **more: Any) -> str:
        """Adds a user as an admin would; returns the id."""
        async with self.browser() as admin:
            await login(admin, "admin", ADMIN_PASSWORD)
            body = {"username": name, "password": password, "role": role, **more}
            answer = await admin.post("/api/user/add", json=body)
        assert answer.json()["code"] == 200, answer.text
        return answer.json()["data"]["user_id"]


async def login(client: httpx2.AsyncClient, name: str, password: str = PASSWORD) -> dict[str, Any]:
    """Signs a client in; it keeps the cookies. Returns the tokens."""
    answer = await client.post("/api/auth/login", json={"username_or_email": name, "password": password})
    assert answer.json()["code"] == 200, answer.text
    return answer.json()["data"]


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    """The header of an access token."""
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def settings_in(folder: Path, **values: Any) -> Settings:
    """Settings on a folder, with a known admin."""
    return load_settings(**{**_QUIET, "data_dir": folder / "data", **database_settings(folder / "data"), **values})


@asynccontextmanager
async def house_in(
    folder: Path, *, models: ModelSource | None = None, takes_over: bool = True, **values: Any
) -> AsyncGenerator[House]:
    """A house, started and stopped. `takes_over` off: it starts as a worker does."""
    clock, settings = SteppedClock(), settings_in(folder, **values)
    services = Services(settings, clock=clock, passwords=Argon2Passwords(memory_kib=64, passes=1))
    if models is not None:
        services.knowledge.models.source = models
    app = create_app(settings, services)
    put_schema(settings.database)
    await services.start(takes_over=takes_over)
    try:
        yield House(services, app, clock)
    finally:
        await services.stop()
