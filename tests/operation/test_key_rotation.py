"""`clary keys rotate`: everything sealed with an old key is sealed anew, on both databases (platform.md 13)."""

import asyncio
import base64
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from clary.db import sealed_rows
from clary.db.database import Database
from clary.db.sealed_rows import SealedColumn, sealed_columns
from clary.db.table_rows import plain_tables
from clary.kit.crypto import DecryptionError, SecretBox, key_fingerprint
from clary.wiring import build_services, key_rotation
from clary.wiring.key_rotation import KeyRotation, Rotated
from operation.instances import ROWS, settings_of, value_of
from support.postgresql import forget_postgresql_in, postgresql_in
from support.schema import put_schema, stored_rows
from support.server_process import ServerProcess, signed_in
from support.terminal import clary

pytestmark = pytest.mark.anyio

OLD, NEW, LOST = (bytes([number]) * 32 for number in (1, 2, 3))
SEALED = re.compile(r"v1:[0-9a-f]{8}:")


def told(box: SecretBox, column: SealedColumn, place: str) -> str:
    """A secret for a place; one that holds another where the column says so."""
    if column.inner is None:
        return f"secret of {place}"
    inside = {"id": place, "sealed": box.seal(f"secret in {place}", place=f"{column.inner}:{place}")}
    return json.dumps({"mcp": {"pending": [inside]}, "other": {"id": 1, "sealed": None}})


def read(box: SecretBox, column: SealedColumn, place: str, sealed: str) -> None:
    """Opens all of what `told` made."""
    plain = box.open(sealed, place=place)
    if column.inner is None:
        assert plain == f"secret of {place}"
        return
    whole = json.loads(plain)
    assert whole["other"] == {"id": 1, "sealed": None}
    inside = whole["mcp"]["pending"][0]
    assert box.open(inside["sealed"], place=f"{column.inner}:{inside['id']}") == f"secret in {place}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with every table."""
    if request.param == "postgresql":
        yield postgresql_in(tmp_path)
        forget_postgresql_in(tmp_path)
    else:
        address = f"sqlite:///{tmp_path / 'data' / 'clary.db'}"
        put_schema(address)
        yield address


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Rows in every table, each sealed value sealed with the old key."""
    found = Database(url)
    async with found.write() as db:
        box = SecretBox(OLD)
        for table in plain_tables():
            rows = [{column.name: value_of(column, row) for column in table.columns} for row in range(ROWS)]
            for column in sealed_columns():
                for row in rows if column.table.name == table.name else []:
                    place = ":".join([column.name, *(str(row[name]) for name in column.place_columns)])
                    row[column.column] = box.seal(told(box, column, place), place=place)
            if not table.name.startswith("audit"):
                await db.execute(insert(table), rows)
    yield found
    await found.close()


async def everything(database: Database, *, but_sealed: bool = False) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table."""
    hidden = {(each.table.name, each.column) for each in sealed_columns()} if but_sealed else set[Any]()
    async with database.read() as db:
        return {
            table.name: [
                {name: value for name, value in row.items() if (table.name, name) not in hidden}
                for row in (await db.execute(table.select().order_by(*table.primary_key.columns))).mappings()
            ]
            for table in plain_tables()
            if not table.name.startswith("audit")
        }


async def opened(database: Database, *keys: bytes) -> tuple[int, int]:
    """How many sealed values these keys open, each being what was sealed, and how many they do not."""
    box, good, bad, rows = SecretBox(keys[0], keys[1:]), 0, 0, await everything(database)
    for column in sealed_columns():
        for row in rows[column.table.name]:
            place = ":".join([column.name, *(str(row[name]) for name in column.place_columns)])
            try:
                read(box, column, place, row[column.column])
                good += 1
            except DecryptionError:
                bad += 1
    return good, bad


