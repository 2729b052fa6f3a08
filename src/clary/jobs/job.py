"""A job as everybody sees it, and what its handler may say."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from clary.errors import ProblemError
from clary.kit.text import Text

JobStatus = Literal["pending", "running", "completed", "failed", "cancelled"]
OPEN = ("pending", "running")


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `progress` 0..100; `error` is the text of the refusal that ended it."""

    id: str
    kind: str
    owner_id: str
    status: JobStatus
    payload: Any
    progress: int
    step: str
    result: Any
    error_slug: str | None
    error: Text | None
    attempts: int
    generation: int
    created_at: datetime
    updated_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether it still waits or runs."""
        return self.status in OPEN


class RetryLaterError(Exception):
    """A handler could not do its work now: the job waits so long, and fails with the refusal after its last attempt."""

    def __init__(self, seconds: float, problem: ProblemError) -> None:
        super().__init__(problem.slug)
        self.seconds = seconds
        self.problem = problem


class JobLostError(Exception):
    """The job was called off or taken over; whatever its handler still wants to write must not be written."""


class JobBrokenError(ProblemError):
    """The handler failed in a way nobody foresaw, or the process died in each attempt."""

    slug = "internal_error"
    code = 500
    http_status = 200
    text = Text("系统内部错误", "Internal error")
