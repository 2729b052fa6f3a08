"""Mail against a real SMTP server (platform.md 4.6, 13)."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clary.adapters.smtp import LoggedMailer, SmtpMailer
from clary.features.accounts.ports import MailError

pytestmark = pytest.mark.anyio

SENDER = "Clary <clary@example.org>"


class Postbox:
    """Takes letters; `refuses`: says no to every recipient."""

    def __init__(self) -> None:
        self.letters: list[Envelope] = []
        self.refuses = False
        self.was_encrypted: list[bool] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return "550 no" if self.refuses else "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.letters.append(envelope)
        transport: Any = server.transport
        self.was_encrypted.append(transport.get_extra_info("ssl_object") is not None)
        return "250 taken"


@asynccontextmanager
async def serving(box: Postbox, *, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """An SMTP server on a loopback port; `tls`: from the first byte."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, hostname="mail.test", **options), "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(of the server, of a client that trusts it): a certificate of our own for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "mail.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context(cafile=str(file))
    server.load_cert_chain(file)
    return server, client


async def send(mailer: Any, to: str = "pia@example.com") -> None:
    """A letter with characters of two scripts."""
    await mailer.send(to=to, subject="验证码 – Code", text="您的验证码是：123456\n")


async def test_a_letter_arrives_whole_with_its_heads() -> None:
    box = Postbox()
    async with serving(box) as port:
        await send(SmtpMailer(host="127.0.0.1", port=port, security="none", sender=SENDER, reply_to="help@example.org"))
    (envelope,) = box.letters
    assert isinstance(envelope.content, bytes)
    letter = message_from_bytes(envelope.content, policy=default)
    body = letter.get_body()
    assert body is not None
    assert (envelope.mail_from, envelope.rcpt_tos) == ("clary@example.org", ["pia@example.com"])
    assert (letter["From"], letter["To"], letter["Subject"], letter["Reply-To"]) == (
        SENDER,
        "pia@example.com",
        "验证码 – Code",
        "help@example.org",
    )
    assert body.get_content().splitlines() == ["您的验证码是：123456"]
    assert letter["Message-ID"].endswith("@example.org>")
    assert letter["Date"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_letter_is_encrypted_and_the_certificate_is_checked(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext], security: Any
) -> None:
    box, (server, client) = Postbox(), certificate
    options: dict[str, Any] = {"tls_context": server} if security == "starttls" else {}
    async with serving(box, tls=server if security == "tls" else None, **options) as port:
        await send(SmtpMailer(host="127.0.0.1", port=port, security=security, sender=SENDER, tls_context=client))
        with pytest.raises(MailError):
            await send(SmtpMailer(host="127.0.0.1", port=port, security=security, sender=SENDER))
    assert box.was_encrypted == [True]


async def test_a_server_without_starttls_gets_no_letter() -> None:
    box = Postbox()
    async with serving(box) as port:
        with pytest.raises(MailError):
            await send(SmtpMailer(host="127.0.0.1", port=port, security="starttls", sender=SENDER))
    assert box.letters == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_the_password_is_sent_and_a_wrong_one_is_told_without_details() -> None:
    box = Postbox()

    def judge(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data == LoginPassword(b"clary", b"right"))

    async with serving(box, authenticator=judge, auth_required=True, auth_require_tls=False) as port:
        place: dict[str, Any] = {"host": "127.0.0.1", "port": port, "security": "none", "sender": SENDER}
        await send(SmtpMailer(**place, username="clary", password="right"))
        with pytest.raises(MailError) as refused:
            await send(SmtpMailer(**place, username="clary", password="wrong"))
    assert len(box.letters) == 1
    assert str(refused.value) == ""


async def test_a_refusal_a_dead_and_a_hanging_server_are_failures_in_time() -> None:
    box = Postbox()
    box.refuses = True
    async with serving(box) as port:
        with pytest.raises(MailError):
            await send(SmtpMailer(host="127.0.0.1", port=port, security="none", sender=SENDER))
    with pytest.raises(MailError):
        await send(SmtpMailer(host="127.0.0.1", port=port, security="none", sender=SENDER))
    gone, left = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()
        await writer.wait_closed()
        left.set()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        slow = SmtpMailer(host="127.0.0.1", port=port, security="none", sender=SENDER, timeout_seconds=0.2)
        async with asyncio.timeout(5):
            with pytest.raises(MailError):
                await send(slow)
        gone.set()
        await asyncio.wait_for(left.wait(), 5)


@pytest.mark.parametrize("to", ["a@b.c\r\nBcc: eve@evil.example", "a@b.c, eve@evil.example", "<a@b.c>", "a b@c.d"])
async def test_an_address_never_becomes_more_than_one(to: str) -> None:
    box = Postbox()
    async with serving(box) as port:
        with pytest.raises(MailError):
            await send(SmtpMailer(host="127.0.0.1", port=port, security="none", sender=SENDER), to)
    assert box.letters == []


async def test_the_twin_writes_to_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    await send(LoggedMailer())
    assert "123456" in capsys.readouterr().out


async def test_greeting_signs_in_and_sends_nothing() -> None:
    box = Postbox()
    async with serving(box) as port:
        await SmtpMailer(host="127.0.0.1", port=port, security="none", sender=SENDER).greet()
    with pytest.raises(MailError):
        await SmtpMailer(host="127.0.0.1", port=port, security="none", sender=SENDER).greet()
    assert box.letters == []