async def rotate(url: str, *old: bytes, portion: int = 2) -> Rotated:
    """As the command does."""
    services = build_services(_settings(url, NEW, *old))
    try:
        box = services.secret_box
        rotation = KeyRotation(database=services.database, box=box, audit=services.identity.audit, portion=portion)
        return await rotation.run()
    finally:
        await services.database.close()
        services.passwords.close()


def _settings(url: str, key: bytes, *old: bytes) -> Any:
    folder = Path(url.removeprefix("sqlite:///")).parent if url.startswith("sqlite") else Path("/nonexistent")
    given = {"secret_key": _text(key), "secret_key_old": ",".join(map(_text, old))}
    return settings_of(folder, database_url=url, **given)


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


async def test_every_sealed_value_is_sealed_anew_and_nothing_else_changes(url: str, database: Database) -> None:
    count = len(sealed_columns()) * ROWS
    before = await everything(database, but_sealed=True)
    assert (await opened(database, OLD), await opened(database, NEW)) == ((count, 0), (0, count))
    assert await rotate(url, LOST, OLD) == Rotated(count, {})
    assert (await opened(database, OLD), await opened(database, NEW)) == ((0, count), (count, 0))
    assert await everything(database, but_sealed=True) == before
    assert await rotate(url) == Rotated(0, {})
    # The scan finds sealed values wherever they are, and they are nowhere else.
    found = {
        f"{table}.{name}"
        for table, rows in (await everything(database)).items()
        for row in rows
        for name, value in row.items()
        if isinstance(value, str) and SEALED.search(value)
    }
    assert found == {column.name for column in sealed_columns()}


async def test_what_no_key_opens_stays_as_it_is_and_is_counted(url: str, database: Database) -> None:
    where = next(each for each in sealed_columns() if each.name == "llm_providers.sealed_key")
    rows = (await everything(database))["llm_providers"]
    lost = SecretBox(LOST).seal("x", place=f"{where.name}:{rows[0]['id']}")
    damaged = f"v1:{key_fingerprint(OLD)}:!"
    async with database.write() as db:
        for row, value in zip(rows, (lost, damaged), strict=False):
            change = where.table.update().where(where.table.c.id == row["id"])
            await db.execute(change.values(sealed_key=value))
    count = len(sealed_columns()) * ROWS
    assert await rotate(url, OLD) == Rotated(count - 2, {where.name: 2})
    after = [row["sealed_key"] for row in (await everything(database))["llm_providers"]]
    assert after[:2] == [lost, damaged]
    assert await opened(database, NEW) == (count - 2, 2)


async def test_an_old_secret_inside_what_the_new_key_sealed_is_found(url: str, database: Database) -> None:
    where = next(each for each in sealed_columns() if each.inner)
    rows = (await everything(database))[where.table.name]
    place = f"{where.name}:{rows[0]['run_id']}"
    around = SecretBox(NEW, (OLD,)).seal(told(SecretBox(OLD), where, place), place=place)
    lost = SecretBox(NEW).seal(told(SecretBox(LOST), where, other := f"{where.name}:{rows[1]['run_id']}"), place=other)
    async with database.write() as db:
        for row, value in zip(rows, (around, lost), strict=False):
            change = where.table.update().where(where.table.c.run_id == row["run_id"])
            await db.execute(change.values(input_sealed=value))
    count = len(sealed_columns()) * ROWS
    assert await rotate(url, OLD) == Rotated(count - 1, {where.name: 1})
    assert await opened(database, NEW) == (count - 1, 1)
    assert (await everything(database))[where.table.name][1]["input_sealed"] == lost


