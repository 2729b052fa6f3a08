"""`clary group`: groups from the terminal (platform.md 7.2)."""

import json
from pathlib import Path

from support.terminal import clary

PASSWORD = "Some-Person-4711"


def test_groups_are_made_filled_listed_and_deleted(tmp_path: Path) -> None:
    clary(tmp_path, "user", "add", "pia", "--password-stdin", "--email", "pia@example.org", stdin=PASSWORD)
    added = clary(tmp_path, "group", "add", "Team", "--description", "ours")
    assert (added.returncode, added.stdout[:12]) == (0, "added Team (")
    again = clary(tmp_path, "group", "add", "TEAM")
    assert (again.returncode, again.stderr) == (1, "Group already exists\n")
    assert clary(tmp_path, "group", "add", "x" * 65).returncode == 1
    filled = clary(tmp_path, "group", "members", "team", "--add", "pia@example.org", "--role", "manager")
    assert filled.stdout.split("\t")[:3] == ["pia", "manager", "manual"]
    (group,) = json.loads(clary(tmp_path, "group", "list", "--json").stdout)
    assert (group["name"], group["description"], group["member_count"]) == ("Team", "ours", 1)
    assert clary(tmp_path, "group", "list").stdout == f"Team\t1\tmanual\t{group['id']}\n"
    (member,) = json.loads(clary(tmp_path, "group", "members", "Team", "--json").stdout)
    assert (member["username"], member["role"]) == ("pia", "manager")
    assert clary(tmp_path, "group", "members", "Team", "--remove", "pia").stdout == ""
    assert clary(tmp_path, "group", "delete", "Team").stdout == "deleted Team\n"
    gone = clary(tmp_path, "group", "delete", "Team")
    assert (gone.returncode, gone.stderr) == (1, "Group not found\n")
