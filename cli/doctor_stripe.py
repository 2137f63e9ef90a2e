"""What Stripe has of this installation, looked at one by one, within seconds: the key, its mode, the endpoint."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cli.finding import Finding
from cli.stripe_client import client, told
from config import Settings
from worker import clock
from worker.stripe_endpoint import Endpoint, endpoints, is_webhook, reads_version
from worker.stripe_endpoint import told as listed
from worker.stripe_event import HANDLED

if TYPE_CHECKING:
    from stripe import StripeClient

Answer = tuple[list[Endpoint], int]

# Each call gives up after three seconds, all of it after five.
CALL_SECONDS = 3.0
SECONDS = 5.0
SETUP = "run `punchcard stripe setup --url {url}`"


def examine_stripe(settings: Settings) -> list[Finding]:
    """Look at the secrets, and at what Stripe says where there is a key to ask it with."""
    found = [_secrets(settings)]
    if settings.stripe_api_key is None:
        return found
    found += [_mode(settings)]
    answer = _in_time(lambda: _ask(client(settings, timeout=CALL_SECONDS, retries=0)))
    if isinstance(answer, Finding):
        return [*found, answer]
    standing, undelivered = answer
    found += [Finding("stripe answers", fine=True, found=_base(settings)), *_endpoints(settings, standing)]
    return found + ([_deliveries(undelivered)] if undelivered else [])


def _ask(stripe: StripeClient) -> Answer:
    """Return the endpoints, and how many events of ours the last day's deliveries did not bring, up to a hundred."""
    from stripe import InvalidRequestError

    standing = list(endpoints(stripe, {}))
    since = int((clock.now() - timedelta(days=1)).timestamp())
    wanted: Any = {"delivery_success": False, "created": {"gte": since}, "limit": 100}
    try:
        return standing, sum(event.type in HANDLED for event in stripe.v1.events.list(wanted).data)
    except InvalidRequestError:
        # What stands in for Stripe may not know.
        return standing, 0


def _deliveries(undelivered: int) -> Finding:
    found = f"{undelivered} event(s) of the last day are not delivered yet, to this endpoint or another"
    return Finding("stripe deliveries", fine=True, found=found, mend="see `punchcard stripe reconcile --since 1d`")


def _secrets(settings: Settings) -> Finding:
    owners = len(settings.organization_secrets)
    key = "with API key" if settings.stripe_api_key else "without STRIPE_API_KEY: Checkouts and refunds are off"
    found = f"{len(settings.platform_secrets)} platform secret(s), {owners} organization(s) with their own, {key}"
    return Finding("stripe", fine=True, found=found)


def _base(settings: Settings) -> str:
    return settings.stripe_api_base or "https://api.stripe.com"


def key_mode(key: str) -> bool | None:
    """Return whether a key is of live mode; None where it does not say."""
    return {"live": True, "test": False}.get(key.split("_")[1] if key.count("_") > 1 else "")


def _mode(settings: Settings) -> Finding:
    mode, taken = key_mode(settings.stripe_api_key or ""), settings.livemode
    fine = mode is None or taken is None or mode == taken
    said = {True: "live", False: "test", None: "of no mode that it names"}[mode]
    accepts = {True: "live events", False: "test events", None: "events of both modes"}[taken]
    mend = "" if fine else "set STRIPE_LIVEMODE to the key's mode, or take the other key: events would be quarantined"
    return Finding("stripe mode", fine=fine, found=f"the key is {said}; {accepts} are accepted", mend=mend)


def _in_time(ask: Callable[[], Answer]) -> Answer | Finding:
    """Return what asking returns, or that it failed, or took too long."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(ask())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is wrong
            answers.put(error)

    # Not waited for beyond its time: a server may send a byte a second.
    threading.Thread(target=run, name="doctor", daemon=True).start()
    try:
        answer = answers.get(timeout=SECONDS)
    except queue.Empty:
        answer = TimeoutError()
    if isinstance(answer, Exception):
        return _silent(answer)
    found: Answer = answer
    return found


def _silent(error: Exception) -> Finding:
    from stripe import StripeError

    said = told(error) if isinstance(error, StripeError) else f"Stripe does not answer within {SECONDS:.0f} s"
    mend = "mend STRIPE_API_KEY" if "STRIPE_API_KEY" in said else "see status.stripe.com, the network, STRIPE_API_BASE"
    return Finding("stripe answers", fine=False, found=said, mend=mend)


def _endpoints(settings: Settings, standing: list[Endpoint]) -> Iterator[Finding]:
    """Look at each endpoint that posts to a webhook of ours; what is disabled beside another may stay so."""
    ours = [each for each in standing if is_webhook(urlsplit(each.url))]
    enabled = [each for each in ours if each.enabled]
    for each in enabled:
        yield _events(each)
        yield _version(each)
    if not enabled:
        yield _none(settings, ours)


def _none(settings: Settings, disabled: list[Endpoint]) -> Finding:
    if disabled:
        url = disabled[0].url
        return Finding(
            "stripe endpoint", fine=False, found=f"{url} is disabled: nothing is sent", mend=SETUP.format(url=url)
        )
    found = "none posts to /webhooks/stripe: nothing is sent"
    if settings.stripe_api_base is not None:
        # What stands in for Stripe posts where it was told to when it was started.
        return Finding("stripe endpoint", fine=True, found=f"{found} but by what {settings.stripe_api_base} was told")
    return Finding("stripe endpoint", fine=False, found=found, mend=SETUP.format(url="https://…/webhooks/stripe"))


def _events(each: Endpoint) -> Finding:
    if not each.missing and not each.surplus:
        return Finding("stripe endpoint", fine=True, found=f"{each.url}, with exactly the {len(each.events)} types")
    wrong = [f"it is not sent {listed(each.missing)}"] if each.missing else []
    wrong += [f"it is sent {listed(each.surplus)}, which nobody handles"] if each.surplus else []
    mend = SETUP.format(url=each.url)
    return Finding("stripe endpoint", fine=False, found=f"{each.url}: {'; '.join(wrong)}", mend=mend)


def _version(each: Endpoint) -> Finding:
    import stripe

    said = each.api_version or "the account's own API version"
    fine = reads_version(each.api_version, stripe.api_version)
    mend = "" if fine else f"delete it in Stripe, and {SETUP.format(url=each.url)}: a version cannot be changed"
    return Finding("stripe version", fine=fine, found=f"{each.url} sends {said}", mend=mend)
