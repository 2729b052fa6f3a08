"""Every SQL statement of accounts, one class per noun."""

from clary.features.accounts.repository.accounts import AccountRepository
from clary.features.accounts.repository.codes import CodeRepository
from clary.features.accounts.repository.identities import IdentityRepository

__all__ = ["AccountRepository", "CodeRepository", "IdentityRepository"]
