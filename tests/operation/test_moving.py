"""`clary export` and `clary import`: all of an instance, or nothing (platform.md 13)."""

import gzip
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from clary.db.migrate import SQLITE, known_revisions, make_at_revision
from clary.db.table_rows import RowsError, encoded, reflected_tables, to_line
from clary.settings import Settings
from clary.settings.data_dir import secret_key
from clary.wiring.archive_format import HEADER, ArchiveError, ArchiveWriter
from clary.wiring.backups import BackupError
from clary.wiring.exporting import export_instance
from clary.wiring.importing import import_instance
from operation.instances import ROWS, add_everything, files_in, left_of, moves_in, rows_in, settings_of

pytestmark = pytest.mark.anyio


def untold(_what: str, _done: int, _total: int) -> None:
    """Nobody looks at the progress."""


async def exported(folder: Path, *, with_key: bool = True) -> tuple[Settings, Path]:
    """An instance with everything, and its archive."""
    settings = settings_of(folder / "old")
    add_everything(settings)
    secret_key(settings)
    archive = folder / "instance.tar.gz"
    await export_instance(settings, archive, with_key=with_key, told=untold)
    return settings, archive


async def test_every_row_every_file_every_last_number_and_the_key_arrive(tmp_path: Path) -> None:
    old, archive = await exported(tmp_path)
    new = settings_of(tmp_path / "new")
    done = await import_instance(new, archive, untold)
    before, after = rows_in(old), rows_in(new)
    assert after == before
    assert (moves_in(old), moves_in(new)) == (["instance.exported"], ["instance.imported"])
    assert {len(rows) for name, rows in before.items() if name not in ("sqlite_sequence", "alembic_version")} == {
        ROWS,
        ROWS - 1,
    }
    assert repr(("grants", ROWS)) in after["sqlite_sequence"]
    assert files_in(new) == files_in(old)
    assert (done.files, len(files_in(new))) == (8, 8)
    assert secret_key(new) == secret_key(old)
    assert (archive.stat().st_mode & 0o777, (new.data_dir / "secret.key").stat().st_mode & 0o777) == (0o600, 0o600)
    assert sorted(left_of(new)) == ["knowledge", "objects", "skills", "workspaces"]


async def test_an_archive_without_the_key_wants_the_key_first(tmp_path: Path) -> None:
    old, archive = await exported(tmp_path, with_key=False)
    assert b"secret.key" not in gzip.decompress(archive.read_bytes())
    new = settings_of(tmp_path / "new")
    with pytest.raises(BackupError, match=r"put secret\.key into the data directory"):
        await import_instance(new, archive, untold)
    secret_key(new)
    with pytest.raises(BackupError, match="not the one that the secrets were encrypted with"):
        await import_instance(new, archive, untold)
    (new.data_dir / "secret.key").write_bytes((old.data_dir / "secret.key").read_bytes())
    await import_instance(new, archive, untold)
    assert rows_in(new) == rows_in(old)


async def test_an_instance_that_has_anything_takes_nothing(tmp_path: Path) -> None:
    old, archive = await exported(tmp_path)
    before = rows_in(old), files_in(old)
    with pytest.raises(ArchiveError, match="there is an instance already"):
        await import_instance(old, archive, untold)
    assert (rows_in(old), files_in(old)) == before
    only_files = settings_of(tmp_path / "files")
    (only_files.objects).mkdir(parents=True)
    (only_files.objects / "x").write_bytes(b"x")
    with pytest.raises(ArchiveError, match="there is an instance already"):
        await import_instance(only_files, archive, untold)
    assert (only_files.objects / "x").read_bytes() == b"x"
    with pytest.raises(ArchiveError, match="is there already"):
        await export_instance(old, archive, with_key=False, told=untold)


Members = list[tuple[tarfile.TarInfo, bytes]]


def _changed(archive: Path, change: Callable[[Members], None]) -> None:
    """Packs an archive anew with other members."""
    with tarfile.open(archive, "r:gz") as tar:
        members: Members = [(each, content.read() if (content := tar.extractfile(each)) else b"") for each in tar]
    change(members)
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for each, content in members:
            each.size = len(content) if each.isreg() else 0
            tar.addfile(each, io.BytesIO(content))


def _insert(name: str, **facts: Any) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        entry = tarfile.TarInfo(name)
        for fact, value in facts.items():
            setattr(entry, fact, value)
        members.insert(2, (entry, b"" if facts else b"hostile"))

    return change


def _header(**facts: Any) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        entry, content = members[0]
        assert entry.name == HEADER
        members[0] = (entry, json.dumps({**json.loads(content), **facts}).encode())

    return change


def _touch(prefix: str) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        place = next(place for place, (entry, _) in enumerate(members) if entry.name.startswith(prefix))
        members[place] = (members[place][0], members[place][1].replace(b"a", b"b", 1))

    return change


