"""People who make their own account with a code sent by mail (platform.md 4.6)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from clary.db.database import Database
from clary.db.session import Session
from clary.features.accounts.errors import (
    CodeThrottledError,
    CodeWrongError,
    EmailDomainError,
    EmailRequiredError,
    EmailTakenError,
    LocalRegistrationDisabledError,
    MailFailedError,
    MailNotConfiguredError,
    RegistrationClosedError,
    UsernameTakenError,
)
from clary.features.accounts.policy import (
    AuthMode,
    clean_email,
    clean_username,
    is_code,
    require_password,
    throttle_address,
    username_key,
)
from clary.features.accounts.ports import Mailer, MailError, PasswordHashing
from clary.features.accounts.repository import AccountRepository, CodeRepository
from clary.features.accounts.tables import EmailCodeRow, UserRow
from clary.features.accounts.throttling import count_within, forget_count, require_rate
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox, same_text
from clary.kit.ids import new_hex
from clary.kit.text import Text

CODE_SECONDS = 300
RETRY_SECONDS = 30
CODES_PER_DAY = 10
CODES_PER_ADDRESS_AND_HOUR = 20
REGISTRATIONS_PER_MINUTE = 60
MAX_GUESSES = 5

CODE_SUBJECT = Text("{name} 注册验证码", "Your {name} registration code")
CODE_TEXT = Text(
    "您的注册验证码是：{code}\n\n验证码 5 分钟内有效。如果这不是您本人的操作，请忽略此邮件。\n",
    "Your registration code is: {code}\n\n"
    "It is valid for 5 minutes. If this was not you, please ignore this message.\n",
)
KNOWN_SUBJECT = Text("您已有 {name} 账号", "You already have a {name} account")
KNOWN_TEXT = Text(
    "有人请求用这个邮箱注册，但它已有账号，您可以直接登录。如果这不是您本人的操作，请忽略此邮件。\n",
    "Somebody asked to register with this address, but it has an account already; you can simply sign in. "
    "If this was not you, please ignore this message.\n",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody typed; nothing is checked yet."""

    username: str
    password: str
    email: str | None
    phonenum: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class RegistrationRules:
    """What the operator decided, asked at each use."""

    mode: AuthMode
    is_open: Callable[[], bool]
    domains: Callable[[], Sequence[str]]
    instance_name: Callable[[], str]


