"""Refunds that are done and payments that failed: told as the facts say when the mail leaves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest
from freezegun import freeze_time

from tests.refunding import Till
from tests.stripe_objects import checkout, intent, refund
from tests.timetable import Timetable
from tests.worker.test_booking_mail import NOW, leave, text
from tests.worker.told import became, say, tell
from worker import clock

UNPAID = "checkout.session.async_payment_failed"


@pytest.fixture(autouse=True)
def _friday() -> Iterator[None]:
    with freeze_time(NOW, tick=True):
        yield


def newest(mails: list[EmailMessage], about: str) -> EmailMessage:
    return [mail for mail in mails if about in mail["Subject"]][-1]


def paid(timetable: Timetable) -> None:
    timetable.studio.deliver(checkout())
    leave(timetable)


def states(timetable: Timetable, kind: str) -> list[str]:
    rows = timetable.studio.rows("SELECT status FROM notifications WHERE kind = %(kind)s ORDER BY id", kind=kind)
    return [row["status"] for row in rows]


def test_a_refund_says_how_much_of_what_went_back_and_how_much_in_all(timetable: Timetable) -> None:
    paid(timetable)
    timetable.studio.deliver(refund(amount=120_000, refund_id="re_1"))
    first = leave(timetable)
    timetable.studio.deliver(refund(amount=30_000, refund_id="re_2"))

    mail = newest(leave(timetable), "went back")

    nbsp = "\N{NO-BREAK SPACE}"
    order = timetable.studio.one("SELECT id FROM orders")["id"]
    assert f"In all, 1{nbsp}200.00 TRY of the 5{nbsp}000.00 TRY that you paid went back." in text(newest(first, "back"))
    assert mail["Subject"] == "Lumen Spin: 300.00 TRY went back to you"
    assert text(mail) == (
        "Hello Ada Example,\n\n"
        "Your refund is done:\n\n"
        "  Explorer 5\n"
        "  300.00 TRY went back to you\n\n"
        f"In all, 1{nbsp}500.00 TRY of the 5{nbsp}000.00 TRY that you paid went back.\n"
        "It may take your bank some days to show it.\n\n"
        f"Order: {order}\n"
        "At: Lumen Spin\n"
    )


def test_a_refund_of_a_charge_in_another_currency_is_told_in_that_of_the_order(timetable: Timetable) -> None:
    timetable.studio.deliver(checkout(), intent(amount=2_500_000, currency="jpy"))
    leave(timetable)
    timetable.studio.deliver(refund(amount=1_000_000, currency="jpy"))

    done = newest(leave(timetable), "went back")
    timetable.studio.deliver(refund(amount=1_000_000, currency="jpy", status="failed"))
    undone = newest(leave(timetable), "did not go back")

    nbsp = "\N{NO-BREAK SPACE}"
    assert f"  2{nbsp}000.00 TRY went back to you\n" in text(done)
    assert f"In all, 2{nbsp}000.00 TRY of the 5{nbsp}000.00 TRY that you paid went back." in text(done)
    assert f"  2{nbsp}000.00 TRY did not go back to you\n" in text(undone)


def test_a_refund_of_everything_says_so(timetable: Timetable) -> None:
    paid(timetable)
    timetable.studio.deliver(refund(amount=500_000, refund_id="re_1"))

    mail = newest(leave(timetable), "went back")

    assert "With it all that you paid went back: 5\N{NO-BREAK SPACE}000.00 TRY." in text(mail)


def test_a_refund_that_failed_before_its_mail_left_is_not_told(timetable: Timetable) -> None:
    paid(timetable)
    timetable.studio.deliver(refund(amount=120_000, refund_id="re_1"))
    timetable.studio.deliver(refund(amount=120_000, refund_id="re_1", status="failed", kind="refund.failed"))

    leave(timetable)

    assert states(timetable, "refund.done") == ["VOID"]


def test_a_refund_that_failed_after_its_mail_left_is_told(timetable: Timetable) -> None:
    paid(timetable)
    timetable.studio.deliver(refund(amount=30_000, refund_id="re_1"))
    leave(timetable)
    timetable.studio.deliver(refund(amount=30_000, refund_id="re_1", status="failed", kind="refund.failed"))

    mail = newest(leave(timetable), "did not go back")

    assert mail["Subject"] == "Lumen Spin: 300.00 TRY did not go back to you"
    assert "Your refund failed:\n\n  Explorer 5\n" in text(mail)
    assert "it was called off. The studio knows." in text(mail)
    assert states(timetable, "refund.failed") == ["SENT"]


def test_staff_find_a_refund_that_stripe_refused_by_its_number(timetable: Timetable) -> None:
    timetable.studio.rows("UPDATE organizations SET staff_email = 'desk@lumen.example'")
    till = Till(timetable)
    waiting = till.refund(timetable.buy("ada"), sessions=2)
    till.refuse(waiting.job)

    mail = newest(leave(timetable), "needs you")

    assert f"Refund: {till.call(waiting.job)['refund_id']}\n" in text(mail)
    assert "In Stripe:" not in text(mail)


def test_a_refund_that_counts_is_not_said_to_have_failed(timetable: Timetable) -> None:
    paid(timetable)
    timetable.studio.deliver(refund(amount=120_000, refund_id="re_1"))
    order = int(timetable.studio.one("SELECT id FROM orders")["id"])
    student = int(timetable.studio.one("SELECT id FROM students")["id"])
    row = tell(timetable, "refund.failed", "refund:re_1", student=student, order_id=order)

    leave(timetable)

    assert became(timetable, row) == "VOID"


def test_a_refund_that_nobody_knows_of_is_not_told(timetable: Timetable) -> None:
    paid(timetable)
    order = int(timetable.studio.one("SELECT id FROM orders")["id"])
    student = int(timetable.studio.one("SELECT id FROM students")["id"])
    row = tell(timetable, "refund.done", "refund:re_nobody", student=student, order_id=order)

    leave(timetable)

    assert became(timetable, row) == "VOID"


@pytest.mark.parametrize(
    ("kind", "heading", "why"),
    [
        (UNPAID, "Your payment failed", "The payment did not go through: you were given nothing."),
        (
            "checkout.session.expired",
            "Your purchase was not completed",
            "It was not paid in time: you were given nothing",
        ),
    ],
)
def test_a_payment_that_failed_says_that_nothing_was_given_and_what_to_do(
    timetable: Timetable, kind: str, heading: str, why: str
) -> None:
    timetable.studio.deliver(checkout(paid="unpaid"))
    timetable.studio.deliver(checkout(paid="unpaid", kind=kind))

    (mail,) = leave(timetable)

    assert "not paid" in mail["Subject"]
    assert f"{heading}:\n" in text(mail)
    assert why in text(mail)
    assert "If you still want it, buy it again." in text(mail)


def test_a_payment_that_came_after_all_is_not_said_to_have_failed(timetable: Timetable) -> None:
    timetable.studio.deliver(checkout(paid="unpaid"))
    timetable.studio.deliver(checkout(paid="unpaid", kind=UNPAID))
    timetable.studio.deliver(checkout())

    mails = leave(timetable)

    assert states(timetable, "payment.failed") == ["VOID"]
    assert [mail["Subject"] for mail in mails] == ["Lumen Spin: Explorer 5"]


def test_who_had_no_address_is_told_of_money_once_there_is_one(timetable: Timetable) -> None:
    timetable.studio.deliver(checkout(email=None, student="ada"))
    timetable.studio.deliver(refund(amount=120_000, refund_id="re_1"))
    leave(timetable)
    before = states(timetable, "refund.done")

    with freeze_time(clock.now() + timedelta(days=10)):
        timetable.studio.deliver(checkout(student="ada", payment="pi_2"))
        leave(timetable)

    assert (before, states(timetable, "refund.done")) == (["PARKED"], ["SENT"])


def test_money_is_written_as_the_language_does(timetable: Timetable) -> None:
    say(timetable, "tr")
    paid(timetable)
    timetable.studio.deliver(refund(amount=123_450, refund_id="re_1"))

    mail = newest(leave(timetable), "iade edildi")

    assert "  1.234,50\N{NO-BREAK SPACE}TRY iade edildi\n" in text(mail)
