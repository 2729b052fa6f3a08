"""Who somebody is: accounts, sign-in, audit log, and what lets a request in."""

import secrets
from typing import Any

import structlog

from clary.adapters.access_tokens import JwtAccessTokens
from clary.db.database import Database, UnavailableError
from clary.features.accounts.guards import RequestAuthenticator
from clary.features.accounts.ports import AccessTokens, Onboarding, PasswordHashing
from clary.features.accounts.service import (
    AccountService,
    Credentials,
    Identities,
    OwnAccount,
    ProxiedIdentities,
    Registration,
    RegistrationRules,
    SignIn,
    UserAdministration,
    UserDeletion,
    ensure_signing_key,
    generate_password,
)
from clary.features.api_keys.service import ApiKeyService, KeyReader
from clary.features.audit.service import SYSTEM, Act, AuditLog, AuditReading
from clary.features.groups.ports import CurrencyRates
from clary.features.groups.service import GroupMemberships, GroupService
from clary.features.permissions.service import Grants
from clary.features.system.service import RuntimeSettings
from clary.features.upstream_login.service import UpstreamLogin
from clary.kit.clock import Clock, SystemClock
from clary.kit.crypto import SecretBox
from clary.kit.ids import new_hex
from clary.settings import Settings
from clary.wiring.arrivals import make_mailer, make_upstream, own_place, proxy_headers, proxy_rules
from clary.wiring.oauth import OAuthParts
from clary.wiring.parts import live_values

log = structlog.get_logger()


