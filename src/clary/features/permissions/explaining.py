"""Says why somebody may or may not do something (platform.md 7.4): the rule itself, asked aloud."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, cast, get_args

from clary.db.session import Session
from clary.features.permissions.errors import ObjectNotFoundError
from clary.features.permissions.policy import Identity, ObjectType, Target, Verb, examine, is_allowed, with_grants
from clary.features.permissions.repository import GrantRepository

Json = dict[str, Any]


class Person(NamedTuple):
    """Somebody the rule is asked about: as whom they act, and whether they may act at all."""

    identity: Identity
    is_active: bool


class PeopleSource(Protocol):
    """Finds people, and what one of their keys leaves them."""

    async def find_person(self, db: Session, *, account: str, key_id: str | None) -> Person | None:
        """By name, e-mail address or id, acting with a key if one is named; None: no such person or key of theirs."""
        ...


class ObjectSource(Protocol):
    """Knows the objects of one type."""

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the rule has to know of an object, grants left out; None: there is no such object."""
        ...


class Witness(Protocol):
    """Writes down that somebody asked."""

    async def explained(self, db: Session, *, asked_by: Identity, account_id: str, verb: str, target: str) -> None:
        """In the caller's transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """May this person (name, e-mail address or id) do this to an object, with a key of theirs if one is named?"""

    account: str
    verb: Verb
    object_type: ObjectType
    object_id: str
    key_id: str | None = None


class PermissionExplainer:
    """Objects are known to those who keep them; types nobody keeps have no objects."""

    def __init__(self, *, people: PeopleSource, objects: Mapping[ObjectType, ObjectSource], witness: Witness) -> None:
        self._people = people
        self._objects = objects
        self._witness = witness

    async def explain(self, db: Session, question: Question, *, asked_by: Identity) -> Json:
        """`{allowed, user_id, verb, object, reasons: [{rule, allows, detail}]}`, all rules in their order.

        Raises:
            ObjectNotFoundError: no such object, person or key.
        """
        person = await self._people.find_person(db, account=question.account, key_id=question.key_id)
        target = await self._find(db, question)
        if person is None or target is None:
            raise ObjectNotFoundError
        name = f"{question.object_type}:{question.object_id}"
        await self._witness.explained(
            db, asked_by=asked_by, account_id=person.identity.user_id, verb=question.verb, target=name
        )
        reasons = examine(person.identity, question.verb, target, is_active=person.is_active)
        return {
            "allowed": is_allowed(reasons),
            "user_id": person.identity.user_id,
            "verb": question.verb,
            "object": name,
            "reasons": [{"rule": each.rule, "allows": each.allows, "detail": each.detail} for each in reasons],
        }

    async def find_rule(self, db: Session, question: Question) -> str | None:
        """The first rule that lets a person do something; None: none does, or one of the two is gone."""
        person, target = (
            await self._people.find_person(db, account=question.account, key_id=question.key_id),
            await self._find(db, question),
        )
        if person is None or target is None:
            return None
        reasons = examine(person.identity, question.verb, target, is_active=person.is_active)
        if not is_allowed(reasons):
            return None
        return next((reason.rule for reason in reasons if reason.allows and reason.counts), None)

    async def _find(self, db: Session, question: Question) -> Target | None:
        source = self._objects.get(question.object_type)
        target = await source.find_target(db, object_id=question.object_id) if source is not None else None
        if target is None:
            return None
        return with_grants(target, await GrantRepository(db).list_of(question.object_type, question.object_id))


def read_object(text: str) -> tuple[ObjectType | None, str]:
    """`<type>:<id>` as (type, id); a type nobody knows is None."""
    kind, _, object_id = text.partition(":")
    return (cast("ObjectType", kind) if kind in get_args(ObjectType) else None), object_id


def acting_with(
    identity: Identity, *, key_id: str, scopes: frozenset[str], agent_ids: frozenset[str] | None
) -> Identity:
    """The same person acting with a key."""
    return replace(identity, credential="api_key", key_id=key_id, scopes=scopes, agent_ids=agent_ids)
