"""`clary permissions`, `key` and `audit` as people use them."""

import json
import subprocess
from pathlib import Path

import pytest

from support.terminal import clary


def run(folder: Path, *arguments: str, stdin: str = "", status: int = 0) -> subprocess.CompletedProcess[str]:
    """A command that ends as expected."""
    done = clary(folder, *arguments, stdin=stdin)
    assert done.returncode == status, (arguments, done.stdout, done.stderr)
    return done


def test_keys_are_made_listed_and_revoked_and_permissions_are_explained(tmp_path: Path) -> None:
    run(tmp_path, "user", "add", "pia", "--password-stdin", stdin="long-enough-1\n")
    made = run(tmp_path, "key", "add", "Laptop", "--user", "pia", "--scope", "read", "--days", "3").stdout
    secret, key_id = made.split()[0], made.split("(")[1].split(")")[0]
    assert (secret[:4], len(secret)) == ("clk_", 47)
    (listed,) = json.loads(run(tmp_path, "key", "list", "--user", "pia", "--json").stdout)
    assert (listed["id"], listed["scopes"], "key" in listed) == (key_id, ["read"], False)
    allowed = run(tmp_path, "permissions", "explain", "pia", "read", f"key:{key_id}")
    assert allowed.stdout.splitlines()[0] == "allowed"
    question = ("permissions", "explain", "pia", "write", f"key:{key_id}", "--key", key_id, "--json")
    refused = run(tmp_path, *question, status=1)
    assert json.loads(refused.stdout)["allowed"] is False
    assert run(tmp_path, "permissions", "explain", "nobody", "read", f"key:{key_id}", status=2).stderr.strip() == (
        "Object not found"
    )
    run(tmp_path, "permissions", "explain", "pia", "eat", "key:x", status=2)
    run(tmp_path, "key", "revoke", key_id, "--user", "pia")
    assert json.loads(run(tmp_path, "key", "list", "--user", "pia", "--json").stdout) == []


def test_the_log_is_exported_and_verified(tmp_path: Path) -> None:
    run(tmp_path, "user", "add", "pia", "--password-stdin", stdin="long-enough-1\n")
    exported = run(tmp_path, "audit", "export", "--form", "stored").stdout
    file = tmp_path / "audit.jsonl"
    file.write_text(exported)
    head = json.loads(exported.splitlines()[-1])["head"]
    noted = f"{head['seq']}:{head['hash']}"
    for more in ([], ["--head", noted], ["--file", str(file)], ["--file", str(file), "--head", noted]):
        assert run(tmp_path, "audit", "verify", *more).stdout == f"intact: {head['seq']} entries, head {noted}\n"
    cut = tmp_path / "cut.jsonl"
    cut.write_text("\n".join([*exported.splitlines()[:1], exported.splitlines()[-1]]))
    assert run(tmp_path, "audit", "verify", "--file", str(cut), status=1).stderr == "broken at 2: head\n"
    for other in ("not JSON", run(tmp_path, "audit", "export").stdout):
        (tmp_path / "none").write_text(other)
        assert "not an export" in run(tmp_path, "audit", "verify", "--file", str(tmp_path / "none"), status=2).stderr
    assert run(tmp_path, "audit", "verify", "--head", "x", status=2).stderr == "head must be SEQ:HASH\n"


@pytest.mark.sqlite
def test_a_log_that_is_not_there_is_not_called_intact(tmp_path: Path) -> None:
    assert "there is no database" in run(tmp_path, "audit", "verify", status=2).stderr
    assert "there is no database" in run(tmp_path, "audit", "verify", status=2).stderr


def test_a_user_is_deleted_and_the_things_are_handed_on(tmp_path: Path) -> None:
    for name in ("pia", "max"):
        run(tmp_path, "user", "add", name, "--password-stdin", stdin="long-enough-1\n")
    run(tmp_path, "user", "delete", "pia", "--objects", "transfer", "--transfer-to", "max")
    assert [user["username"] for user in json.loads(run(tmp_path, "user", "list", "--json").stdout)] == ["max"]
    assert run(tmp_path, "user", "delete", "pia", status=1).stderr == "User not found\n"
