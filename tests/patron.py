"""Somebody at a whole stack: buys by signed events, looks, books over HTTP, and gets mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tests.stack import Reply, Stack, wait_for
from tests.stripe_objects import body, checkout
from tests.timetable import CURRENCY, PRODUCTS
from worker import clock

ZONES = {"lumen": ZoneInfo("Europe/Istanbul"), "thrive": ZoneInfo("America/New_York")}

Row = dict[str, Any]


@dataclass(frozen=True)
class Patron:
    """A student of a demo studio, or who works there; each command is waited for."""

    stack: Stack
    name: str
    org: str = "lumen"
    role: str = "student"

    @cached_property
    def token(self) -> str:
        return self.stack.mint(self.role, self.name, self.org)

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    def purchase(self, product: str) -> bytes:
        """Return the event of a purchase, as Stripe sends it."""
        _, amount = PRODUCTS[product]
        told: Row = {"org": self.org, "currency": CURRENCY[self.org], "amount": amount, "email": self.email}
        return body(checkout(product, payment=f"pi_{product}_{self.name}", student=self.name, **told))

    def buys(self, product: str) -> Row:
        """Buy a package; return it as it is held."""
        assert self.stack.post_event(self.purchase(product)) == 200
        return wait_for(lambda: self.holds(product) or {}, what=f"{product} of {self.name}")

    def holds(self, product: str) -> Row | None:
        held = self.stack.holdings(self.token)
        return next((each for each in held if each["productCode"] == product), None)

    def left(self, product: str) -> list[int]:
        """Return the credits that each line of a package has left."""
        package = self.holds(product)
        assert package
        return [each["remaining"] for each in package["balances"]]

    def sees(self, path: str, **query: object) -> Any:
        status, said = self.stack.get(f"{path}?{urlencode(query)}", self.token)
        assert status == 200, said
        return said

    def calendar(self, days: int, service: str = "GROUP") -> list[Row]:
        """Return the sessions of a local day, so many days from today, in their order."""
        zone = ZONES[self.org]
        day = clock.now().astimezone(zone).date() + timedelta(days=days)
        start, end = (datetime.combine(each, time(), zone).isoformat() for each in (day, day + timedelta(days=1)))
        return list(self.sees("/api/calendar", **{"from": start, "to": end, "serviceType": service})["items"])

    def session(self, session: Row) -> Row:
        """Return a session as it is by now."""
        return dict(self.sees(f"/api/calendar/{session['sessionId']}"))

    def books(self, session: Row, **more: Any) -> Reply:
        return self._command("POST", "/api/bookings", {"sessionId": session["sessionId"]} | more)

    def changes(self, booking: Reply, session: Row, **more: Any) -> Reply:
        return self._command("POST", f"{address(booking)}/change", {"sessionId": session["sessionId"]} | more)

    def cancels(self, booking: Reply, **more: Any) -> Reply:
        return self._command("DELETE", address(booking), more or None)

    def _command(self, method: str, path: str, said: Row | None) -> Reply:
        verb = self.stack.post if method == "POST" else self.stack.delete
        return verb(path, said, self.token, Prefer="wait=30")

    def mails(self) -> list[EmailMessage]:
        return mails(self.stack, self.email)

    def gets_mail(self, subject: str) -> str:
        """Wait for a mail whose subject says that; return its text."""
        return gets_mail(self.stack, self.email, subject)


def address(booking: Reply) -> str:
    return f"/api/bookings/{booking.said['booking']['id']}"


def mails(stack: Stack, email: str) -> list[EmailMessage]:
    """Return the mails to an address that lie in the stack's folder."""
    files = (stack.home / "mail").glob("*.eml")
    read = (message_from_bytes(each.read_bytes(), policy=policy.default) for each in files)
    return [each for each in read if each["To"].addresses[0].addr_spec == email]


def gets_mail(stack: Stack, email: str, subject: str) -> str:
    def found() -> list[EmailMessage]:
        return [each for each in mails(stack, email) if subject in each["Subject"]]

    (mail,) = wait_for(found, what=f"the mail to {email}: {subject}")
    part = mail.get_body(("plain",))
    assert part
    return str(part.get_content())
