"""The `punchcard` command: what there is to say, and one line for what goes wrong."""

from __future__ import annotations

import sys
from typing import Annotated

import psycopg
import typer
from sqlalchemy import exc
from sqlalchemy.exc import SQLAlchemyError

from cli import output
from cli.check import audit_command, doctor_command
from cli.content import catalog, seed
from cli.inbox import events, jobs
from cli.processes import ALL_QUEUES
from cli.stripe import stripe
from cli.task import task
from config import ConfigError

app = typer.Typer(
    name="punchcard",
    help="Turns a payment into a seat.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(seed, name="seed")
app.add_typer(catalog, name="catalog")
app.add_typer(stripe, name="stripe")
app.add_typer(events, name="events")
app.add_typer(jobs, name="jobs")
app.add_typer(task, name="task")
app.command("audit")(audit_command)
app.command("doctor")(doctor_command)


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="The gateway's port (PORT, 8000).", min=1, max=65_535)] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo studios.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Start gateway, worker and beat, supervised, on embedded servers or on the URLs that are set."""
    from cli.up import up as start

    raise typer.Exit(start(port=port, demo=demo))


@app.command()
def gateway() -> None:
    """Serve HTTP: one process, for production."""
    from cli.processes import gateway as serve

    serve()


@app.command()
def worker(
    queues: Annotated[str, typer.Option(help="Comma separated.")] = ALL_QUEUES,
    concurrency: Annotated[int, typer.Option(help="Tasks at a time.", min=1, max=64)] = 2,
) -> None:
    """Work on queues: one process with its children, for production."""
    from cli.processes import worker as work

    work(queues, concurrency)


@app.command()
def beat() -> None:
    """Say when scheduled tasks are due: one process, for production; a second one does no harm."""
    from cli.processes import beat as tick

    tick()


@app.command()
def migrate(to: Annotated[str, typer.Option(help="A revision, `head` or `base`.")] = "head") -> None:
    """Bring the schema to a revision, up or down."""
    from cli.migrate import migrate as run

    run(to)


@app.command()
def token(
    org: Annotated[str, typer.Option(help="The organization's slug, or * for the platform.")],
    role: Annotated[str, typer.Option(help="student, staff or admin.")],
    sub: Annotated[str, typer.Option(help="The frontend's own id of the person.")],
    email: Annotated[str | None, typer.Option(help="Taken as verified.")] = None,
    name: Annotated[str | None, typer.Option()] = None,
) -> None:
    """Print a signed token for development."""
    import config
    from cli.token import ROLES, mint

    settings = config.load()
    if role not in ROLES:
        raise output.fail(f"--role must be one of {', '.join(ROLES)}, not {role!r}", output.USAGE)
    if settings.jwt_secret is None:
        raise output.fail("tokens are signed by the keys behind JWT_JWKS_URL: ask who holds them", output.USAGE)
    typer.echo(
        mint(
            settings.jwt_secret,
            org=org,
            role=role,
            sub=sub,
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            email=email,
            email_verified=True if email else None,
            name=name,
        )
    )


def main() -> None:
    """Run the command; a fault of the environment is one line and exit code 2, a database away one line and 1."""
    try:
        app()
    except ConfigError as error:
        typer.echo(f"punchcard: {error}", err=True)
        sys.exit(output.USAGE)
    except (psycopg.Error, SQLAlchemyError) as error:
        typer.echo(f"punchcard: {_told(getattr(error, 'orig', None) or error)}", err=True)
        sys.exit(1)


def _told(error: BaseException) -> str:
    """Return what a database's error means to who typed the command."""
    if isinstance(error, (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)):
        return "the database does not have the schema of this version: run `punchcard migrate`"
    away = isinstance(error, psycopg.OperationalError | exc.TimeoutError)
    said = str(error).partition("\n")[0]
    return f"the database does not answer: {said}" if away else f"the database refuses that: {said}"
