"""What a log line may say of a fault (platform.md 12.3)."""

import subprocess
import sys

import orjson

PROGRAM = """
import logging, structlog
from clary.kit.logs import configure_logs
configure_logs(level="info", form="json", secrets=["known-secret", "tiny"])
log = structlog.get_logger()
def fail():
    password = "local-secret"
    raise ValueError("told-secret of " + password)
try:
    fail()
except ValueError:
    log.error("unhandled_fault", exc_info=True)
    logging.getLogger("library").exception("it broke with known-secret")
log.warning("sent", url="http://host/?key=known-secret", tiny="tiny")
log.debug("too low")
"""


def test_a_fault_is_logged_by_class_and_place_without_texts_values_or_known_secrets() -> None:
    """In a process of its own, because logging is set up once for all."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    fault, library, sent = (orjson.loads(line) for line in done.stderr.splitlines())
    assert (fault["level"], fault["event"]) == ("error", "unhandled_fault")
    assert fault["exception"].startswith("ValueError at ")
    assert "fail" in fault["exception"]
    assert library["event"] == "it broke with ***"
    assert sent["url"] == "http://host/?key=***"
    # Too short to be told from ordinary words.
    assert sent["tiny"] == "tiny"
    assert "-secret" not in done.stderr
