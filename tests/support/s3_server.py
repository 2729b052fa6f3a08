"""A server that speaks the protocol of S3, in a thread of the tests, with everything in memory."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from moto.server import ThreadedMotoServer

BUCKET = "clary-files"
_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
}
_NAMES = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@dataclass(frozen=True)
class S3Server:
    """One bucket on a free port."""

    url: str

    def names(self) -> list[str]:
        """What lies in the bucket."""
        return self._listed("?list-type=2", "Key")

    def parts(self) -> list[str]:
        """Uploads in parts that nobody ended."""
        return self._listed("?uploads", "Key")

    def empty(self) -> None:
        """Takes everything out."""
        for name in self.names():
            self.call("DELETE", f"/{name}")

    def call(self, method: str, path: str = "") -> bytes:
        """A request of its own; nobody checks signatures here."""
        request = urllib.request.Request(f"{self.url}/{BUCKET}{path}", method=method, headers=_SIGNED)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def settings(self, **more: Any) -> dict[str, Any]:
        """How a house is told to use it."""
        return {
            "object_store": "s3",
            "s3_endpoint": self.url,
            "s3_bucket": BUCKET,
            "s3_access_key": "key",
            "s3_secret_key": "secret",
            **more,
        }

    def _listed(self, query: str, name: str) -> list[str]:
        found = ElementTree.fromstring(self.call("GET", query))
        return [each.text or "" for each in found.iter(f"{_NAMES}{name}")]


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Starts and stops one."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        made = S3Server(f"http://{host}:{port}")
        made.call("PUT")
        # All servers of one process share their memory.
        made.empty()
        yield made
    finally:
        server.stop()