def _again(prefix: str) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        entry, content = next(each for each in members if each[0].name.startswith(prefix))
        twice = tarfile.TarInfo(entry.name.replace("000000", "000001"))
        members.insert(-1, (twice, content))

    return change


def _rows_of(table: str, rows: list[Any]) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        place = next(place for place, (entry, _) in enumerate(members) if entry.name.startswith(f"rows/{table}/"))
        first = members[place][1].splitlines(keepends=True)[0]
        members[place] = (members[place][0], first + b"".join(map(to_line, rows)))

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_insert("../out"), "no name that an export writes"),
        (_insert("files/objects/../../../out"), "no name that an export writes"),
        (_insert("files/objects//etc/x"), "no name that an export writes"),
        (_insert("/etc/x"), "no name that an export writes"),
        (_insert("files/elsewhere/x"), "no name that an export writes"),
        (_insert("files/skills/" + "x" * 300), "no name that an export writes"),
        (_insert("files/objects/l", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "no plain file"),
        (_insert("files/objects/l", type=tarfile.LNKTYPE, linkname=HEADER), "no plain file"),
        (_insert("files/objects/d", type=tarfile.CHRTYPE), "no plain file"),
        (_insert("files/objects/extra"), "not what was exported"),
        (_touch("files/workspaces/"), "not what was exported"),
        (_touch("rows/users/"), "."),
        (_insert("rows/no_such_table/000000.jsonl"), "no table"),
        (_rows_of("users", [["x"] * 30]), "columns|cannot be read|does not take"),
        (_again("rows/users/"), "does not take a row of users"),
        (_header(revision="9999"), "newer program"),
        (_header(format=2), "newer program"),
        (lambda members: members.pop(-1), "cut off"),
        (lambda members: members.pop(5), "."),
        (lambda members: members.pop(0), "no archive of an instance"),
        (lambda members: members.append((tarfile.TarInfo("files/objects/late"), b"x")), "goes on after its end"),
    ],
    # Functions made by functions have no name of their own, and their addresses differ between the workers of a suite.
    ids=range(21),
)
async def test_a_changed_archive_leaves_nothing(
    whole_archive: Path, tmp_path: Path, change: Callable[[Members], None], said: str
) -> None:
    archive = tmp_path / "instance.tar.gz"
    archive.write_bytes(whole_archive.read_bytes())
    _changed(archive, change)
    await _refused(tmp_path, archive, said)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.999])
async def test_an_archive_that_is_cut_off_leaves_nothing(whole_archive: Path, tmp_path: Path, kept: float) -> None:
    archive = tmp_path / "instance.tar.gz"
    whole = whole_archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * kept)])
    await _refused(tmp_path, archive, ".")


async def _refused(tmp_path: Path, archive: Path, said: str) -> None:
    new = settings_of(tmp_path / "new")
    with pytest.raises((ArchiveError, RowsError), match=said):
        await import_instance(new, archive, untold)
    assert {name for name, rows in rows_in(new).items() if rows} <= {"alembic_version", "sqlite_sequence"}
    assert left_of(new) == []
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """For fixtures of the module."""
    return "asyncio"


@pytest.fixture(scope="module")
async def whole_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive to change."""
    return (await exported(tmp_path_factory.mktemp("whole")))[1]


@pytest.mark.parametrize("revision", known_revisions()[:-1])
async def test_an_archive_of_an_earlier_revision_is_upgraded(tmp_path: Path, revision: str) -> None:
    """As an earlier program would have written it: the tables of that revision."""
    old = tmp_path / "old.db"
    make_at_revision(f"{SQLITE}{old}", revision)
    table = next(each for each in reflected_tables(f"{SQLITE}{old}") if each.name == "event_logs")
    names, row = [each.name for each in table.columns], [41, "log", 0, 7, 2, True]
    assert encoded(table, row) == row
    new = settings_of(tmp_path / "new")
    header = {"format": 1, "revision": revision, "key_fingerprint": _fingerprint(new), "has_key": False}
    archive = tmp_path / "earlier.tar.gz"
    with archive.open("wb") as file, ArchiveWriter(file) as writer:
        writer.add(HEADER, json.dumps(header).encode())
        writer.add("rows/event_logs/000000.jsonl", to_line(names) + to_line(row))
        writer.finish({"rows": {"event_logs": 1}, "last_numbers": {"event_logs": 50}})
    done = await import_instance(new, archive, untold)
    assert (done.revision, done.rows) == (revision, 1)
    with closing(sqlite3.connect(new.data_dir / "clary.db")) as connection:
        assert connection.execute("SELECT log_id, key, size_bytes FROM event_logs").fetchall() == [(41, "log", 7)]
        assert connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event_logs'").fetchall() == [(50,)]
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(known_revisions()[-1],)]
    assert [name for name in left_of(new) if "import" in name] == []


def _fingerprint(settings: Settings) -> str:
    from clary.kit.crypto import key_fingerprint

    settings.data_dir.mkdir()
    return key_fingerprint(secret_key(settings))
