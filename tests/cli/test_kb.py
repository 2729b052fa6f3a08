"""`clary kb`: folders, queries and question sets from the terminal, beside a server and without one (product.md 5)."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clary.cli import app
from clary.features.knowledge.service import Answer, Question, Retriever
from support.schema import database_environment
from support.server_process import running, signed_in

pytestmark = pytest.mark.anyio

PASSWORD = "Some-Person-4711"
KB = "/api/knowledge-base"


def clary(folder: Path, *arguments: str, stdin: str = "") -> Result:
    """Runs a command on a data directory, in this process: many processes would each import everything anew."""
    runner = CliRunner(env={"CLARY_DATA_DIR": str(folder / "data"), **database_environment(folder / "data")})
    return runner.invoke(app, list(arguments), input=stdin)


async def beside(folder: Path, *arguments: str, stdin: str = "") -> Result:
    """The same while something goes on in this loop."""
    return await asyncio.to_thread(lambda: clary(folder, *arguments, stdin=stdin))


def folder_in(place: Path) -> Path:
    """Two good files, one of them in a folder below, an empty one, and things that are left out."""
    folder = place / "docs"
    (folder / "moon").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "tides.md").write_text("# Tides\n\nThe sea rises twice a day.", "utf-8")
    (folder / "moon" / "phases.txt").write_text("The moon has eight phases.", "utf-8")
    (folder / "empty.txt").write_bytes(b" " * 40)
    (folder / ".git" / "config").write_text("hidden", "utf-8")
    (folder / "link.md").symlink_to(folder / "tides.md")
    return folder


async def test_a_folder_goes_in_beside_a_server_and_only_once(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    mine = ("--user", "pia")
    async with running(tmp_path / "data") as server:
        await beside(tmp_path, "user", "add", "pia", "--password-stdin", stdin=PASSWORD)
        first = await beside(tmp_path, "kb", "import", str(folder), "Sea", *mine, "--create")
        again = await beside(tmp_path, "kb", "import", str(folder), "Sea", *mine)
        empty = folder / "empty.txt"
        empty.write_bytes(b"x" * empty.stat().st_size)
        mended = await beside(tmp_path, "kb", "import", str(folder), "Sea", *mine)
        (folder / "tides.md").write_text("# Tides\n\nThe sea rises twice a day, by the moon.", "utf-8")
        replaced = await beside(tmp_path, "kb", "import", str(folder), "Sea", *mine, "--replace", "--no-wait")
        pia = await signed_in(server, "pia", PASSWORD)
        (base,) = (await pia.data("GET", f"{KB}/list"))["list"]
        listed = (await pia.data("GET", f"{KB}/doc/list?kdb_id={base['id']}"))["list"]
    reason = "refused empty.txt: The file contains no extractable text (it may be a scan)\n"
    assert (first.exit_code, first.stdout) == (1, "2 taken in, 0 there already, 1 refused\n"), first.stderr
    assert first.stderr.endswith(reason)
    assert (again.exit_code, again.stdout) == (1, "0 taken in, 2 there already, 1 refused\n"), again.stderr
    assert again.stderr.endswith(reason)
    assert (mended.exit_code, mended.stdout) == (0, "1 taken in, 2 there already, 0 refused\n"), mended.stderr
    assert replaced.exit_code == 0, replaced.stderr
    assert (base["name"], base["type"]) == ("Sea", "document")
    assert {each["doc_name"] for each in listed} == {"tides.md", "moon - phases.txt", "empty.txt"}
    assert [each["status"] for each in listed if each["doc_name"] == "empty.txt"].count(3) == 0


def test_without_a_server_a_folder_is_taken_in_searched_and_judged(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    (folder / "empty.txt").unlink()
    questions = tmp_path / "questions.jsonl"
    asked = [("sea rises", "tides.md"), ("eight phases", "moon - phases.txt"), ("zebra", "nowhere.txt")]
    questions.write_text(
        "\n".join(json.dumps({"question": q, "expected": [{"doc_name": name}]}) for q, name in asked), "utf-8"
    )
    clary(tmp_path, "user", "add", "pia", "--password-stdin", stdin=PASSWORD)
    clary(tmp_path, "user", "add", "max", "--password-stdin", stdin=PASSWORD)
    mine = ("--user", "pia")
    taken = clary(tmp_path, "kb", "import", str(folder), "Sea", *mine, "--create")
    unasked = clary(tmp_path, "kb", "eval", "Sea", *mine)
    found = clary(tmp_path, "kb", "query", "Sea", "how often does the sea rise", *mine, "--json", "--mode", "lexical")
    shown = clary(tmp_path, "kb", "query", "Sea", "phases", *mine, "--top-k", "1", "--mode", "lexical")
    judged = clary(tmp_path, "kb", "eval", "Sea", *mine, "--questions", str(questions), "--mode", "lexical")
    failed = clary(tmp_path, "kb", "eval", "Sea", *mine, "--mode", "lexical", "--at-least", "0.9", "--json")
    foreign = clary(tmp_path, "kb", "query", "Sea", "phases", "--user", "max")
    assert (taken.exit_code, taken.stdout) == (0, "2 taken in, 0 there already, 0 refused\n"), taken.stderr
    assert (unasked.exit_code, unasked.stderr) == (1, "the base has no questions: write some with --questions\n")
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout)["results"][0]["title"] == "tides.md"
    assert "moon - phases.txt" in shown.stdout
    assert judged.exit_code == 0, judged.stderr
    assert judged.stdout.startswith("recall 0.6667, mrr 0.6667, 3 questions\nmissed\tzebra\n")
    assert (failed.exit_code, json.loads(failed.stdout)["questions"]) == (1, 3)
    assert (foreign.exit_code, foreign.stderr) == (1, "KDB not found\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("query", "Sea", "x", "--mode", "best"), "a mode is one of hybrid, lexical, vector"),
        (("query", "Sea", "x"), "User not found"),
        (("eval", "Sea", "--questions", "bad.jsonl"), "line 2 of bad.jsonl is no question"),
        (("eval", "Sea", "--questions", "blank.jsonl"), "line 1 of blank.jsonl is no question"),
        (("eval", "Sea", "--questions", "long.jsonl"), "line 1 of long.jsonl is no question"),
        (("eval", "Sea", "--questions", "typo.jsonl"), "line 1 of typo.jsonl is no question"),
        (("eval", "Sea", "--questions", "many.jsonl"), "line 1 of many.jsonl is no question"),
        (("eval", "Sea", "--questions", "wide.jsonl"), "wide.jsonl is not UTF-8"),
        (("eval", "Sea", "--questions", "empty.jsonl"), "empty.jsonl has no questions"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], line: str
) -> None:
    good = json.dumps({"question": "q", "expected": [{"contains": "x"}]})
    (tmp_path / "bad.jsonl").write_text(f"{good}\n{{}}\n", "utf-8")
    for name, question, expected in (
        ("blank", " \u3000", [{"contains": "x"}]),
        ("long", "q", [{"doc_name": "x" * 256}]),
        ("typo", "q", [{"docname": "x"}]),
        ("many", "q", [{"contains": "x"}] * 101),
    ):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"question": question, "expected": expected}), "utf-8")
    (tmp_path / "wide.jsonl").write_text(good, "utf-16")
    (tmp_path / "empty.jsonl").write_text("\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    done = clary(tmp_path, "kb", *arguments, "--user", "nobody")
    assert (done.exit_code, done.stderr) == (1, line + "\n")


def test_a_base_that_is_made_is_one_that_the_interface_would_make(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    (folder / "empty.txt").unlink()
    clary(tmp_path, "user", "add", "pia", "--password-stdin", stdin=PASSWORD)
    refused = "a base has a name of at most 128 characters on one line, and a type of letters, digits, - and _\n"
    wrong = [("x" * 129, "document"), ("a\nb", "document"), ("Sea", "no type"), ("Sea", "x" * 53)]
    create = ("--user", "pia", "--create")
    for name, kind in wrong:
        done = clary(tmp_path, "kb", "import", str(folder), name, *create, "--type", kind)
        assert (done.exit_code, done.stderr) == (1, refused)
    empty = clary(tmp_path, "kb", "import", str(folder), "  ", *create)
    assert (empty.exit_code, empty.stderr) == (1, "The name must not be empty\n")
    first, again = (clary(tmp_path, "kb", "import", str(folder), " Sea ", *create) for _ in range(2))
    assert (first.stdout, again.stdout) == (
        "2 taken in, 0 there already, 0 refused\n",
        "0 taken in, 2 there already, 0 refused\n",
    )


def test_a_query_that_names_no_number_gives_as_many_as_the_base_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Question] = []

    async def retrieve(_self: Retriever, *, question: Question, **_more: object) -> tuple[Answer, str]:
        asked.append(question)
        return Answer([], 0, "lexical", [], 0), ""

    monkeypatch.setattr(Retriever, "retrieve", retrieve)
    folder = folder_in(tmp_path)
    clary(tmp_path, "user", "add", "pia", "--password-stdin", stdin=PASSWORD)
    clary(tmp_path, "kb", "import", str(folder), "Sea", "--user", "pia", "--create", "--no-wait")
    for more in ((), ("--top-k", "3")):
        done = clary(tmp_path, "kb", "query", "Sea", "tides", "--user", "pia", *more)
        assert (done.exit_code, done.stdout) == (0, "nothing found\n"), done.stderr

    assert [each.top_k for each in asked] == [None, 3]
