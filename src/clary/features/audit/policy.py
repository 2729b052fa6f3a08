"""What an act is, and how entries are chained (platform.md 7.3). No I/O."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from clary.features.permissions.service import Identity
from clary.kit import json_text

ActorKind = Literal["user", "key", "client", "cli", "system", "anonymous"]
Outcome = Literal["success", "denied", "failed"]
BrokenReason = Literal["hash", "gap", "head"]

FIRST_HASH = "0" * 64
MAX_DETAIL_BYTES = 8 * 1024
JOIN_AFTER = 10
JOIN_SECONDS = 60.0
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted."""

    kind: ActorKind
    user_id: str | None = None
    username: str | None = None
    key_id: str | None = None
    client_id: str | None = None

    @staticmethod
    def of(identity: Identity | None) -> "Actor":
        """The actor of a request."""
        if identity is None:
            return ANONYMOUS
        if identity.credential == "system":
            return SYSTEM if identity.user_id else CLI
        kind: ActorKind = "key" if identity.key_id else "client" if identity.client_id else "user"
        return Actor(kind, identity.user_id, identity.username, identity.key_id, identity.client_id)


ANONYMOUS = Actor("anonymous")
SYSTEM = Actor("system")
CLI = Actor("cli")


@dataclass(frozen=True, slots=True)
class AuditObject:
    """What was acted on."""

    type: str
    id: str
    owner_id: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is written down. `detail`: changed fields, old and new; never a secret or a message's text.

    `person`: keys of `detail` whose values name a person and go when that person is erased.
    """

    action: str
    actor: Actor
    object: AuditObject | None = None
    outcome: Outcome = "success"
    detail: Json = field(default_factory=dict[str, Any])
    person: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader of the log asks for; None: anything. `action`: a name, or a prefix such as `auth.`."""

    since: datetime | None = None
    until: datetime | None = None
    user_id: str | None = None
    action: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    outcome: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """Number and hash of an entry."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Commitment:
    """A clear value beside the entry that only holds its hash."""

    field: str
    salt: str
    value: Any

    @property
    def digest(self) -> str:
        """What stands in the entry."""
        return commitment_of(self.salt, self.value)


def commitment_of(salt: str, value: Any) -> str:
    """A salted SHA-256 over the canonical value."""
    return hashlib.sha256(salt.encode() + canonical(value)).hexdigest()


def canonical(value: Any) -> bytes:
    """Canonical JSON (RFC 8785) of what entries hold: texts, whole numbers, booleans, null, lists, objects.

    The writer sorts keys by UTF-16 units and gives a number without a fraction as a whole one, as the RFC does; the
    serialiser's escapes and shortest fractions are those of the RFC.
    """
    return json_text.dumps(_ordered(value))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        return {key: _ordered(mapping[key]) for key in sorted(mapping, key=lambda key: key.encode("utf-16-be"))}
    if isinstance(value, list | tuple):
        return [_ordered(each) for each in cast("list[Any]", value)]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def hash_of(stored: Json) -> str:
    """SHA-256 over the canonical stored entry without its own hash."""
    return hashlib.sha256(canonical({key: value for key, value in stored.items() if key != "hash"})).hexdigest()


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Json:
    """The detail of a change: old and new of what differs, by name."""
    return {key: {"old": before.get(key), "new": after[key]} for key in sorted(after) if before.get(key) != after[key]}


def bounded(detail: Json) -> Json:
    """The detail, or a note of what was too large to keep."""
    if len(canonical(detail)) <= MAX_DETAIL_BYTES:
        return detail
    return {"too_large": sorted(detail)[:50]}


def commitments_of(
    act: Act, *, address: str, user_agent: str, new_salt: Callable[[], str], detail: Json
) -> dict[str, Commitment]:
    """Everything of an entry that names a person, by its place in the entry."""
    values: dict[str, Any] = {"address": address or None, "user_agent": user_agent or None}
    values["actor.username"] = act.actor.username
    values |= {f"detail.{key}": detail[key] for key in act.person & detail.keys()}
    return {name: Commitment(name, new_salt(), value) for name, value in values.items() if value is not None}


def replaced(entry: Json, field_name: str, value: Any) -> None:
    """Puts a value at a place such as `address` or `actor.username`."""
    parent, _, key = field_name.partition(".")
    if key:
        cast("Json", entry[parent])[key] = value
    else:
        entry[parent] = value


def value_at(entry: Json, field_name: str) -> Any:
    """The value at a place; None when there is none."""
    parent, _, key = field_name.partition(".")
    return cast("Json", entry.get(parent) or {}).get(key) if key else entry.get(parent)


def shown(stored: Json, clear: dict[str, Any]) -> Json:
    """An entry for people: commitments give way to the clear values; erased ones read null with `erased`."""
    entry = {key: value for key, value in stored.items() if key != "commitments"}
    entry["actor"], entry["detail"] = dict(entry["actor"]), dict(entry["detail"])
    for name in stored["commitments"]:
        replaced(entry, name, clear.get(name))
        if name not in clear:
            entry["erased"] = True
    return entry


def actor_object(actor: Actor) -> Json:
    """The actor of an entry; ids of a key or client only where there is one."""
    known: Json = {"kind": actor.kind, "user_id": actor.user_id, "username": actor.username}
    if actor.key_id is not None:
        known["key_id"] = actor.key_id
    if actor.client_id is not None:
        known["client_id"] = actor.client_id
    return known


def object_of(target: AuditObject | None) -> Json | None:
    """The object of an entry; its owner only where there is one."""
    if target is None:
        return None
    known: Json = {"type": target.type, "id": target.id}
    if target.owner_id is not None:
        known["owner_id"] = target.owner_id
    return known


def person_of(act: Act, field_name: str) -> str:
    """Whose clear value it is: of the detail the one whose object it is, of the rest whoever acted; "" for nobody."""
    if field_name.startswith("detail.") and act.object is not None:
        owner = act.object.id if act.object.type == "user" else act.object.owner_id
        if owner is not None:
            return owner
    return act.actor.user_id or ""
