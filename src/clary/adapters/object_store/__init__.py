"""Where contents of stored files lie: a folder, or a bucket that speaks the protocol of S3 (platform.md 10.2)."""

from clary.adapters.object_store.bucket import BucketStore
from clary.adapters.object_store.folder import FolderStore
from clary.adapters.object_store.opening import BucketAccess
from clary.adapters.object_store.originals import BucketOfOriginals
from clary.adapters.object_store.skill_archives import BucketOfSkills

__all__ = ["BucketOfOriginals", "BucketOfSkills", "BucketAccess", "BucketStore", "FolderStore"]
