"""Packages and passes that end: told with what is left, as long as that is so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time

from tests.stripe_objects import dispute, refund
from tests.timetable import Timetable
from tests.worker.test_booking_mail import NOW, buy, leave, ride, text
from tests.worker.told import became, say, tell
from worker import clock

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _friday() -> Iterator[None]:
    with freeze_time(NOW, tick=True):
        yield


def bought(timetable: Timetable, product: str = "EXPLORER-5") -> int:
    """Let ada buy a package; return it."""
    buy(timetable, product)
    return int(timetable.studio.one("SELECT max(id) AS id FROM student_packages")["id"])


def end_of(timetable: Timetable, package: int) -> datetime:
    """Return the end of a package in its organization's own time."""
    row = timetable.studio.one(
        "SELECT k.expires_at, o.timezone FROM student_packages k JOIN organizations o ON o.id = k.organization_id"
        " WHERE k.id = %(id)s",
        id=package,
    )
    end: datetime = row["expires_at"].astimezone(ZoneInfo(row["timezone"]))
    return end


def warn(timetable: Timetable, package: int, days: int, org: str = "lumen") -> int:
    student = timetable.student("ada", org)
    key = f"package:{package}:{days}:{end_of(timetable, package).timestamp():.0f}"
    timetable.studio.rows("DELETE FROM notifications WHERE dedupe_key = %(key)s", key=key)
    return tell(timetable, "package.expiring", key, org=org, student=student, student_package_id=package)


def ended(timetable: Timetable, package: int, at: datetime) -> int:
    key = f"package:{package}:{int(at.timestamp())}"
    return tell(timetable, "pass.expired", key, student=timetable.student("ada"), student_package_id=package)


def warned(timetable: Timetable, package: int, days: int, at: datetime, org: str = "lumen") -> str:
    """Write a warning at an instant and send it; return what became of it."""
    with freeze_time(at):
        row = warn(timetable, package, days, org)
        leave(timetable)
    return became(timetable, row)


def test_a_warning_says_what_is_left_and_through_which_day(timetable: Timetable) -> None:
    package = bought(timetable)
    timetable.book("ada", ride(timetable))
    leave(timetable)
    with freeze_time(end_of(timetable, package) - 7 * DAY):
        warn(timetable, package, 7)
        (mail,) = leave(timetable)

    assert mail["Subject"] == "Lumen Spin: Explorer 5 ends on 18 February 2027"
    assert text(mail) == (
        "Hello Ada Example,\n\n"
        "Your package ends soon:\n\n"
        "  Explorer 5\n"
        "  4 group credits left, of 60 minutes each\n"
        "  Valid through 18 February 2027\n\n"
        "It pays for sessions that begin through that day: book them while there are places.\n\n"
        f"Package: {package}\n"
        "At: Lumen Spin\n"
    )


def test_each_line_of_a_bundle_is_told(timetable: Timetable) -> None:
    package = bought(timetable, "BUNDLE-5P-3G")
    with freeze_time(end_of(timetable, package) - DAY):
        warn(timetable, package, 1, "thrive")
        (mail,) = leave(timetable)

    assert "  5 private credits left, of 30 minutes each\n  3 group credits left, of 60 minutes each\n" in text(mail)


def test_a_pass_ends_and_the_next_one_goes_on(timetable: Timetable) -> None:
    package = bought(timetable, "ALL-ACCESS-30")
    bought(timetable, "ALL-ACCESS-30")
    say(timetable, "tr")
    with freeze_time(end_of(timetable, package) - 7 * DAY):
        warn(timetable, package, 7)
        (mail,) = leave(timetable)

    assert "All-Access üyeliğiniz yakında bitiyor:\n\n  All-Access 30\n" in text(mail)
    assert "Bundan sonra All-Access 30 ile devam ediyorsunuz; son geçerlilik günü: 20 Ocak 2027." in text(mail)


