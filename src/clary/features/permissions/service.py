"""The door of the slice."""

from clary.features.permissions.explaining import (
    ObjectSource,
    PermissionExplainer,
    Person,
    Question,
    acting_with,
    read_object,
)
from clary.features.permissions.grants import Grants
from clary.features.permissions.matrix import table_of, terms_of
from clary.features.permissions.policy import (
    ALL_SCOPES,
    GRANTABLE,
    Credential,
    Grant,
    GranteeKind,
    Identity,
    ObjectType,
    Permission,
    Role,
    Target,
    Verb,
    decide,
    examine,
    is_allowed,
    with_grants,
)
from clary.features.permissions.repository import granted_to, owned_by, visible_to

__all__ = [
    "ALL_SCOPES",
    "GRANTABLE",
    "Credential",
    "Grant",
    "GranteeKind",
    "Grants",
    "Identity",
    "ObjectSource",
    "ObjectType",
    "PermissionExplainer",
    "Permission",
    "Person",
    "Question",
    "Role",
    "Target",
    "Verb",
    "acting_with",
    "decide",
    "examine",
    "granted_to",
    "is_allowed",
    "owned_by",
    "read_object",
    "table_of",
    "terms_of",
    "visible_to",
    "with_grants",
]
