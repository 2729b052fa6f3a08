"""Keys that sign tokens, sealed with the server's secret key (platform.md 4.3, 6.2)."""

from collections.abc import Awaitable, Callable

from clary.db.database import Database
from clary.features.accounts.repository import AccountRepository
from clary.features.accounts.tables import SigningKeyRow
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox
from clary.kit.ids import new_hex, new_token

ACCESS_KEY = "access_token"


async def ensure_signing_key(database: Database, box: SecretBox, clock: Clock) -> tuple[str, str]:
    """(key id, secret) of login access tokens; made at the first start, sealed at rest.

    Raises:
        DecryptionError: the server's secret key does not fit this database.
    """
    async with database.write() as db:
        accounts = AccountRepository(db)
        row = await accounts.signing_key(ACCESS_KEY)
        if row is None:
            key_id, secret = new_hex(16), new_token()
            row = SigningKeyRow(
                key_id=key_id,
                purpose=ACCESS_KEY,
                sealed=box.seal(secret, place=f"signing_keys.sealed:{key_id}"),
                created_at=clock.now(),
            )
            accounts.add(row)
        return row.key_id, box.open(row.sealed, place=f"signing_keys.sealed:{row.key_id}")


async def ensure_signing_keys(
    database: Database, box: SecretBox, clock: Clock, *, purpose: str, new_secret: Callable[[], Awaitable[str]]
) -> list[tuple[str, str]]:
    """(key id, secret) of a purpose, the newest first; one is made when there is none, sealed at rest.

    Raises:
        DecryptionError: the server's secret key does not fit this database.
    """
    async with database.read() as db:
        has_one = await AccountRepository(db).signing_key(purpose) is not None
    fresh = None if has_one else await new_secret()
    async with database.write() as db:
        accounts = AccountRepository(db)
        if fresh is not None and await accounts.signing_key(purpose) is None:
            key_id = new_hex(16)
            sealed = box.seal(fresh, place=f"signing_keys.sealed:{key_id}")
            accounts.add(SigningKeyRow(key_id=key_id, purpose=purpose, sealed=sealed, created_at=clock.now()))
            await accounts.flush()
        rows = await accounts.list_signing_keys(purpose)
    return [(row.key_id, box.open(row.sealed, place=f"signing_keys.sealed:{row.key_id}")) for row in rows]