class IdentityServices:
    """The services of the identity slices, built from what they run on."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        secret_box: SecretBox,
        passwords: PasswordHashing,
        onboarding: Onboarding,
        rates: CurrencyRates,
    ) -> None:
        self._database = database
        self._clock = clock
        self._secret_box = secret_box
        self._settings = settings
        self._passwords = passwords
        self._rates = rates
        self.tokens: AccessTokens | None = None
        self.audit = audit_log(settings, database, clock)
        # What was set has been set by the operator; code that starts a server counts as that.
        self.live = live = RuntimeSettings(
            database=database, audit=self.audit, start=live_values(settings), locked=settings.model_fields_set
        )
        self.audit_reading = AuditReading(database=database)
        self.memberships = GroupMemberships(audit=self.audit, clock=clock, new_id=_new_group_id)
        self.credentials = Credentials(
            database=database, tokens=self._access_tokens, groups=self.memberships, clock=clock
        )
        self.grants = Grants(clock=clock)
        self.identities = Identities(
            credentials=self.credentials, groups=self.memberships, audit=self.audit, clock=clock
        )
        self.accounts = AccountService(
            database=database,
            passwords=passwords,
            credentials=self.credentials,
            onboarding=onboarding,
            groups=self.memberships,
            audit=self.audit,
            clock=clock,
            directory=lambda: live.values.user_directory,
            mode=settings.auth_mode,
            new_password=generate_password,
        )
        self._add_groups_and_keys()
        self._add_administration()
        self._add_arrivals()
        self._add_upstream_login()
        self._add_oauth()

    def _add_arrivals(self) -> None:
        """The ways in: passwords, mailed codes, a trusted proxy."""
        settings, database, clock, live = self._settings, self._database, self._clock, self.live
        self.sign_in = SignIn(
            database=database,
            passwords=self._passwords,
            credentials=self.credentials,
            audit=self.audit,
            clock=clock,
            mode=settings.auth_mode,
            proxy_logout_url=settings.trusted_proxy_logout_url,
        )
        self.registration = Registration(
            database=database,
            passwords=self._passwords,
            mailer=make_mailer(settings),
            secret_box=self._secret_box,
            audit=self.audit,
            clock=clock,
            rules=RegistrationRules(
                mode=settings.auth_mode,
                is_open=lambda: live.values.allow_registration,
                domains=lambda: live.values.registration_domains,
                instance_name=lambda: live.values.instance_name,
            ),
            new_code=_new_code,
        )
        self.proxied = ProxiedIdentities(
            database=database,
            identities=self.identities,
            groups=self.memberships,
            clock=clock,
            rules=proxy_rules(settings),
        )
        self.credentials.add_listener(self.proxied)
        is_behind_proxy = settings.auth_mode == "trusted_proxy"
        self.authenticator = RequestAuthenticator(
            self.credentials,
            proxied=self.proxied if is_behind_proxy else None,
            headers=proxy_headers(settings),
        )

    def _add_upstream_login(self) -> None:
        settings = self._settings
        self.upstream_login = UpstreamLogin(
            database=self._database,
            providers=settings.auth_providers if settings.auth_mode == "oauth" else (),
            upstream=make_upstream(settings, self._clock),
            identities=self.identities,
            sign_in=self.sign_in,
            secret_box=self._secret_box,
            audit=self.audit,
            clock=self._clock,
            place=own_place(settings),
            mailer=make_mailer(settings),
            instance_name=lambda: self.live.values.instance_name,
        )
        self.sign_in.sign_out_through(self.upstream_login)

    def _add_oauth(self) -> None:
        self.oauth = OAuthParts(
            self._settings,
            database=self._database,
            clock=self._clock,
            secret_box=self._secret_box,
            accounts=self.accounts,
            credentials=self.credentials,
            audit=self.audit,
        )
        self.credentials.add_reader(self.oauth.reader)
        self.user_administration.add_tokens(self.oauth.server.clients)
        self.identities.add_tokens(self.oauth.server.clients)

    def _add_groups_and_keys(self) -> None:
        clock, rates, live = self._clock, self._rates, self.live
        self.groups = GroupService(
            accounts=self.accounts,
            rates=rates,
            audit=self.audit,
            clock=clock,
            directory=lambda: live.values.user_directory,
            new_id=_new_group_id,
        )
        self.groups.add_references(self.grants)
        self.key_reader = KeyReader(
            database=self._database, credentials=self.credentials, audit=self.audit, clock=clock
        )
        self.credentials.add_reader(self.key_reader)
        self.keys = ApiKeyService(
            reader=self.key_reader,
            accounts=self.accounts,
            rates=rates,
            audit=self.audit,
            clock=clock,
            max_days=lambda: live.values.api_key_max_days,
        )

    def _add_administration(self) -> None:
        database, clock = self._database, self._clock
        self.user_administration = UserAdministration(
            database=database,
            passwords=self._passwords,
            credentials=self.credentials,
            audit=self.audit,
            clock=clock,
            new_password=generate_password,
        )
        self.deletion = UserDeletion(
            database=database, administration=self.user_administration, audit=self.audit, clock=clock
        )
        self.own_account = OwnAccount(
            credentials=self.credentials, audit=self.audit, clock=clock, mode=self._settings.auth_mode
        )

    def _access_tokens(self) -> AccessTokens:
        assert self.tokens is not None, "services are not started"
        return self.tokens

    async def start(self) -> None:
        """Reads the settings that admins chose, and reads or makes the keys that sign tokens.

        Raises:
            DecryptionError: the secret key does not fit the database.
        """
        await self.live.refresh()
        self.tokens = JwtAccessTokens(*await ensure_signing_key(self._database, self._secret_box, self._clock))
        await self.oauth.start()

    async def record_start(self, version: str) -> None:
        """Writes down that the server works from now on."""
        async with self._database.write() as db:
            await self.audit.record(db, Act("server.started", SYSTEM, detail={"version": version}))

    async def stop(self) -> None:
        """Writes down what the audit log still holds back, and where it ends."""
        try:
            await self.audit.tend(is_last=True)
            await self.audit.log_head()
        except UnavailableError:
            log.warning("audit_end_not_written")

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.authenticator = self.authenticator
        state.accounts = self.accounts
        state.sign_in = self.sign_in
        state.oauth2 = self.oauth.server
        state.browser_identity = self.authenticator.at_browser
        state.registration = self.registration
        state.upstream_login = self.upstream_login
        state.user_administration = self.user_administration
        state.user_deletion = self.deletion
        state.own_account = self.own_account
        state.groups = self.groups
        state.audit = self.audit
        state.api_keys = self.keys
        state.runtime_settings = self.live
        state.audit_reading = self.audit_reading


def _new_code() -> str:
    return f"{secrets.randbelow(1_000_000):06}"


def audit_log(settings: Settings, database: Database, clock: Clock | None = None) -> AuditLog:
    """The audit log of an instance, also for commands that start nothing else."""
    return AuditLog(database=database, clock=clock or SystemClock(), new_salt=_new_salt, keep_days=settings.audit_days)


def _new_salt() -> str:
    return new_hex(32)


def _new_group_id() -> str:
    return "grp_" + new_hex(16)
