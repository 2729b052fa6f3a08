"""`clary export` and `clary import` of an instance whose contents lie in a bucket (platform.md 13)."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert

from clary.adapters.object_store import BucketOfOriginals, BucketOfSkills, BucketStore
from clary.db.table_rows import plain_tables
from clary.features.skills.policy.versions import hash_of
from clary.features.skills.store import SkillStore, stored_files
from clary.settings import Settings
from clary.wiring.exporting import export_instance
from clary.wiring.importing import import_instance
from clary.wiring.objects import bucket_access
from operation.instances import settings_of, tables_by_name, value_of
from support.s3_server import S3Server, s3_server
from support.schema import put_schema

pytestmark = pytest.mark.anyio

GONE = "f" * 64


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with s3_server() as started:
        yield started


def untold(_what: str, _done: int, _total: int) -> None:
    """Nobody looks at the progress."""


async def pieces(content: bytes) -> AsyncGenerator[bytes]:
    yield content


def add_rows(settings: Settings, version: str) -> None:
    """Two of each: one whose content is there, and one whose content is lost."""
    put_schema(settings.database)
    tables = tables_by_name(plain_tables())
    named = {"files": "blob", "knowledge_documents": "file_key", "skill_versions": "hash"}
    values = {"files": ["b1", "b2"], "knowledge_documents": ["k/1.txt", "k/2.txt"], "skill_versions": [version, GONE]}
    parents = ("users", "knowledge_bases", "skills")
    engine = create_engine(settings.database)
    with engine.begin() as connection:
        for name in (*parents, *named):
            rows = [{column.name: value_of(column, row) for column in tables[name].columns} for row in range(2)]
            for row, found in enumerate(rows):
                if name in named:
                    found[named[name]] = values[name][row]
                if name == "files":
                    found |= {"size": 4, "content_type": "text/plain", "filename": "a.txt"}
            connection.execute(insert(tables[name]), rows)
    engine.dispose()


async def fill(settings: Settings, folder: Path) -> str:
    """Puts a file, an original and a version of a skill into the bucket; none of them stays on this machine."""
    access = bucket_access(settings)
    source = folder / "content"
    source.write_bytes(b"file")
    await BucketStore(access).put("b1", source, content_type="text/plain", disposition="attachment")
    originals = BucketOfOriginals(access, scratch=folder / "scratch")
    await originals.put("k/1.txt", pieces(b"original"), max_bytes=100)
    elsewhere = SkillStore(folder / "elsewhere", archives=BucketOfSkills(access))
    draft = elsewhere.new_scratch() / "draft"
    draft.mkdir()
    (draft / "SKILL.md").write_text("---\nname: 名\n---\n")
    (draft / "run.sh").write_text("#!/bin/sh\n")
    (draft / "run.sh").chmod(0o755)
    version = hash_of(stored_files(draft))
    await asyncio.to_thread(elsewhere.place, draft, version)
    return version


async def test_what_lies_in_a_bucket_moves_into_folders_and_into_another_bucket(s3: S3Server, tmp_path: Path) -> None:
    old = settings_of(tmp_path / "old", **s3.settings(s3_prefix="old"))
    version = await fill(old, tmp_path)
    add_rows(old, version)
    copy = old.originals / "scratch" / "0123"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"somebody reads this just now")
    archive = tmp_path / "instance.tar.gz"
    done = await export_instance(old, archive, with_key=True, told=untold)
    assert (done.files, done.missing) == (4, 3)

    folders = settings_of(tmp_path / "folders")
    taken = await import_instance(folders, archive, untold)
    assert (taken.files, taken.missing) == (4, 3)
    assert (folders.objects / "b1").read_bytes() == b"file"
    assert [each.name for each in folders.originals.rglob("*") if each.is_file()] == ["1.txt"]
    assert (folders.originals / "k/1.txt").read_bytes() == b"original"
    assert SkillStore(folders.skills).is_intact(version)

    s3.empty()
    new = settings_of(tmp_path / "new", **s3.settings(s3_prefix="new"))
    assert (await import_instance(new, archive, untold)).missing == 3
    assert sorted(s3.names()) == ["new/objects/b1", "new/originals/k/1.txt", f"new/skills/{version}.zip"]
    other = SkillStore(tmp_path / "other", archives=BucketOfSkills(bucket_access(new)))
    assert await asyncio.to_thread(other.is_intact, version)
    assert not new.originals.exists()
