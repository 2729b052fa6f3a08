"""Registration with a mailed code (platform.md 4.6, 16.2 A9)."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clary.features.accounts.ports import MailError
from support.house import House, bearer, house_in, login
from support.schema import stored_bytes

pytestmark = pytest.mark.anyio

EMAIL = "new@example.com"


class Mailbox:
    """Keeps what is sent, or refuses it."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, str, str]] = []
        self.refuses = False

    async def send(self, *, to: str, subject: str, text: str) -> None:
        if self.refuses:
            raise MailError
        self.letters.append((to, subject, text))

    @property
    def code(self) -> str:
        """The code of the newest letter."""
        return re.findall(r"\b\d{6}\b", self.letters[-1][2])[0]


class Desk:
    """Where people register."""

    def __init__(self, house: House, mailbox: Mailbox) -> None:
        self.house = house
        self.mailbox = mailbox

    async def call(self, path: str, body: Any, *, address: str = "203.0.113.7", **headers: str) -> Any:
        """The envelope of a call by nobody."""
        async with self.house.browser(address, **headers) as client:
            return (await client.post(path, json=body)).json()

    async def send_code(self, email: Any = EMAIL, **options: Any) -> Any:
        """Asks for a code."""
        return await self.call("/api/auth/register/send-code", {"email": email}, **options)

    async def register(self, **changes: Any) -> Any:
        """Registers with the newest code."""
        body = {"username": "neo", "password": "long-enough-1", "email": EMAIL, "phonenum": "", **changes}
        body.setdefault("verification_code", self.mailbox.code if self.mailbox.letters else "000000")
        return await self.call("/api/auth/register", body)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A server where anybody may register, with a mailbox."""
    async with house_in(tmp_path, allow_registration=True) as house:
        yield with_mailbox(house)


def with_mailbox(house: House) -> Desk:
    """The desk of a house whose mail goes to a box."""
    mailbox = Mailbox()
    house.services.identity.registration.mailer = mailbox
    return Desk(house, mailbox)


def slug(answer: Any) -> tuple[int, str | None]:
    """(code, slug) of an envelope."""
    return answer["code"], answer.get("error_detail")


async def test_a_mailed_code_makes_an_account_that_is_not_yet_signed_in(desk: Desk) -> None:
    sent = await desk.send_code(" New@Example.com ")
    assert (sent["message"], sent["data"]) == ("验证码发送成功", {"expires_in": 300, "retry_after": 30})
    made = await desk.register(role="admin", user_id="mine")
    assert (made["code"], made["message"]) == (200, "注册成功")
    async with desk.house.browser() as client:
        tokens = await login(client, EMAIL, "long-enough-1")
        user = (await client.get("/api/auth/session", headers=bearer(tokens))).json()["data"]["user"]
    assert (user["userid"], user["username"], user["role"], user["email"]) == (
        made["data"]["user_id"],
        "neo",
        "user",
        EMAIL,
    )


async def test_both_spellings_are_one(desk: Desk) -> None:
    await desk.call("/api/user/register/send-code", {"email": EMAIL})
    body = {"username": "neo", "password": "long-enough-1", "email": EMAIL, "verification_code": desk.mailbox.code}
    assert (await desk.call("/api/user/register", body))["code"] == 200


async def test_the_letter_is_in_the_callers_language_and_carries_no_link(desk: Desk) -> None:
    await desk.send_code(**{"Accept-Language": "en"})
    await desk.send_code("zwei@example.com")
    (to, subject, text), (_, chinese, _) = desk.mailbox.letters
    assert (to, subject, chinese) == (EMAIL, "Your Clary registration code", "Clary 注册验证码")
    assert "http" not in text


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"email": None}, (400, "email_required")),
        ({"email": " "}, (400, "email_required")),
        ({"email": "nonsense"}, (400, "email_invalid")),
        ({"username": "a b"}, (400, "username_invalid")),
        ({"username": "other@example.com"}, (400, "username_invalid")),
        ({"password": "short"}, (400, "password_too_short")),
        ({"password": "new@example.com"}, (400, "password_is_name")),
        ({"verification_code": None}, (400, "code_wrong")),
        ({"verification_code": ""}, (400, "code_wrong")),
        ({"verification_code": "12345"}, (400, "code_wrong")),
        ({"verification_code": "１２３４５６"}, (400, "code_wrong")),
        ({"email": "other@example.com"}, (400, "code_wrong")),
        ({"verification_code": 123456}, (422, "validation_error")),
    ],
)
async def test_what_is_wrong_is_named_and_the_code_stays(
    desk: Desk, changes: dict[str, Any], wanted: tuple[int, str]
) -> None:
    await desk.send_code()
    assert slug(await desk.register(**changes)) == wanted
    assert (await desk.register())["code"] == 200


async def test_a_taken_name_can_be_corrected_with_the_same_code(desk: Desk) -> None:
    await desk.house.make_user("neo")
    await desk.send_code()
    assert slug(await desk.register(username="ＮＥＯ")) == (409, "username_taken")
    assert (await desk.register(username="trinity"))["code"] == 200


async def test_a_code_works_once_for_its_address_and_for_five_minutes(desk: Desk) -> None:
    await desk.send_code()
    code = desk.mailbox.code
    assert (await desk.register())["code"] == 200
    assert slug(await desk.register(username="two", verification_code=code)) == (400, "code_wrong")
    await desk.send_code("late@example.com")
    desk.house.clock.move(seconds=301)
    assert slug(await desk.register(username="late", email="late@example.com")) == (400, "code_wrong")


async def test_five_wrong_guesses_destroy_a_code_and_a_new_one_replaces_the_old(desk: Desk) -> None:
    await desk.send_code()
    code = desk.mailbox.code
    wrong = "000000" if code != "000000" else "111111"
    for _ in range(5):
        assert slug(await desk.register(verification_code=wrong)) == (400, "code_wrong")
    assert slug(await desk.register(verification_code=code)) == (400, "code_wrong")
    desk.house.clock.move(seconds=31)
    await desk.send_code()
    first = desk.mailbox.code
    desk.house.clock.move(seconds=31)
    await desk.send_code()
    if first != desk.mailbox.code:
        assert slug(await desk.register(verification_code=first)) == (400, "code_wrong")
    assert (await desk.register())["code"] == 200


async def test_many_registrations_at_once_with_one_code_make_one_account(desk: Desk) -> None:
    await desk.send_code()
    answers = await asyncio.gather(*(desk.register(username=f"n{number}") for number in range(20)))
    assert sorted(answer["code"] for answer in answers) == [200] + [400] * 19


async def test_a_known_address_is_told_by_mail_only(desk: Desk) -> None:
    await desk.house.make_user("pia", email="pia@example.com")
    known, unknown = await desk.send_code("PIA@example.com"), await desk.send_code()
    assert {**known, "timestamp": 0} == {**unknown, "timestamp": 0}
    assert desk.mailbox.letters[0][1] == "您已有 Clary 账号"
    assert not re.search(r"\d{6}", desk.mailbox.letters[0][2])


async def test_codes_are_counted_by_address_and_by_client(desk: Desk) -> None:
    await desk.send_code()
    again = await desk.send_code("NEW@example.com")
    assert (slug(again), again["message"]) == ((429, "code_throttled"), "验证码发送过于频繁，请 30 秒后重试")
    for _ in range(9):
        desk.house.clock.move(seconds=31)
        assert (await desk.send_code())["code"] == 200
    desk.house.clock.move(seconds=31)
    assert slug(await desk.send_code()) == (429, "code_throttled")
    answers = [slug(await desk.send_code(f"a{number}@example.com", address="198.51.100.1")) for number in range(21)]
    assert answers == [(200, None)] * 20 + [(429, "throttled")]


async def test_a_refused_letter_is_told_without_details_and_may_be_tried_again_at_once(desk: Desk) -> None:
    desk.mailbox.refuses = True
    assert slug(await desk.send_code()) == (500, "mail_failed")
    desk.mailbox.refuses = False
    assert (await desk.send_code())["code"] == 200


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, "registration_closed"),
        ({"allow_registration": True, "auth_mode": "trusted_proxy"}, "local_registration_disabled"),
    ],
)
async def test_where_nobody_may_register_it_is_said_on_all_paths(
    tmp_path: Path, settings: dict[str, Any], wanted: str
) -> None:
    async with house_in(tmp_path, **settings) as house:
        desk = with_mailbox(house)
        for path in ("/api/auth/register", "/api/user/register"):
            body = {"username": "neo", "password": "long-enough-1", "email": "", "verification_code": ""}
            assert slug(await desk.call(path, body)) == (400, wanted)
            assert slug(await desk.call(f"{path}/send-code", {"email": ""})) == (400, wanted)
            assert slug(await desk.call(path, {})) == (400, wanted)
            assert slug(await desk.call(f"{path}/send-code", {"email": 5})) == (400, wanted)
        async with house.browser() as client:
            info = (await client.get("/api/system/info")).json()["data"]
        assert info["allow_registration"] is False


async def test_only_listed_domains_may_register(tmp_path: Path) -> None:
    async with house_in(tmp_path, allow_registration=True, registration_domains=("Example.com",)) as house:
        desk = with_mailbox(house)
        assert slug(await desk.send_code("a@evil-example.com")) == (400, "email_domain_not_allowed")
        assert slug(await desk.send_code("a@sub.example.com")) == (400, "email_domain_not_allowed")
        assert (await desk.send_code())["code"] == 200


async def test_without_mail_production_says_so_and_development_writes_to_its_log(tmp_path: Path) -> None:
    async with house_in(tmp_path, allow_registration=True) as house:
        desk = Desk(house, Mailbox())
        assert (await desk.send_code())["code"] == 200
        house.services.identity.registration.mailer = None
        answer = await desk.send_code("b@example.com")
    assert slug(answer) == (500, "mail_not_configured")


async def test_the_code_is_not_in_the_database(desk: Desk) -> None:
    await desk.send_code()
    raw = stored_bytes(desk.house.services.settings.data_dir)
    assert desk.mailbox.code.encode() not in raw.replace(b"000000", b"")
