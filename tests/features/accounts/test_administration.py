"""What administrators change about others (platform.md 4.3, 4.8)."""

import httpx2
import pytest

from clary.features.accounts.errors import LastAdminError, PasswordIsNameError, UserNotFoundError
from clary.features.audit.service import CLI
from support.house import ADMIN_PASSWORD, House, bearer, login

pytestmark = pytest.mark.anyio


async def statuses(client: httpx2.AsyncClient, token: dict[str, str]) -> tuple[int, int]:
    """Whether (cookie, token) are still good."""
    by_cookie = await client.get("/api/auth/session")
    client.cookies.clear()
    return by_cookie.status_code, (await client.get("/api/auth/session", headers=token)).status_code


@pytest.mark.parametrize("change", ["demote", "disable", "reset"])
async def test_what_takes_rights_away_ends_every_session_at_once(house: House, change: str) -> None:
    user_id = await house.make_user("pia", role="admin")
    administration = house.services.user_administration
    async with house.browser() as client:
        tokens = await login(client, "pia")
        assert (await client.get("/api/auth/session")).status_code == 200
        match change:
            case "demote":
                await administration.set_role(user_id=user_id, role="user", by=CLI)
            case "disable":
                await administration.set_disabled(user_id=user_id, disabled=True, by=CLI)
            case _:
                assert await administration.reset_password(user_id=user_id, password="Another-4711", by=CLI) is None
        assert await statuses(client, bearer(tokens)) == (401, 401)
        again = await client.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert again.status_code == 401


async def test_a_promotion_counts_at_once_and_ends_no_session(house: House) -> None:
    user_id = await house.make_user("pia")
    async with house.browser() as client:
        tokens = await login(client, "pia")
        assert (await client.get("/api/user/list")).json()["code"] == 403
        await house.services.user_administration.set_role(user_id=user_id, role="admin", by=CLI)
        assert (await client.get("/api/user/list")).json()["code"] == 200
        assert await statuses(client, bearer(tokens)) == (200, 200)


async def test_one_active_administrator_always_remains(house: House) -> None:
    administration = house.services.user_administration
    admin = await administration.get_user_id("Admin")
    second = await house.make_user("second", role="admin")
    await administration.set_disabled(user_id=second, disabled=True, by=CLI)
    for change in (
        administration.set_role(user_id=admin, role="user", by=CLI),
        administration.set_disabled(user_id=admin, disabled=True, by=CLI),
    ):
        with pytest.raises(LastAdminError):
            await change
    await administration.set_role(user_id=second, role="user", by=CLI)
    async with house.browser() as client:
        await login(client, "admin", ADMIN_PASSWORD)


async def test_who_is_not_there_cannot_be_changed_and_a_name_is_no_password(house: House) -> None:
    administration = house.services.user_administration
    for change in (
        administration.set_role(user_id="", role="user", by=CLI),
        administration.set_disabled(user_id="x", disabled=False, by=CLI),
        administration.reset_password(user_id="x", by=CLI),
    ):
        with pytest.raises(UserNotFoundError):
            await change
    user_id = await house.make_user("some-person", email="pia@example.org")
    with pytest.raises(PasswordIsNameError):
        await administration.reset_password(user_id=user_id, password="Some-Person", by=CLI)
    assert await administration.get_user_id(" PIA@example.org") == user_id
