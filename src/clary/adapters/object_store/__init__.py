"""Where contents of stored files lie: a folder, or a bucket that speaks the protocol of S3 (platform.md 10.2)."""

from clary.adapters.object_store.bucket import BucketAccess, BucketStore
from clary.adapters.object_store.folder import FolderStore

__all__ = ["BucketAccess", "BucketStore", "FolderStore"]
