"""`clary kb …`: knowledge bases over the services, in the name of a person (contract product 5)."""

import json
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from clary.cli.terminal import fail, run_on_services

commands = typer.Typer(help="Knowledge bases.", no_args_is_help=True)

User = Annotated[str, typer.Option("--user", metavar="USER", help="User name or e-mail address.")]
Base = Annotated[str, typer.Argument(metavar="BASE", help="Id or name of the knowledge base.")]
Mode = Annotated[str | None, typer.Option(help="hybrid, lexical or vector; the base's own if left out.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]
EXPECTED = frozenset({"doc_id", "doc_name", "contains"})
MODES = ("hybrid", "lexical", "vector")


@commands.command("import")
def import_folder(
    folder: Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="Folder with files.")],
    base: Base,
    user: User,
    replace: Annotated[
        bool, typer.Option("--replace", help="Upload everything; files of the same name take the old one's place.")
    ] = False,
    create: Annotated[bool, typer.Option("--create", help="Make the base if there is none of this name.")] = False,
    kind: Annotated[str, typer.Option("--type", help="Type of a base that is made: document, qa, …")] = "document",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until everything is searchable.")] = True,
) -> None:
    """Import a folder with all folders below it; files of the same name and size are there already.

    The name of a document is its path below DIR. Hidden files and links are left out. What is refused is told with its
    reason, and makes the exit status 1; what came in stays, and the same command goes on where it was.
    """
    from clary.cli.kb_import import Imported, take_in

    async def work(services: Any) -> Imported:
        return await take_in(
            services, folder=folder, base=base, account=user, replaces=replace, kind=kind if create else None, wait=wait
        )

    done = run_on_services(work)
    for name, reason in done.refused:
        typer.echo(f"refused {name}: {reason}", err=True)
    waiting = f", {done.waiting} waiting" if done.waiting else ""
    typer.echo(f"{done.taken} taken in, {done.skipped} there already, {len(done.refused)} refused{waiting}")
    if done.refused:
        raise typer.Exit(1)


@commands.command("query")
def query(
    base: Base,
    question: Annotated[str, typer.Argument(metavar="QUESTION")],
    user: User,
    top_k: Annotated[
        int | None, typer.Option(min=1, max=100, help="How many passages; as the base says if left out.")
    ] = None,
    mode: Mode = None,
    as_json: AsJson = False,
) -> None:
    """Search a base."""
    _require_mode(mode)

    async def work(services: Any) -> Any:
        from clary.cli.kb_import import find_base
        from clary.features.knowledge.service import Question
        from clary.wiring.knowledge_terminal import person

        identity = await person(services, user)
        kdb_id = await find_base(services, identity, base)
        asked = Question(question, top_k=top_k, mode=mode)  # pyright: ignore[reportArgumentType]
        try:
            answer, _ = await services.knowledge.retrieval.retrieve(identity=identity, kdb_ids=[kdb_id], question=asked)
        finally:
            await services.knowledge.stop()
        return answer

    found = run_on_services(work)
    if as_json:
        data = {"results": found.results, "total": found.total, "mode": found.mode, "warnings": found.warnings}
        typer.echo(json.dumps(data, ensure_ascii=False))
        return
    for warning in found.warnings:
        typer.echo(warning, err=True)
    for result in found.results:
        page = f" p. {result['page']}" if result["page"] else ""
        typer.echo(f"{result['score']:.4f}\t{result['path']}{page} [{result['start']}..{result['end']}]")
        typer.echo("\t" + " ".join(result["doc_content"].split())[:300])
    if not found.results:
        typer.echo("nothing found")


@commands.command("eval")
def evaluate(
    base: Base,
    user: User,
    questions: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help='Replace the question set: one {"question", "expected"} a line.'
        ),
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, max=100, help="How many results count.")] = 10,
    mode: Mode = None,
    at_least: Annotated[float, typer.Option(min=0.0, max=1.0, help="Exit with status 1 below this recall.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Run the question set of a base and show what it finds."""
    _require_mode(mode)
    items = None if questions is None else _questions_in(questions)

    async def work(services: Any) -> Any:
        from clary.cli.kb_import import run_questions

        return await run_questions(services, base=base, account=user, items=items, top_k=top_k, mode=mode)

    result = run_on_services(work)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
    elif result["recall"] is not None:
        typer.echo(f"recall {result['recall']:.4f}, mrr {result['mrr']:.4f}, {result['questions']} questions")
        for missed in result["missed"]:
            typer.echo(f"missed\t{missed['question']}")
    if result["status"] != "completed":
        fail("the evaluation failed")
    if result["recall"] is None:
        fail("the base has no questions: write some with --questions")
    if result["recall"] < at_least:
        raise typer.Exit(1)


def _require_mode(mode: str | None) -> None:
    if mode is not None and mode not in MODES:
        fail(f"a mode is one of {', '.join(MODES)}")


def _questions_in(path: Path) -> list[Any]:
    """The lines of a question file.

    Exits when a line is none, or there is no line at all: an empty file would only take the present set away.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        fail(f"{path.name} is not UTF-8")
    from clary.features.knowledge.service import question_of

    items: list[Any] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            _require_known(item)
            items.append(question_of(item))
        except ValueError:
            fail(f"line {number} of {path.name} is no question")
    if not items:
        fail(f"{path.name} has no questions")
    return items


def _require_known(item: Any) -> None:
    """Makes sure that something is expected and no word of it is misspelled: the wire passes over unknown ones.

    Raises:
        ValueError
    """
    expected: Any = cast("dict[str, Any]", item).get("expected") if isinstance(item, dict) else None
    for each in cast("list[Any]", expected) if isinstance(expected, list) else ():
        if not isinstance(each, dict) or not each or not cast("dict[str, Any]", each).keys() <= EXPECTED:
            raise ValueError("expected")
