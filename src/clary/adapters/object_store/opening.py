"""Which bucket, and how it is reached: the same for all that lies in it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast
from urllib.parse import urlsplit

from obstore.store import S3Store

_CLIENT: Final = {
    "connect_timeout": timedelta(seconds=3),
    # Of one request: a part or a piece, never a whole file.
    "timeout": timedelta(seconds=60),
    "read_timeout": timedelta(seconds=10),
}
_RETRIES: Final = {"max_retries": 2, "retry_timeout": timedelta(seconds=8)}


@dataclass(frozen=True, slots=True)
class BucketAccess:
    """Which bucket, and how it is reached; `endpoint` None: that of AWS in the region."""

    bucket: str
    access_key: str
    secret_key: str
    endpoint: str | None = None
    region: str = "us-east-1"
    path_style: bool = True
    prefix: str = ""


def open_bucket(access: BucketAccess) -> S3Store:
    """The bucket; nothing is sent by that."""
    more: dict[str, Any] = {}
    if access.endpoint is not None:
        more["endpoint"] = access.endpoint.rstrip("/") if access.path_style else _own_host(access)
    options = _CLIENT | {"allow_http": (access.endpoint or "").startswith("http://")}
    return S3Store(
        access.bucket,
        access_key_id=access.access_key,
        secret_access_key=access.secret_key,
        region=access.region,
        virtual_hosted_style_request=not access.path_style,
        client_options=cast("Any", options),
        retry_config=cast("Any", _RETRIES),
        **more,
    )


def _own_host(access: BucketAccess) -> str:
    """The bucket as the first part of the endpoint's name."""
    parts = urlsplit(access.endpoint or "")
    return f"{parts.scheme}://{access.bucket}.{parts.netloc}{parts.path}".rstrip("/")


def prefix_of(access: BucketAccess) -> str:
    """What all names begin with: empty, or ending in a slash."""
    prefix = access.prefix.strip("/")
    return f"{prefix}/" if prefix else ""
