"""The door of the slice."""

from clary.features.permissions.explaining import PermissionExplainer, Person, Question, acting_with, read_object
from clary.features.permissions.grants import Grants
from clary.features.permissions.policy import (
    ALL_SCOPES,
    Credential,
    Grant,
    GranteeKind,
    Identity,
    ObjectType,
    Role,
    Target,
    Verb,
    decide,
)
from clary.features.permissions.repository import granted_to, owned_by, visible_to

__all__ = [
    "ALL_SCOPES",
    "Credential",
    "Grant",
    "GranteeKind",
    "Grants",
    "Identity",
    "ObjectType",
    "PermissionExplainer",
    "Person",
    "Question",
    "Role",
    "Target",
    "Verb",
    "acting_with",
    "decide",
    "granted_to",
    "owned_by",
    "read_object",
    "visible_to",
]
