"""What Stripe knows, read page by page: events, payments, refunds, disputes, invoices, products and prices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from worker.stripe_event import HANDLED, parse
from worker.stripe_field import MAX_LINES, Json

if TYPE_CHECKING:
    from stripe import StripeClient

PAGE = 100
# Stripe filters events by at most so many types at a time.
MOST_TYPES = 20
# A Checkout can be paid for a day after it was made.
CHECKOUT_LIVES = timedelta(days=1)
GONE = 404

Page = list[Json]
Call = Callable[..., Any]


class Account:
    """One account, as the key may see it.

    Args:
        client: The way to Stripe.
        account: A connected account; None is the key's own.

    """

    def __init__(self, client: StripeClient, account: str | None) -> None:
        self._v1 = client.v1
        self.id = account
        self._options: Any = {"stripe_account": account} if account else {}

    def events(self, since: datetime) -> Iterator[Page]:
        """Yield the events of the types that we handle, made since an instant, the newest first of each few types."""
        for first in range(0, len(HANDLED), MOST_TYPES):
            types = HANDLED[first : first + MOST_TYPES]
            yield from self._pages(self._v1.events.list, {"types": list(types), "created": _from(since)})

    def checkouts(self, since: datetime) -> Iterator[Page]:
        """Yield Checkouts that may have been paid since an instant."""
        yield from self._pages(self._v1.checkout.sessions.list, {"created": _from(since - CHECKOUT_LIVES)})

    def intents(self, since: datetime) -> Iterator[Page]:
        """Yield the PaymentIntents that were made since an instant."""
        yield from self._pages(self._v1.payment_intents.list, {"created": _from(since)})

    def invoices(self, since: datetime) -> Iterator[Page]:
        """Yield the paid invoices that were made since an instant."""
        asked = {"status": "paid", "created": _from(since), "expand": ["data.payments"]}
        yield from self._pages(self._v1.invoices.list, asked)

    def refunds(self, since: datetime) -> Iterator[Page]:
        """Yield the refunds that were made since an instant."""
        yield from self._pages(self._v1.refunds.list, {"created": _from(since)})

    def disputes(self, since: datetime) -> Iterator[Page]:
        """Yield the disputes that were opened since an instant."""
        yield from self._pages(self._v1.disputes.list, {"created": _from(since)})

    def products(self) -> Iterator[Page]:
        """Yield all products."""
        yield from self._pages(self._v1.products.list, {})

    def prices(self) -> Iterator[Page]:
        """Yield all prices."""
        yield from self._pages(self._v1.prices.list, {})

    def line_items(self, checkout: str) -> Json:
        """Return what a Checkout sold."""
        return _json(self._v1.checkout.sessions.line_items.list(checkout, {"limit": MAX_LINES}, self._options))

    def find(self, key: str) -> Json | None:
        """Return the object by which we know a payment; None where Stripe has none of that id."""
        from stripe import InvalidRequestError  # noqa: PLC0415

        services = {"pi_": self._v1.payment_intents, "in_": self._v1.invoices}
        service: Any = services.get(key[:3], self._v1.checkout.sessions)
        try:
            return _json(service.retrieve(key, {}, self._options))
        except InvalidRequestError as error:
            if error.http_status == GONE:
                return None
            raise

    def _pages(self, call: Call, params: Json) -> Iterator[Page]:
        asked = params | {"limit": PAGE}
        while True:
            page = _json(call(asked, self._options))
            data = page.get("data") or []
            if data:
                yield data
            if not data or not page.get("has_more"):
                return
            asked |= {"starting_after": data[-1]["id"]}


def made_at(obj: Json) -> datetime:
    """Return when Stripe made an object."""
    return datetime.fromtimestamp(int(obj.get("created") or 0), UTC)


def _from(since: datetime) -> Json:
    return {"gte": int(since.timestamp())}


def _json(answer: Any) -> Json:  # noqa: ANN401 - the library's objects, whose bodies alone are read
    """Return an answer as Stripe wrote it."""
    said = parse(answer.last_response.body.encode())
    return said if isinstance(said, dict) else {}


def ids(page: Sequence[Json]) -> list[str]:
    """Return the ids of a page's objects."""
    return [str(each["id"]) for each in page]
