"""Parts of the authorization server."""

import asyncio

from clary.adapters.oauth_core import AuthlibCore
from clary.adapters.oauth_core.signing import RsaIdTokens, new_private_key
from clary.db.database import Database
from clary.features.accounts.service import AccountService, AddressRate, Credentials, ensure_signing_keys
from clary.features.audit.service import AuditLog
from clary.features.oauth2.ports import IdTokens
from clary.features.oauth2.service import (
    SCOPES,
    AccessTokenReader,
    Authorization,
    ClientRegistry,
    OAuthServer,
    TokenEndpoints,
    TokenIssuer,
)
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox
from clary.settings import Settings

ID_TOKENS = "id_token"


class OAuthParts:
    """The server, the reader of its tokens, and what has to be done at the start."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        secret_box: SecretBox,
        accounts: AccountService,
        credentials: Credentials,
        audit: AuditLog,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._secret_box = secret_box
        self._id_tokens: IdTokens | None = None
        self._turns = asyncio.Lock()
        core = AuthlibCore(scopes=SCOPES, allow_plain=settings.oauth2_allow_plain_pkce)
        rate = AddressRate(database=database, clock=clock)
        self.reader = AccessTokenReader(database=database, credentials=credentials, clock=clock)
        issuer = TokenIssuer(
            accounts=accounts,
            id_tokens=self._signer,
            clock=clock,
            access_seconds=settings.oauth2_access_token_expires_in,
        )
        self.server = OAuthServer(
            authorization=Authorization(database=database, core=core, secret_box=secret_box, audit=audit, clock=clock),
            tokens=TokenEndpoints(
                database=database,
                core=core,
                issuer=issuer,
                accounts=accounts,
                credentials=credentials,
                rate=rate,
                audit=audit,
                clock=clock,
            ),
            clients=ClientRegistry(database=database, reader=self.reader, audit=audit, clock=clock),
            id_tokens=self._signer,
            issuer=settings.oauth2_issuer,
            public_url=settings.public_url,
            api_prefix=settings.api_prefix,
            web_base=settings.web_base_path,
            allows_plain=settings.oauth2_allow_plain_pkce,
            registers=settings.oauth2_dynamic_registration,
            registration_scopes=settings.oauth2_registration_scopes,
            rate=rate,
            clock=clock,
        )

    async def _signer(self) -> IdTokens:
        """Reads or makes the keys when they are first needed: most servers never sign an id_token."""
        async with self._turns:
            if self._id_tokens is None:
                keys = await ensure_signing_keys(
                    self._database,
                    self._secret_box,
                    self._clock,
                    purpose=ID_TOKENS,
                    new_secret=lambda: asyncio.to_thread(new_private_key),
                )
                self._id_tokens = RsaIdTokens(keys)
        return self._id_tokens

    async def start(self) -> None:
        """Brings the clients of the configuration up to date."""
        await self.server.clients.synchronise(self._settings.oauth2_clients)
