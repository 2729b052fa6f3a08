"""The terminal front door. Imports nothing heavy before the command is known."""

import typer

from clary.cli import (
    audit,
    development,
    examining,
    groups,
    kb,
    keys,
    oauth2,
    operating,
    people,
    permissions,
    secret_keys,
    serving,
)

app = typer.Typer(
    help="Clary: a self-hosted AI agent platform server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serving.serve)
app.command("worker")(serving.worker)
app.command("migrate")(examining.migrate)
app.command("rollback")(examining.rollback)
app.command("backup")(operating.backup)
app.command("restore")(operating.restore)
app.command("export")(operating.export_archive)
app.command("import")(operating.import_archive)
app.command("doctor")(examining.doctor)
app.add_typer(people.commands, name="user")
app.add_typer(groups.commands, name="group")
app.add_typer(keys.commands, name="key")
app.add_typer(secret_keys.commands, name="keys")
app.add_typer(kb.commands, name="kb")
app.add_typer(permissions.commands, name="permissions")
app.add_typer(oauth2.commands, name="oauth2")
app.add_typer(audit.commands, name="audit")
app.add_typer(development.commands, name="dev")


def main() -> None:
    """Runs a command."""
    app()
