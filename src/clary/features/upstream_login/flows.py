"""Flows between here and a provider: begun once, taken once, readable by this server only (platform.md 5.2)."""

import base64
import hashlib
import hmac
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from clary.db.session import Session
from clary.features.upstream_login.errors import FlowExpiredError, StateInvalidError
from clary.features.upstream_login.policy import COOKIE_PREFIX, FLOW_LIFE, MARK_DIGITS, cookies_to_drop
from clary.features.upstream_login.repository import FlowRepository
from clary.features.upstream_login.tables import UpstreamFlowRow
from clary.kit import json_text
from clary.kit.clock import Clock
from clary.kit.crypto import DecryptionError, SecretBox, hash_token
from clary.kit.ids import new_token

MAX_STATE = 200


@dataclass(frozen=True, slots=True)
class Flow:
    """What must be known when the browser comes back. `link_user_id`: the identity is to be added to this user."""

    provider_id: str
    nonce: str
    verifier: str
    next: str
    redirect_uri: str
    link_user_id: str | None
    cookie_hash: str


@dataclass(frozen=True, slots=True)
class Begun:
    """What the browser gets: `state` through the provider, the cookie to itself; cookies that must go."""

    state: str
    flow: Flow
    cookie_name: str
    cookie: str
    dropped: tuple[str, ...]


class Flows:
    """Works in the caller's transaction."""

    def __init__(self, *, secret_box: SecretBox, clock: Clock) -> None:
        self._box = secret_box
        self._clock = clock

    async def begin(
        self,
        db: Session,
        *,
        provider_id: str,
        next_address: str,
        redirect_uri: str,
        link_user_id: str | None,
        cookies: Collection[str],
    ) -> Begun:
        """A new flow; `cookies`: names of the flow cookies that the browser has."""
        now, state, cookie = self._clock.now(), new_token(), new_token()
        flows, state_hash = FlowRepository(db), hash_token(state)
        await flows.remove_before(now - FLOW_LIFE)
        flow = Flow(
            provider_id=provider_id,
            nonce=new_token(),
            verifier=new_token(),
            next=next_address,
            redirect_uri=redirect_uri,
            link_user_id=link_user_id,
            cookie_hash=hash_token(cookie),
        )
        sealed = self._box.seal(json_text.dumps(asdict(flow)).decode(), place=_place(state_hash))
        flows.add(UpstreamFlowRow(state_hash=state_hash, sealed=sealed, created_at=now))
        marks = [name.removeprefix(COOKIE_PREFIX) for name in cookies]
        dropped = cookies_to_drop(marks, await flows.beginnings(marks)) if marks else []
        return Begun(state, flow, cookie_name(state), cookie, tuple(COOKIE_PREFIX + mark for mark in dropped))

    async def take(self, db: Session, *, state: str | None) -> Flow:
        """The flow of a state, which is over by that.

        Raises:
            FlowExpiredError: unknown, used, or too old.
        """
        if not state or len(state) > MAX_STATE:
            raise FlowExpiredError
        state_hash = hash_token(state)
        taken = await FlowRepository(db).take(state_hash)
        if taken is None or self._is_old(taken[1]):
            raise FlowExpiredError
        try:
            text = self._box.open(taken[0], place=_place(state_hash))
        except DecryptionError:
            # Begun under a secret key that is gone: nobody can end it any more.
            raise FlowExpiredError from None
        return Flow(**json_text.loads(text))

    def _is_old(self, began: datetime) -> bool:
        return self._clock.now() - began > FLOW_LIFE


def require_browser(flow: Flow, cookie: str | None) -> None:
    """Only the browser that began a flow ends it.

    Raises:
        StateInvalidError
    """
    if not cookie or not hmac.compare_digest(hash_token(cookie), flow.cookie_hash):
        raise StateInvalidError


def challenge_of(verifier: str) -> str:
    """The S256 code challenge of a verifier (RFC 7636)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def cookie_name(state: str) -> str:
    """The name of a flow's cookie."""
    return COOKIE_PREFIX + hashlib.sha256(state.encode()).hexdigest()[:MARK_DIGITS]


def _place(state_hash: str) -> str:
    return f"upstream_flows.sealed:{state_hash}"
