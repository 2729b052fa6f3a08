"""Facts and checks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from clary.db.database import UnavailableError
from clary.features.system.errors import DrainingError, NotReadyError
from clary.features.system.live import RuntimeSettings
from clary.features.system.policy import LiveValues
from clary.kit.clock import Clock
from clary.kit.text import Text

__all__ = ["LiveValues", "RuntimeSettings", "SystemFacts", "SystemService"]

log = structlog.get_logger()

Check = Callable[[], Awaitable[bool]]
CHECK_SECONDS = 2.0
REUSE_SECONDS = 2.0
NATIVE_NAME = Text("账号密码", "Password")
NATIVE_BUTTON = Text("使用账号密码登录", "Sign in with a password")
NATIVE_DESCRIPTION = Text("输入账号和密码进入工作台", "Enter user name and password")


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """What never changes while the process runs."""

    version: str
    upload_max_mb: int
    auth_mode: Literal["native", "trusted_proxy", "oauth"] = "native"
    can_mail: bool = False


class SystemService:
    """The door of the slice. A check that is None is `off`."""

    def __init__(
        self,
        *,
        facts: SystemFacts,
        live: Callable[[], LiveValues],
        checks: Mapping[str, Check | None],
        features: Callable[[], dict[str, bool]],
        clock: Clock,
        external_providers: Callable[[], list[dict[str, str]]] = list,
    ) -> None:
        self._external_providers = external_providers
        self._facts = facts
        self._live = live
        self._checks = checks
        self._features = features
        self._clock = clock
        self._latest: tuple[float, dict[str, str]] | None = None
        self.draining = False

    def info(self, *, signed_in: bool) -> dict[str, Any]:
        """Public facts; version and features only for signed-in callers (platform.md 9.1)."""
        providers, mode, live = self.auth_providers(), self._facts.auth_mode, self._live()
        data: dict[str, Any] = {
            "allow_registration": live.allow_registration and mode == "native",
            "auth_mode": mode,
            "auth_providers": providers,
            "default_auth_provider": providers[0]["id"],
            "has_local_auth": mode != "oauth",
            "has_oauth_auth": mode == "oauth",
            "oauth_enabled": mode == "oauth",
            "native_login_admin_only": mode == "trusted_proxy",
            "oauth_provider_name": providers[0]["name"] if mode == "oauth" else None,
            "instance_name": live.instance_name,
            "announcement": live.announcement,
            "languages": ["zh-CN", "en-US"],
            "share_mode": live.share_mode,
            "demo_model": live.demo_model,
            "mail": self._facts.can_mail,
            "limits": {"upload_max_mb": self._facts.upload_max_mb, "password_min": 8},
        }
        if signed_in:
            data |= {"version": self._facts.version, "features": self._features()}
        return data

    def auth_providers(self) -> list[dict[str, str]]:
        """The configured entries in mode `oauth`, else the built-in one (platform.md 5.1)."""
        if self._facts.auth_mode == "oauth":
            return self._external_providers()
        return [
            {
                "id": "native",
                "type": "native",
                "protocol": "native",
                "login_url": "",
                "name": NATIVE_NAME.render(),
                "button_text": NATIVE_BUTTON.render(),
                "description": NATIVE_DESCRIPTION.render(),
                "icon": "key-round",
            }
        ]

    def health(self) -> dict[str, Any]:
        """Alive; touches nothing."""
        return {"status": "healthy", "timestamp": self._clock.epoch(), "service": "Clary"}

    async def readiness(self) -> dict[str, Any]:
        """All checks `ok` or `off`.

        Raises:
            NotReadyError, DrainingError
        """
        if self.draining:
            raise DrainingError
        now = self._clock.monotonic()
        if self._latest is None or now - self._latest[0] > REUSE_SECONDS:
            results = await asyncio.gather(*(self._run(check) for check in self._checks.values()))
            self._latest = (now, dict(zip(self._checks, results, strict=True)))
        found = self._latest[1]
        failed = [name for name, state in found.items() if state == "failed"]
        if failed:
            raise NotReadyError(failed)
        return {"status": "ready", "checks": found}

    async def _run(self, check: Check | None) -> str:
        if check is None:
            return "off"
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return "ok" if await check() else "failed"
        except (TimeoutError, OSError, UnavailableError) as error:
            log.warning("readiness_check_failed", error=type(error).__name__)
            return "failed"