class Registration:
    """See the module. `mailer` None: this server cannot send mail."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: PasswordHashing,
        mailer: Mailer | None,
        secret_box: SecretBox,
        audit: AuditLog,
        clock: Clock,
        rules: RegistrationRules,
        new_code: Callable[[], str],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self.mailer = mailer
        self._secret_box = secret_box
        self._audit = audit
        self._clock = clock
        self._rules = rules
        self._new_code = new_code

    async def send_code(self, *, email: str | None, address: str) -> tuple[int, int]:
        """Sends a code, or to a known address a note; returns (life, wait before the next one) in seconds.

        Raises:
            LocalRegistrationDisabledError, RegistrationClosedError, EmailRequiredError, EmailInvalidError,
            EmailDomainError, MailNotConfiguredError, CodeThrottledError, ThrottledError, MailFailedError
        """
        self.require_open()
        wanted = _required(email, EmailRequiredError())
        self._require_domain(wanted)
        if self.mailer is None:
            raise MailNotConfiguredError
        code = self._new_code()
        async with self._database.write() as db:
            await self._count(db, wanted, address)
            is_known = await AccountRepository(db).find_by_email(wanted) is not None
            if not is_known:
                await CodeRepository(db).replace(
                    EmailCodeRow(
                        email=wanted,
                        code_mac=self._mac(wanted, code),
                        expires_at=self._clock.now() + timedelta(seconds=CODE_SECONDS),
                        guesses=0,
                    )
                )
        await self._send(self.mailer, wanted, None if is_known else code)
        return CODE_SECONDS, RETRY_SECONDS

    async def register(self, wanted: Wanted, *, address: str) -> str:
        """Makes an account of role `user`; returns its id. A refusal but a wrong code leaves the code as it was.

        Raises:
            LocalRegistrationDisabledError, RegistrationClosedError, EmailRequiredError, EmailInvalidError,
            UsernameInvalidError, PasswordTooShortError, PasswordIsNameError, CodeWrongError, UsernameTakenError,
            EmailTakenError, ThrottledError
        """
        self.require_open()
        async with self._database.write() as db:
            await require_rate(
                db,
                self._clock.now(),
                kind="register",
                key=throttle_address(address),
                limit=REGISTRATIONS_PER_MINUTE,
            )
        email = _required(wanted.email, EmailRequiredError(to_register=True))
        username = clean_username(wanted.username)
        require_password(wanted.password, username=username, email=email)
        mac = await self._require_code(email, wanted.code)
        hashed = await self._passwords.hash(wanted.password)
        row = self._row(wanted, username, email, hashed)
        async with self._database.write() as db:
            await self._add(db, row, mac)
        return row.user_id

    def require_open(self) -> None:
        """Nobody registers here while that is switched off.

        Raises:
            LocalRegistrationDisabledError, RegistrationClosedError
        """
        if self._rules.mode != "native":
            raise LocalRegistrationDisabledError
        if not self._rules.is_open():
            raise RegistrationClosedError

    def _require_domain(self, email: str) -> None:
        domains = [domain.lower().lstrip("@") for domain in self._rules.domains()]
        if domains and email.rpartition("@")[2] not in domains:
            raise EmailDomainError

    async def _count(self, db: Session, email: str, address: str) -> None:
        """Counts a code for its address and for the client, or says how long to wait."""
        now = self._clock.now()
        for kind, key, limit, window in (
            ("code_pause", email, 1, timedelta(seconds=RETRY_SECONDS)),
            ("code_day", email, CODES_PER_DAY, timedelta(days=1)),
        ):
            wait = await count_within(db, now, kind=kind, key=key, limit=limit, window=window)
            if wait is not None:
                raise CodeThrottledError(wait)
        await require_rate(
            db,
            now,
            kind="code_client",
            key=throttle_address(address),
            limit=CODES_PER_ADDRESS_AND_HOUR,
            window=timedelta(hours=1),
        )

    async def _send(self, mailer: Mailer, email: str, code: str | None) -> None:
        """A code, or the note that there is an account already; a code that was not sent is forgotten."""
        name = self._rules.instance_name()
        subject = CODE_SUBJECT if code is not None else KNOWN_SUBJECT
        text = CODE_TEXT.fill(code=code) if code is not None else KNOWN_TEXT
        try:
            await mailer.send(to=email, subject=subject.fill(name=name).render(), text=text.render())
        except MailError:
            async with self._database.write() as db:
                await CodeRepository(db).remove(email)
                await forget_count(db, kind="code_pause", key=email)
            raise MailFailedError from None

    async def _require_code(self, email: str, code: str | None) -> str:
        """The mark of a right code; a wrong guess is counted, and the fifth destroys the code."""
        if code is None or not is_code(code):
            raise CodeWrongError
        mac = self._mac(email, code)
        async with self._database.write() as db:
            codes = CodeRepository(db)
            row = await codes.find(email)
            fits = row is not None and row.expires_at > self._clock.now() and same_text(row.code_mac, mac)
            if row is not None and not fits:
                row.guesses += 1
                if row.guesses >= MAX_GUESSES:
                    await codes.remove(email)
        if not fits:
            raise CodeWrongError
        return mac

    async def _add(self, db: Session, row: UserRow, mac: str) -> None:
        """Consumes the code and makes the account, or does neither."""
        accounts = AccountRepository(db)
        assert row.email is not None
        if not await CodeRepository(db).consume(row.email, mac, now=self._clock.now()):
            raise CodeWrongError
        if await accounts.find_by_name(row.username_key) is not None:
            raise UsernameTakenError
        if await accounts.find_by_email(row.email) is not None:
            raise EmailTakenError
        if not await accounts.add_user(row):
            raise UsernameTakenError
        actor, target = Actor("user", row.user_id, row.username), AuditObject("user", row.user_id, row.user_id)
        detail = {"username": row.username, "email": row.email, "role": row.role, "registered": True}
        await self._audit.record(
            db, Act("user.created", actor, target, detail=detail, person=frozenset({"username", "email"}))
        )

    def _row(self, wanted: Wanted, username: str, email: str, hashed: str) -> UserRow:
        return UserRow(
            user_id=new_hex(32),
            username=username,
            username_key=username_key(username),
            email=email,
            email_verified=True,
            nickname=None,
            phonenum=wanted.phonenum or None,
            avatar_url=None,
            role="user",
            role_source=None,
            status="active",
            password_hash=hashed,
            created_at=self._clock.now(),
            last_login_at=None,
        )

    def _mac(self, email: str, code: str) -> str:
        return self._secret_box.mac(f"{email}\n{code}", place="email_codes.code_mac")


def _required(email: str | None, missing: EmailRequiredError) -> str:
    cleaned = clean_email(email)
    if cleaned is None:
        raise missing
    return cleaned
