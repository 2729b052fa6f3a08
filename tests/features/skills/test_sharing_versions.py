"""Versions of skills that several machines share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clary.adapters.object_store import BucketAccess, BucketOfSkills
from clary.db.database import UnavailableError
from clary.features.skills.policy.versions import hash_of
from clary.features.skills.store import SkillStore, stored_files
from support.s3_server import BUCKET, S3Server, s3_server


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as started:
        yield started


@pytest.fixture
def s3(server: S3Server) -> S3Server:
    server.empty()
    return server


def machine(folder: Path, url: str) -> SkillStore:
    access = BucketAccess(BUCKET, "key", "secret", endpoint=url, prefix="here")
    return SkillStore(folder, archives=BucketOfSkills(access))


def placed(store: SkillStore) -> str:
    folder = store.new_scratch() / "draft"
    (folder / "scripts").mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: 名\n---\n")
    (folder / "scripts/run.sh").write_text("#!/bin/sh\n")
    (folder / "scripts/run.sh").chmod(0o755)
    version = hash_of(stored_files(folder))
    store.place(folder, version)
    return version


def test_what_one_machine_placed_another_one_has(s3: S3Server, tmp_path: Path) -> None:
    one, two, three = (machine(tmp_path / name, s3.url) for name in ("one", "two", "three"))
    version = placed(one)

    assert two.files_of(version) == one.files_of(version)
    assert two.whole_among([version, "0" * 64]) == {version}
    assert three.read(version, "scripts/run.sh") == b"#!/bin/sh\n"
    with one.packed(version, "x") as ours, machine(tmp_path / "four", s3.url).packed(version, "x") as theirs:
        assert ours.read() == theirs.read()
    assert s3.names() == [f"here/skills/{version}.zip"]
    assert list((tmp_path / "two/incoming").iterdir()) == []


def test_a_damaged_copy_is_fetched_anew_and_a_damaged_archive_is_not_believed(s3: S3Server, tmp_path: Path) -> None:
    one, two = machine(tmp_path / "one", s3.url), machine(tmp_path / "two", s3.url)
    version = placed(one)
    (one.folder_of(version) / "SKILL.md").write_text("changed")
    assert one.is_intact(version)
    assert (one.folder_of(version) / "SKILL.md").read_text() == "---\nname: 名\n---\n"

    s3.call("DELETE", f"/here/skills/{version}.zip")
    other = placed(machine(tmp_path / "three", s3.url))
    assert other == version
    with (tmp_path / "noise").open("w+b") as noise:
        noise.write(b"no archive")
        noise.seek(0)
        BucketOfSkills(BucketAccess(BUCKET, "key", "secret", endpoint=s3.url, prefix="here")).put(version, noise)
    assert not two.is_intact(version)


def test_versions_that_nobody_has_go_when_they_are_old(s3: S3Server, tmp_path: Path) -> None:
    store = machine(tmp_path / "one", s3.url)
    version = placed(store)
    store.sweep([])
    assert len(s3.names()) == 1
    archives = BucketOfSkills(BucketAccess(BUCKET, "key", "secret", endpoint=s3.url, prefix="here"))
    archives.keep_only([version], min_age_seconds=-60)
    assert len(s3.names()) == 1
    archives.keep_only([], min_age_seconds=-60)
    assert s3.names() == []


def test_a_store_that_is_down_is_told_and_what_is_here_is_still_used(s3: S3Server, tmp_path: Path) -> None:
    version = placed(machine(tmp_path / "one", s3.url))
    cut_off = machine(tmp_path / "one", "http://127.0.0.1:9")
    assert cut_off.is_intact(version)
    with pytest.raises(UnavailableError):
        cut_off.files_of("0" * 64)
    with pytest.raises(UnavailableError):
        placed(cut_off)
