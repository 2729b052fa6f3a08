"""Statements about e-mail codes."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from clary.features.accounts.tables import EmailCodeRow


class CodeRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, email: str) -> EmailCodeRow | None:
        """The code of an address."""
        return await self._session.get(EmailCodeRow, email)

    async def replace(self, row: EmailCodeRow) -> None:
        """Stores a code in the place of an older one."""
        await self._session.merge(row)
        await self._session.flush()

    async def remove(self, email: str) -> None:
        """Forgets the code of an address."""
        await self._session.execute(delete(EmailCodeRow).where(EmailCodeRow.email == email))

    async def consume(self, email: str, code_mac: str, *, now: datetime) -> bool:
        """Uses a code up; of several at once one succeeds."""
        gone = await self._session.scalars(
            delete(EmailCodeRow)
            .where(EmailCodeRow.email == email, EmailCodeRow.code_mac == code_mac, EmailCodeRow.expires_at > now)
            .returning(EmailCodeRow.email)
        )
        return gone.first() is not None
