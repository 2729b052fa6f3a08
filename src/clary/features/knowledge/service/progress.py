"""How far the building of a version is, told like the progress of an upload (contract product 5.7)."""

from clary.db.session import Session
from clary.features.knowledge.policy.documents import TaskCounts
from clary.features.knowledge.repository.versions import VersionRepository


async def find_rebuild(db: Session, kdb_id: str, task_id: str) -> TaskCounts | None:
    """The documents of a base by whether they are in the version a task builds; None: it builds none.

    Until the version answers, at least one of them waits.
    """
    versions = VersionRepository(db)
    row = await versions.find_rebuild(kdb_id, task_id)
    if row is None:
        return None
    total, built = await versions.count_texts(kdb_id, row.version)
    if row.state == "ready":
        return TaskCounts(total, 0, 0, 0)
    if row.state != "building":
        return TaskCounts(0, total, 0, 0)
    done = min(total * row.progress // 100, built, max(total - 1, 0))
    return TaskCounts(done, 0, 0, total - done)
