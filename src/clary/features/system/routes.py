"""`/api/system/info`, health, readiness, settings (platform.md 9.1 to 9.3), and the ways to sign in (5.1)."""

from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from clary.features.audit.service import Actor
from clary.features.permissions.guards import CurrentUser
from clary.features.system.guards import SignedIn
from clary.features.system.payloads import SettingsUpdateRequest
from clary.features.system.service import RuntimeSettings, SystemService
from clary.http.access import needs, public
from clary.http.envelope import Envelope, answer
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit
from clary.kit.text import Text

router = slice_router("", "system")
Json = dict[str, Any]


async def _system(request: Request) -> SystemService:
    return request.app.state.system


async def _runtime_settings(request: Request) -> RuntimeSettings:
    return request.app.state.runtime_settings


System = Annotated[SystemService, Depends(_system)]
Runtime = Annotated[RuntimeSettings, Depends(_runtime_settings)]


@router.get("/api/system/info", summary="Facts for clients", openapi_extra=public())
async def read_info(signed_in: SignedIn, system: System) -> Envelope[Json]:
    """How to sign in, limits, languages; version and features only when signed in."""
    return answer(system.info(signed_in=signed_in), Text("获取系统信息成功", "System information loaded"))


@router.get("/api/system/settings", summary="Settings that change while running", openapi_extra=needs("admin"))
async def read_settings(runtime: Runtime, db: ReadUnit) -> Envelope[Json]:
    """Each with its value, where it comes from, and whether it may be changed here."""
    return answer(await runtime.show(db))


@router.post("/api/system/update_settings", summary="Change settings", openapi_extra=needs("admin"))
async def update_settings(body: SettingsUpdateRequest, user: CurrentUser, runtime: Runtime) -> Envelope[Json]:
    """All or none; it acts at once here and within a second in other processes."""
    await runtime.update(body.sent(), by=Actor.of(user))
    return answer(Json(), Text("系统设置更新成功", "Settings saved"))


@router.get("/api/auth/providers", summary="Ways to sign in", openapi_extra=public())
@router.get("/api/user/auth-providers", summary="Ways to sign in (alias)", openapi_extra=public())
async def list_auth_providers(system: System) -> Envelope[list[dict[str, str]]]:
    """The entries of the sign-in page."""
    return answer(system.auth_providers(), Text("获取认证 Providers 成功", "Sign-in providers loaded"))


@router.get("/api/health", summary="Alive", openapi_extra=public(asks_who=False))
async def read_health(system: System) -> Envelope[Json]:
    """Answers while the database is down."""
    return answer(system.health(), Text("服务运行正常", "Service is running"))


@router.get("/api/ready", summary="Ready for work", openapi_extra=public(asks_who=False))
async def read_readiness(system: System) -> Envelope[Json]:
    """All checks passed, or HTTP 503 naming those that failed."""
    return answer(await system.readiness())


@router.get("/active", summary="Plain liveness", openapi_extra=public(asks_who=False))
async def read_active() -> Response:
    """The text existing monitors look for."""
    return Response(b'"Service is available."', media_type="application/json")
