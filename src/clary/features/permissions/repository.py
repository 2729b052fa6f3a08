"""The rule as a condition inside a query, so that what may not be seen is never read."""

from sqlalchemy import ColumnElement, false, true
from sqlalchemy.orm import InstrumentedAttribute

from clary.features.permissions.policy import Identity


def visible_to(identity: Identity, owner: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Rows that belong to the identity; all rows for an admin."""
    if identity.is_admin:
        return true()
    return owned_by(identity.user_id, owner)


def owned_by(user_id: str, owner: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Rows of exactly this owner; the empty user id matches nothing."""
    return owner == user_id if user_id else false()
