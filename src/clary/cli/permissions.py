"""`clary permissions …`."""

import json
from typing import Annotated, Any

import typer

from clary.cli.terminal import fail, run_on_services

commands = typer.Typer(help="Who may do what.", no_args_is_help=True)

VERBS = ("read", "use", "write", "delete", "share")


@commands.command()
def explain(
    user: Annotated[str, typer.Argument(metavar="USER", help="User name, e-mail address or id.")],
    verb: Annotated[str, typer.Argument(metavar="VERB", help=", ".join(VERBS) + ".")],
    target: Annotated[str, typer.Argument(metavar="OBJECT", help="Such as agent:agent_0123abcd.")],
    key: Annotated[str | None, typer.Option(help="Id of a key of theirs.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say why somebody may do something: exit 0 allowed, 1 refused, 2 unknown user or object."""
    from clary.features.permissions.errors import ObjectNotFoundError
    from clary.features.permissions.service import Identity, Question, read_object

    kind, object_id = read_object(target)
    if verb not in VERBS or kind is None:
        fail(f"VERB is one of {', '.join(VERBS)}; OBJECT is TYPE:ID", 2)
    question = Question(user, verb, kind, object_id, key)  # type: ignore[arg-type]

    async def work(services: Any) -> Any:
        operator = Identity(user_id="", username="", role="admin", credential="system")
        try:
            async with services.database.write() as db:
                return await services.permission_explainer.explain(db, question, asked_by=operator)
        except ObjectNotFoundError as problem:
            return problem

    answer = run_on_services(work)
    if isinstance(answer, ObjectNotFoundError):
        fail(answer.message.en, 2)
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
    else:
        typer.echo("allowed" if answer["allowed"] else "refused")
        for reason in answer["reasons"]:
            typer.echo(f"{'+' if reason['allows'] else '-'} {reason['rule']}: {reason['detail']}")
    if not answer["allowed"]:
        raise typer.Exit(1)


@commands.command()
def matrix() -> None:
    """Print every route with what each kind of caller meets there, as a table in Markdown."""
    from clary.asgi import permission_table

    typer.echo(permission_table(), nl=False)