@pytest.mark.parametrize(("org", "product"), [("lumen", "EXPLORER-5"), ("thrive", "PREMIUM-3")])
def test_a_warning_is_told_from_its_day_until_the_next_one_is(timetable: Timetable, org: str, product: str) -> None:
    package = bought(timetable, product)
    # New York's clocks go forward in the night of 14 March 2027, within the week.
    end = datetime(2027, 3, 16, tzinfo=end_of(timetable, package).tzinfo)
    timetable.studio.rows("UPDATE student_packages SET expires_at = %(end)s", end=end)
    last = end - DAY

    assert warned(timetable, package, 7, end - 7 * DAY - SECOND, org) == "VOID"
    assert warned(timetable, package, 7, end - 7 * DAY, org) == "SENT"
    assert warned(timetable, package, 7, last - SECOND, org) == "SENT"
    assert warned(timetable, package, 7, last, org) == "VOID"
    assert warned(timetable, package, 1, last - SECOND, org) == "VOID"
    assert warned(timetable, package, 1, last, org) == "SENT"
    assert warned(timetable, package, 1, end - SECOND, org) == "SENT"
    assert warned(timetable, package, 1, end, org) == "VOID"


def test_of_what_is_used_up_nothing_is_told(timetable: Timetable) -> None:
    package = bought(timetable, "SINGLE-RIDE")
    timetable.book("ada", ride(timetable))
    leave(timetable)

    assert warned(timetable, package, 7, end_of(timetable, package) - 7 * DAY) == "VOID"


@pytest.mark.parametrize("gone", ["refunded", "disputed", "lost"])
def test_of_a_package_whose_money_is_away_nothing_is_told(timetable: Timetable, gone: str) -> None:
    package = bought(timetable)
    payment = str(timetable.studio.one("SELECT stripe_key FROM payments")["stripe_key"])
    end = end_of(timetable, package)
    events = {
        "refunded": refund(payment, amount=500_000, refund_id="re_1"),
        "disputed": dispute(payment),
        "lost": dispute(payment, status="lost", kind="charge.dispute.closed"),
    }
    timetable.studio.deliver(events[gone])
    leave(timetable)

    assert warned(timetable, package, 7, end - 7 * DAY) == "VOID"
    with freeze_time(end):
        over = ended(timetable, package, end)
        leave(timetable)
    assert became(timetable, over) == "VOID"


def test_a_pass_that_has_ended_says_so_and_how_it_goes_on(timetable: Timetable) -> None:
    package = bought(timetable, "ALL-ACCESS-30")
    end = end_of(timetable, package)
    with freeze_time(end):
        ended(timetable, package, end)
        (alone,) = leave(timetable)
        bought(timetable, "ALL-ACCESS-30")
        ended(timetable, package, end + SECOND)
        (followed,) = leave(timetable)

    assert alone["Subject"] == "Lumen Spin: All-Access 30 has ended"
    assert "It was valid through 20 December 2026" in text(alone)
    assert "If you want to go on, buy your next pass or package whenever you like." in text(alone)
    assert "You go on with All-Access 30, which is valid through 20 January 2027." in text(followed)
    assert "If you want to go on" not in text(followed)


def test_a_pass_that_lasts_longer_by_now_has_not_ended(timetable: Timetable) -> None:
    package = bought(timetable, "ALL-ACCESS-30")
    end = end_of(timetable, package)
    timetable.studio.rows(
        "UPDATE student_packages SET expires_at = %(end)s, all_access_expires_at = %(end)s", end=end + DAY
    )
    with freeze_time(end):
        over = ended(timetable, package, end)
        leave(timetable)

    assert became(timetable, over) == "VOID"


def test_the_pass_of_somebody_else_does_not_go_on(timetable: Timetable) -> None:
    package = bought(timetable, "ALL-ACCESS-30")
    with freeze_time(clock.now() + 2 * DAY):
        timetable.buy("bea", "ALL-ACCESS-30")
        leave(timetable)
    end = end_of(timetable, package)
    with freeze_time(end - DAY):
        warn(timetable, package, 1)
        (mail,) = leave(timetable)

    assert "go on with" not in text(mail)
