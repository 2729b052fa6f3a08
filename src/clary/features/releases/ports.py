"""What releases need from the world."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from clary.db.session import Session


class SourceError(Exception):
    """The source could not be read, or has no release. Deliberately does not say why."""


@dataclass(frozen=True, slots=True)
class SourceAsset:
    """One file of a release elsewhere: where everybody gets it, and where the server reads it."""

    name: str
    url: str
    read_url: str


@dataclass(frozen=True, slots=True)
class SourceRelease:
    """The newest release elsewhere that is neither a draft nor a pre-release."""

    tag: str
    notes: str
    published_at: datetime
    assets: Sequence[SourceAsset]


class ReleaseSource(Protocol):
    """A repository elsewhere. The caller bounds the time."""

    async def newest(self) -> SourceRelease:
        """Its newest release.

        Raises:
            SourceError
        """
        ...

    async def read_texts(self, assets: Sequence[SourceAsset], *, max_bytes: int) -> Sequence[str]:
        """The texts of small files, in their order.

        Raises:
            SourceError: one of them cannot be read or is larger.
        """
        ...


class BundleAddresses(Protocol):
    """Knows the addresses of release files that this server gives out itself."""

    async def is_bundle_address(self, db: Session, address: str, *, peer_origin: str) -> bool:
        """Whether an address names one that is here."""
        ...
