"""The door of the slice."""

from clary.features.permissions.policy import ALL_SCOPES, Credential, Identity, Role, Verb, decide
from clary.features.permissions.repository import owned_by, visible_to

__all__ = [
    "ALL_SCOPES",
    "Credential",
    "Identity",
    "Role",
    "Verb",
    "decide",
    "owned_by",
    "visible_to",
]
