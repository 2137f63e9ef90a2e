"""What there is to say after `punchcard`: each command imports what it needs, so that all are listed at once."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import output
from cli.deferred import deferred
from cli.processes import ALL_QUEUES, CHILDREN, MOST_CHILDREN

Json = Annotated[bool, typer.Option("--json", help="For programs.")]

app = typer.Typer(
    name="punchcard",
    help="Turns a payment into a seat.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(deferred("cli.content", "seed", tells="Data to look at."), name="seed")
app.add_typer(deferred("cli.content", "catalog", tells="What studios sell."), name="catalog")
app.add_typer(deferred("cli.stripe", "stripe", tells="Stripe, from the outside."), name="stripe")
app.add_typer(deferred("cli.inbox", "events", tells="The inbox of Stripe's events."), name="events")
app.add_typer(deferred("cli.inbox", "jobs", tells="The inbox of commands."), name="jobs")
app.add_typer(deferred("cli.messages", "outbox", tells="Mails and events that leave."), name="messages")
app.add_typer(deferred("cli.student", "student", tells="One student's data."), name="student")
app.add_typer(deferred("cli.legacy", "legacy", tells="What older systems have on record."), name="import")
app.add_typer(deferred("cli.task", "task", tells="What the clock does."), name="task")
app.add_typer(deferred("cli.mail", "mail", tells="Mails to look at."), name="mail")
app.add_typer(deferred("cli.bench.commands", "bench", tells="How fast it is, and beside what."), name="bench")


@app.command()
def audit(as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Check every invariant, reading only; exit 1 if one is violated."""
    from cli.check import audit as check

    check(as_json=as_json)


@app.command()
def doctor(as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Say what is wrong with the installation and how to mend it; exit 1 if something is."""
    from cli.check import doctor as look

    look(as_json=as_json)


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="The gateway's port (PORT, 8000).", min=1, max=65_535)] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo studios.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Start gateway, worker and beat, supervised, on embedded servers or on the URLs that are set."""
    from cli.processes import up as start

    raise typer.Exit(start(port=port, demo=demo))


@app.command()
def gateway() -> None:
    """Serve HTTP: one process, for production."""
    from cli.processes import gateway as serve

    serve()


@app.command()
def worker(
    queues: Annotated[str, typer.Option(help="Comma separated.")] = ALL_QUEUES,
    concurrency: Annotated[int, typer.Option(help="Tasks at a time.", min=1, max=MOST_CHILDREN)] = CHILDREN,
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
