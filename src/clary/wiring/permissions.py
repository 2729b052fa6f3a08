"""Parts for the question who may do what."""

from clary.db.session import Session
from clary.features.accounts.service import UserAdministration
from clary.features.api_keys.service import ApiKeyService
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.groups.service import GroupMemberships
from clary.features.permissions.service import (
    Identity,
    ObjectSource,
    PermissionExplainer,
    Person,
    acting_with,
)
from clary.wiring.identity import IdentityServices


def make_explainer(
    identity: IdentityServices,
    *,
    agents: ObjectSource,
    conversations: ObjectSource,
    runs: ObjectSource,
    providers: ObjectSource,
    mcp_servers: ObjectSource,
    skills: ObjectSource,
    files: ObjectSource,
    knowledge_bases: ObjectSource,
    documents: ObjectSource,
    tasks: ObjectSource,
) -> PermissionExplainer:
    """The explainer, which asks each slice about its objects."""
    return PermissionExplainer(
        people=PeopleAskedAbout(identity.user_administration, identity.memberships, identity.keys),
        objects={
            "agent": agents,
            "conversation": conversations,
            "run": runs,
            "provider": providers,
            "mcp": mcp_servers,
            "skill": skills,
            "file": files,
            "kdb": knowledge_bases,
            "doc": documents,
            "task": tasks,
            "group": identity.memberships,
            "user": identity.user_administration,
            "key": identity.keys,
        },
        witness=AuditWitness(identity.audit),
    )


class PeopleAskedAbout:
    """People and their keys, for the question who may do what."""

    def __init__(self, administration: UserAdministration, groups: GroupMemberships, keys: ApiKeyService) -> None:
        self._administration = administration
        self._groups = groups
        self._keys = keys

    async def find_person(self, db: Session, *, account: str, key_id: str | None) -> Person | None:
        """See `PeopleSource`."""
        user = await self._administration.find_account(db, account=account)
        if user is None:
            return None
        groups = await self._groups.groups_of(db, user_id=user.user_id)
        identity = Identity(user.user_id, user.username, user.role, "access_token", group_ids=groups)
        if key_id is not None:
            limits = await self._keys.find_limits(db, user_id=user.user_id, key_id=key_id)
            if limits is None:
                return None
            identity = acting_with(identity, key_id=key_id, scopes=limits.scopes, agent_ids=limits.agent_ids)
        return Person(identity, user.is_active)


class AuditWitness:
    """Writes down who asked for whose permission."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    async def explained(self, db: Session, *, asked_by: Identity, account_id: str, verb: str, target: str) -> None:
        """See `Witness`."""
        detail = {"verb": verb, "object": target}
        await self._audit.record(
            db, Act("permission.explained", Actor.of(asked_by), AuditObject("user", account_id), detail=detail)
        )
