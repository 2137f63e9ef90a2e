"""The webhook endpoint at Stripe, made or changed so that it sends exactly what is handled."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

import config
from cli import output
from cli.embedded.environment import write
from cli.stripe_client import asking
from config import MAX_SECRETS, ORG_SECRETS, Settings
from worker.stripe_endpoint import OURS, PATH, Endpoint, chosen, endpoint, endpoints, is_webhook, organization_of, plain
from worker.stripe_event import HANDLED, parse

if TYPE_CHECKING:
    from stripe import StripeClient

PLATFORM = "STRIPE_WEBHOOK_SECRETS"
EXAMPLE = f"https://your.host{PATH}"
DESCRIPTION = "Punchcard"

Url = Annotated[str | None, typer.Option(help=f"Where Stripe is to post: {EXAMPLE}, or {EXAMPLE}/ORGANIZATION.")]
Account = Annotated[str | None, typer.Option(help="A connected account, acct_…, whose events it is to send.")]
Save = Annotated[bool, typer.Option("--save", help="Put the secret into PUNCHCARD_HOME/env, without asking.")]
Json = Annotated[bool, typer.Option("--json", help="For programs; asks nothing.")]


@dataclass(frozen=True, slots=True)
class Done:
    """What was made of the endpoint; the secret of one that was made is told this once."""

    endpoint: Endpoint
    added: list[str]
    removed: list[str]
    was_enabled: bool
    moved_from: str | None = None
    secret: str | None = None


def setup(
    url: Url = None,
    account: Account = None,
    save: Save = False,  # noqa: FBT002 - a flag
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Make the webhook endpoint at Stripe, or change the one that stands, to exactly the events that are handled."""
    settings = config.load()
    with asking(settings) as client:
        if url is not None:
            _check(url, settings)
            url = plain(url)
        options = {"stripe_account": account} if account else {}
        standing = chosen(list(endpoints(client, options)), url)
        if standing is None and url is None:
            raise output.fail(f"no endpoint of Punchcard is there, or several: name one, --url {EXAMPLE}", output.USAGE)
        done = _change(client, standing, options) if standing else _make(client, url or "", options)
    _tell(done, settings, save=save, as_json=as_json)


def _check(url: str, settings: Settings) -> None:
    with suppress(ValueError):
        address = urlsplit(url)
        # Stripe posts to https alone; what stands in for it may be on this machine.
        schemes = {"https"} if settings.stripe_api_base is None else {"https", "http"}
        known = address.scheme in schemes and address.hostname and address.port != 0
        if known and is_webhook(address) and not address.query and not address.fragment:
            return
    raise output.fail(f"--url must be {EXAMPLE} or {EXAMPLE}/ORGANIZATION, not {url!r}", output.USAGE)


def _make(client: StripeClient, url: str, options: Any) -> Done:  # noqa: ANN401 - the library's options
    import stripe

    wanted: Any = {
        "url": url,
        "enabled_events": list(HANDLED),
        "api_version": stripe.api_version,
        "description": DESCRIPTION,
        "metadata": OURS,
    }
    said = _said(client.v1.webhook_endpoints.create(wanted, options))
    return Done(endpoint(said), sorted(HANDLED), [], was_enabled=True, secret=said["secret"])


def _change(client: StripeClient, standing: Endpoint, options: Any) -> Done:  # noqa: ANN401 - the library's options
    url = plain(standing.url)
    moved = None if standing.url == url else standing.url
    changed = Done(standing, standing.missing, standing.surplus, was_enabled=standing.enabled, moved_from=moved)
    is_marked = OURS.items() <= standing.metadata.items()
    if not changed.added and not changed.removed and standing.enabled and is_marked and not moved:
        return changed
    wanted: Any = {"enabled_events": list(HANDLED), "metadata": OURS, "disabled": False, "url": url}
    said = _said(client.v1.webhook_endpoints.update(standing.id, wanted, options))
    return replace(changed, endpoint=endpoint(said))


def _said(answer: Any) -> Any:  # noqa: ANN401 - the library's object, whose body alone is read
    return parse(answer.last_response.body.encode())


def _tell(done: Done, settings: Settings, *, save: bool, as_json: bool) -> None:
    name = _variable(done.endpoint.url)
    if as_json:
        saved = bool(done.secret and save and _save(done.secret, name, settings))
        output.show_one(_fields(done, name, saved=saved))
        return
    for line in _lines(done):
        output.say(line)
    if done.secret is None:
        return
    output.say(f"its signing secret, shown this once:\n  {name}={done.secret}")
    if settings.embedded and (save or (sys.stdin.isatty() and typer.confirm("Put it into PUNCHCARD_HOME/env?"))):
        if _save(done.secret, name, settings):
            output.say(f"saved; start `punchcard up` again{_shadowed(name)}")
    else:
        output.say(f"add it to {name} (comma separated beside others), and start the gateway again")


def _fields(done: Done, name: str, *, saved: bool) -> dict[str, object]:
    return {
        "id": done.endpoint.id,
        "url": done.endpoint.url,
        "created": done.secret is not None,
        "enabled": not done.was_enabled,
        "added": done.added,
        "removed": done.removed,
        "events": sorted(done.endpoint.events),
        "apiVersion": done.endpoint.api_version,
        "secret": done.secret,
        "variable": name,
        "saved": saved,
    }


def _lines(done: Done) -> list[str]:
    at = f"{done.endpoint.id} at {done.endpoint.url}"
    if done.secret:
        return [f"made {at}, with {len(HANDLED)} types of events, API version {done.endpoint.api_version}"]
    changes = [f"added {each}" for each in done.added] + [f"removed {each}" for each in done.removed]
    changes += [] if done.was_enabled else ["enabled it again"]
    changes += [f"moved to {done.endpoint.url} from {done.moved_from}"] if done.moved_from else []
    return [f"{at} stands", *(changes or ["nothing to change"])]


def _variable(url: str) -> str:
    """Return the variable of a secret: the platform's, or that of the organization in the path."""
    slug = organization_of(urlsplit(url))
    return f"{ORG_SECRETS}{slug.upper().replace('-', '_')}" if slug else PLATFORM


def _save(secret: str, name: str, settings: Settings) -> bool:
    """Add a secret to the folder's own; say why not, where it cannot be."""
    if not settings.embedded:
        output.complain("not saved: with DATABASE_URL set, secrets are kept where your deployment keeps them")
        return False
    values = config.read_env_file(settings.home)
    secrets = [each for each in values.get(name, "").split(",") if each]
    if len(secrets) >= MAX_SECRETS:
        output.complain(f"not saved: {name} holds {len(secrets)} secrets already: remove those that are retired")
        return False
    write(settings.home, {**values, name: ",".join([*secrets, secret])})
    return True


def _shadowed(name: str) -> str:
    """Return a warning where the environment says otherwise, and wins."""
    return f"; but the environment sets {name} too, and wins: add it there" if os.environ.get(name) else ""
