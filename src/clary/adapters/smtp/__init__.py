"""Mail over SMTP, and the twin that writes it to the program's log while there is no mail server."""

import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate, make_msgid, parseaddr
from typing import Literal

import aiosmtplib
import structlog

from clary.features.accounts.ports import MailError

log = structlog.get_logger()

Security = Literal["starttls", "tls", "none"]


class SmtpMailer:
    """Implements `Mailer`. The server's certificate is checked; nothing is kept when sending fails."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: Security,
        sender: str,
        username: str | None = None,
        password: str | None = None,
        reply_to: str | None = None,
        timeout_seconds: float = 15,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._security: Security = security
        self._sender = sender
        self._username = username
        self._password = password
        self._reply_to = reply_to
        self._timeout_seconds = timeout_seconds
        self._tls_context = tls_context

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """See the port."""
        try:
            message = self._message(to, subject, text)
            async with self._server() as server:
                await server.send_message(message)
        except (aiosmtplib.SMTPException, MessageError, OSError, ValueError) as error:
            # The text of the error may hold addresses.
            log.warning("mail_not_sent", error=type(error).__name__)
            raise MailError from error

    async def greet(self) -> None:
        """Connects and signs in as `send` does, and sends nothing.

        Raises:
            MailError: the server does not answer, or refuses.
        """
        try:
            async with self._server() as server:
                await server.noop()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailError from error

    def _server(self) -> aiosmtplib.SMTP:
        """Not yet connected: as a context it connects, signs in and says goodbye."""
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._username,
            password=self._password,
            timeout=self._timeout_seconds,
            use_tls=self._security == "tls",
            start_tls=self._security == "starttls",
            tls_context=self._tls_context,
        )

    def _message(self, to: str, subject: str, text: str) -> EmailMessage:
        name, address = parseaddr(self._sender)
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = Address(name, addr_spec=address)
        message["To"] = Address(addr_spec=to)
        message["Subject"] = subject
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=address.rpartition("@")[2])
        if self._reply_to:
            message["Reply-To"] = self._reply_to
        message.set_content(text)
        return message


class LoggedMailer:
    """Twin for development: what would be sent stands in the log."""

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """See the port."""
        log.info("mail_not_configured_text_follows", to=to, subject=subject, text=text)
