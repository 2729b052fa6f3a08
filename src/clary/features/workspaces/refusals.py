"""Problems with paths as problems of this slice."""

from collections.abc import Generator
from contextlib import contextmanager

from clary.errors import ProblemError
from clary.features.workspaces.errors import FileMissingError, FileTakenError, PathDeniedError, QuotaExceededError
from clary.features.workspaces.policy import WorkspaceLimits
from clary.http.problems import ObjectLimitError
from clary.kit import safe_folders, safe_paths


@contextmanager
def read_refusals() -> Generator[None]:
    """For reading and deleting: a path over a file is a path to nothing.

    Raises:
        PathDeniedError, FileMissingError
    """
    try:
        yield
    except safe_paths.PathError as error:
        raise read_problem(error) from None


def read_problem(error: safe_paths.PathError) -> ProblemError:
    """See `read_refusals`."""
    if isinstance(error, safe_paths.PathDeniedError):
        return PathDeniedError()
    return FileMissingError(safe_paths.printable(error.path))


@contextmanager
def write_refusals(limits: WorkspaceLimits) -> Generator[None]:
    """For writing: what is in the way is there already.

    Raises:
        PathDeniedError, FileTakenError, QuotaExceededError, ObjectLimitError, FileMissingError
    """
    try:
        yield
    except safe_folders.FolderFullError as error:
        if error.of == "bytes":
            raise QuotaExceededError(limits.quota_mb) from None
        raise ObjectLimitError(limits.max_entries) from None
    except (safe_paths.PathKindError, safe_folders.PathTakenError) as error:
        raise FileTakenError(safe_paths.printable(error.path)) from None
    except safe_paths.PathError as error:
        raise read_problem(error) from None