async def test_a_value_that_changes_meanwhile_is_not_put_back(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = next(each for each in sealed_columns() if each.name == "mcp_servers.sealed")
    row = (await everything(database))["mcp_servers"][1]
    place = f"{where.name}:{row['id']}"
    changed = False

    async def change_first(*arguments: Any, **named: Any) -> Any:
        nonlocal changed
        found = await sealed_rows.list_sealed(*arguments, **named)
        if arguments[1] == where and not changed:
            # A server that was not told of the new key yet.
            changed = True
            fresh = SecretBox(OLD).seal("changed meanwhile", place=place)
            async with database.write() as db:
                change = where.table.update().where(where.table.c.id == row["id"])
                await db.execute(change.values(sealed=fresh))
        return found

    monkeypatch.setattr(key_rotation, "list_sealed", change_first)
    assert await rotate(url, OLD) == Rotated(len(sealed_columns()) * ROWS, {})
    after = (await everything(database))["mcp_servers"][1]["sealed"]
    assert SecretBox(NEW).open(after, place=place) == "changed meanwhile"


KILLED = """
import os, signal
from clary.wiring import key_rotation
replace, calls = key_rotation.replace_sealed, []
async def dying(*arguments):
    calls.append(1)
    if len(calls) == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return await replace(*arguments)
key_rotation.replace_sealed = dying
key_rotation.KeyRotation.__init__.__kwdefaults__["portion"] = 2
from clary.cli import main
main()
"""


async def test_who_is_killed_has_lost_nothing_and_goes_on(url: str, database: Database, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "CLARY_DATA_DIR": str(tmp_path / "data"),
        "CLARY_DATABASE_URL": url,
        "CLARY_SECRET_KEY": _text(NEW),
        "CLARY_SECRET_KEY_OLD": _text(OLD),
    }
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", KILLED, "keys", "rotate"], env=environment, check=False, timeout=120
    )
    assert done.returncode == -9
    count = len(sealed_columns()) * ROWS
    done_before, _ = await opened(database, NEW)
    # A portion does not reach over the end of a column; the one that was under way is undone.
    assert 0 < done_before < 8
    assert await opened(database, NEW, OLD) == (count, 0)
    assert await rotate(url, OLD) == Rotated(count - done_before, {})
    assert await opened(database, NEW) == (count, 0)


async def test_a_server_goes_on_while_its_key_is_rotated(tmp_path: Path) -> None:
    old, new = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    data = tmp_path / "data"
    made = {"base_url": "http://127.0.0.1:9/v1", "api_keys": ["sk-rotated-0123456789ab"], "model": "m"}

    def rotated(**keys: str) -> Any:
        return clary(tmp_path, "keys", "rotate", **keys)

    async with Serving(data, CLARY_SECRET_KEY=old) as person:
        await person.data("POST", "/api/llm-provider/create", made)
        shown = await person.data("GET", "/api/llm-provider/list")
    both = {"CLARY_SECRET_KEY": new, "CLARY_SECRET_KEY_OLD": old}
    alone = await asyncio.to_thread(rotated, CLARY_SECRET_KEY=new)
    assert (alone.returncode, alone.stdout) == (1, f"encrypted 0 secrets anew with key {_id(new)}\n")
    assert alone.stderr.startswith("2 secrets cannot be decrypted with the keys given and stay as they are: ")
    async with Serving(data, **both) as person:
        assert await person.data("GET", "/api/llm-provider/list") == shown
        done = await asyncio.to_thread(rotated, **both)
        assert (done.returncode, done.stdout) == (0, f"encrypted 2 secrets anew with key {_id(new)}\n"), done.stderr
        assert await person.data("GET", "/api/llm-provider/list") == shown
    async with Serving(data, CLARY_SECRET_KEY=new) as person:
        assert await person.data("GET", "/api/llm-provider/list") == shown
    assert stored_rows(data, "SELECT count(*) FROM audit_log WHERE action = 'keys.rotated'") == [(1,)]


class Serving:
    """A server and its admin."""

    def __init__(self, data: Path, **environment: str) -> None:
        self._server = ServerProcess(data, **environment)

    async def __aenter__(self) -> Any:
        await self._server.start()
        return await signed_in(self._server)

    async def __aexit__(self, *_: Any) -> None:
        await self._server.stop()


def _id(key: str) -> str:
    return key_fingerprint(base64.b64decode(key))
