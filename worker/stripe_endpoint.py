"""The webhook endpoint at Stripe: which one is ours, and what it should be sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from worker.stripe_event import HANDLED, parse

if TYPE_CHECKING:
    from stripe import StripeClient

PATH = "/webhooks/stripe"
# By what an endpoint of ours is known, wherever it was moved to.
OURS = {"punchcard": "webhooks"}
PAGE = 100
# The oldest version whose events say all that is read; what is newer than the library may have changed.
OLDEST_VERSION = "2020-08-27"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it stands at Stripe."""

    id: str
    url: str
    enabled: bool
    events: frozenset[str]
    api_version: str | None
    metadata: Mapping[str, str]

    @property
    def missing(self) -> list[str]:
        """Return the types that we handle and it is not sent."""
        return sorted(set(HANDLED) - self.events)

    @property
    def surplus(self) -> list[str]:
        """Return the types that it is sent and we do not handle; `*` is all there are."""
        return sorted(self.events - set(HANDLED))

    @property
    def is_ours(self) -> bool:
        """Whether it was made by us, or posts where an installation of ours would take it."""
        return OURS.items() <= self.metadata.items() or is_webhook(urlsplit(self.url))


def is_webhook(address: SplitResult) -> bool:
    """Say whether a path is one of the webhook's: the platform's, or that of one organization."""
    rest = address.path.rstrip("/").removeprefix(PATH)
    return address.path.startswith(PATH) and (not rest or (rest.startswith("/") and "/" not in rest[1:]))


def organization_of(address: SplitResult) -> str | None:
    """Return the organization that a path of the webhook names."""
    return address.path.rstrip("/").removeprefix(PATH).removeprefix("/") or None


def plain(url: str) -> str:
    """Return a webhook's address as we write it: without a slash behind it."""
    return url.rstrip("/")


def endpoints(client: StripeClient, options: Any) -> Iterator[Endpoint]:  # noqa: ANN401 - the library's options
    """Yield the endpoints of an account."""
    asked: dict[str, Any] = {"limit": PAGE}
    while True:
        page: Any = parse(client.v1.webhook_endpoints.list(asked, options).last_response.body.encode())  # type: ignore[arg-type, union-attr]
        yield from (endpoint(each) for each in page["data"])
        if not page["data"] or not page.get("has_more"):
            return
        asked["starting_after"] = page["data"][-1]["id"]


def endpoint(said: Mapping[str, Any]) -> Endpoint:
    """Return what Stripe says of an endpoint."""
    return Endpoint(
        id=said["id"],
        url=said["url"],
        enabled=said.get("status") == "enabled",
        events=frozenset(said.get("enabled_events") or ()),
        api_version=said.get("api_version"),
        metadata=said.get("metadata") or {},
    )


def chosen(found: Iterable[Endpoint], url: str | None) -> Endpoint | None:
    """Return the endpoint of a URL; without one the only one that is ours."""
    if url is not None:
        same = [each for each in found if plain(each.url) == plain(url)]
        return next((each for each in same if each.url == plain(url)), next(iter(same), None))
    ours = [each for each in found if OURS.items() <= each.metadata.items()]
    return ours[0] if len(ours) == 1 else None


def reads_version(version: str | None, newest: str) -> bool:
    """Say whether we read events of an API version; an endpoint without one has the account's, which is not told."""
    return version is None or OLDEST_VERSION <= version[:10] <= newest[:10]


def told(types: Sequence[str]) -> str:
    """Return types in a sentence."""
    return ", ".join(types) if types else "nothing"
