"""Random histories: students, purchases, commands, crashes and travels in time, beside a model that says what is right.

After every step each outcome, balance, place, day and date is compared with the model, and the audit must find nothing.
By default the same histories are played each time. HISTORY_EXAMPLES=300 plays as many others, HISTORY_STEPS=60 longer
ones; the steps of what fails are printed, and pytest's --hypothesis-seed repeats a run. HISTORY_SHRINK=1 looks for
a shorter history that fails as well, which takes minutes.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.domain.booking.books import Command, Session
from tests.domain.booking.history import PRODUCTS, History, Time, open_shop
from tests.timetable import Timetable

# New York's clocks go forward on 2027-03-14 and back on 2027-11-07.
STARTS = [
    datetime(2027, 3, 12, 14, tzinfo=UTC),
    datetime(2027, 11, 5, 3, tzinfo=UTC),
    datetime(2027, 6, 1, 9, tzinfo=UTC),
]
WAITS = [timedelta(minutes=10), timedelta(minutes=20), timedelta(hours=3), timedelta(hours=26), timedelta(days=3)]
ORGS = ["lumen", "thrive"]
SELDOM = st.sampled_from([False, False, False, True])


def offers(org: str) -> st.SearchStrategy[dict[str, Any]]:
    """Sessions that crowd on a few days, some of them across a local midnight."""
    services = ["GROUP"] * 9 + ["PRIVATE"] * (6 if org == "thrive" else 1) + ["COURSE"]
    return st.fixed_dictionaries(
        {
            "org": st.just(org),
            "hours": st.sampled_from([2, 20, 27, 28, 28, 29, 29, 51, 51, 52, 52, 70, 100]),
            "minutes": st.sampled_from([30, 45, 60, 90, 90, 150]),
            "service": st.sampled_from(services),
            "capacity": st.sampled_from([1, 2, 2, 3]),
            "seats": st.sampled_from([(), (), (2, 1), (1, 1, 2, 5)]),
            "tier": st.sampled_from([None, None, 0, 10, 20]),
        }
    )


class Histories(RuleBasedStateMachine):
    timetable: Timetable

    def __init__(self) -> None:
        super().__init__()
        self.history = History(self.timetable)
        self.model = self.history.model

    @initialize(start=st.sampled_from(STARTS), data=st.data())
    def begin(self, start: datetime, data: st.DataObject) -> None:
        self.history.begin(start)
        for student in self.model.orgs:
            self._buy(student, data)
        self._fill_calendar(data)

    @rule(offer=st.sampled_from(ORGS).flatmap(offers))
    def another_session(self, offer: dict[str, Any]) -> None:
        self.history.offer(**offer)

    @rule(data=st.data())
    def another_purchase(self, data: st.DataObject) -> None:
        self._buy(data.draw(st.sampled_from(sorted(self.model.orgs)), "student"), data)

    @rule(data=st.data())
    def a_payment_turns(self, data: st.DataObject) -> None:
        """A purchase is refunded or disputed, or its dispute is settled."""
        turning = [each for each in self.history.payments if each.standing != "REVOKED"]
        if not turning or not data.draw(SELDOM, "turns"):
            return
        package = data.draw(st.sampled_from(turning), "package")
        if package.standing == "SUSPENDED":
            self.history.settle(package, won=data.draw(st.booleans(), "won"))
        elif data.draw(st.booleans(), "refund"):
            self.history.refund(package)
        else:
            self.history.dispute(package)

    @rule(wait=st.sampled_from(WAITS), data=st.data())
    def time_passes(self, wait: timedelta, data: st.DataObject) -> None:
        self.history.pass_time(wait)
        self._fill_calendar(data)

    @rule(data=st.data())
    def a_command(self, data: st.DataObject) -> None:
        self._ask(data, 1)

    @rule(data=st.data(), number=st.integers(2, 6))
    def a_batch_of_commands(self, data: st.DataObject, number: int) -> None:
        self._ask(data, number)

    @rule(
        data=st.data(),
        number=st.integers(1, 5),
        fault=st.sampled_from(["killed", "cut off"]),
        away=st.sampled_from([0, 0, 5, 20]),
    )
    def a_batch_that_is_broken_off(self, data: st.DataObject, number: int, fault: str, away: int) -> None:
        self._ask(data, number, fault, timedelta(minutes=away))

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        self.history.compare()

    def _buy(self, student: str, data: st.DataObject) -> None:
        sold = [code for code, each in PRODUCTS.items() if each.org == self.model.orgs[student]]
        self.history.buy(student, data.draw(st.sampled_from(sold), "product"))

    def _fill_calendar(self, data: st.DataObject) -> None:
        """See to it that there is something to book."""
        for org in ORGS:
            ahead = [each for each in self.history.sessions if each.org == org and each.start > Time.at]
            for _ in range(4 - len(ahead)):
                self.history.offer(**data.draw(offers(org), "session"))

    def _ask(self, data: st.DataObject, number: int, fault: str = "", away: timedelta = timedelta()) -> None:
        # All is drawn before anything is stored: hypothesis may give a history up at any draw.
        asked = [self._command(data) for _ in range(number)]
        self.history.work({self._store(*each): each[0] for each in asked}, fault, away)

    def _store(self, command: Command, said: dict[str, Any]) -> int:
        org = self.model.orgs[command.student]
        return self.timetable.ask_all(f"booking.{command.kind}", [(command.student, said)], org=org)[0]

    def _command(self, data: st.DataObject) -> tuple[Command, dict[str, Any]]:
        student = data.draw(st.sampled_from(sorted(self.model.orgs)), "student")
        # Bookings of others too, now and then.
        every = data.draw(st.integers(0, 19), "anybody's") == 0
        known = {n: b for n, b in self.history.bookings.items() if every or b.student == student}
        kind = data.draw(st.sampled_from(["book", "book", "change", "cancel"] if known else ["book"]), "kind")
        command, said = Command(kind, student, Time.at), dict[str, Any]()
        if kind != "book":
            standing = [n for n, b in known.items() if b.status == "CONFIRMED" and b.session.start > Time.at]
            some = sorted(known) if data.draw(SELDOM, "whatever stands") or not standing else sorted(standing)
            command.number = said["bookingId"] = data.draw(st.sampled_from(some), "booking")
            command.booking = known[command.number]
            command.forfeit = said["acceptForfeit"] = data.draw(SELDOM, "accept forfeit")
            command.override = said["override"] = data.draw(SELDOM, "override")
        if kind == "book" or (kind == "change" and data.draw(st.booleans(), "another session")):
            command.session = data.draw(st.sampled_from(self._some_sessions(student, data)), "session")
            said["sessionId"] = command.session.id
        if kind != "cancel":
            self._wish(data, command, said)
        return command, said

    def _some_sessions(self, student: str, data: st.DataObject) -> list[Session]:
        """Mostly those that can be booked, sometimes any of the student's studio, seldom any at all."""
        every = self.history.sessions
        ahead = [each for each in every if each.org == self.model.orgs[student] and each.start > Time.at]
        free = [each for each in ahead if each not in [b.session for b in self.model.booked(student)]]
        choice = data.draw(st.integers(0, 19), "which sessions")
        return every if not choice or not ahead else ahead if choice < 4 or not free else free

    def _wish(self, data: st.DataObject, command: Command, said: dict[str, Any]) -> None:
        """Say where to sit, how to pay and who comes along."""
        target = command.session or (command.booking.session if command.booking else None)
        seats = sorted(target.seats) if target else []
        held = self.model.held(command.student)
        if bool(seats) and data.draw(st.booleans(), "name a seat"):
            command.seat = said["seatId"] = data.draw(st.sampled_from(seats), "seat")
        if data.draw(SELDOM, "name a payment"):
            command.payment = said["paymentType"] = data.draw(st.sampled_from(["CREDIT", "ALL_ACCESS", "FREE"]), "by")
        if bool(held) and data.draw(SELDOM, "name a package"):
            command.package = data.draw(st.sampled_from(held), "package")
            said["packageId"] = command.package.id
        command.confirmed = said["confirmHigherTier"] = data.draw(st.booleans(), "confirm")
        brings = any(each.product.friend_days for each in held)
        if command.kind == "book" and data.draw(st.booleans() if brings else SELDOM, "friend"):
            command.friend, said["friend"] = True, {"name": "Grace", "email": "grace@example.com"}
            if bool(seats) and data.draw(st.booleans(), "name the friend's seat"):
                command.friend_seat = said["friend"]["seatId"] = data.draw(st.sampled_from(seats), "friend's seat")


def test_every_history_is_as_the_model_says(timetable: Timetable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.clock.now", lambda: Time.at)
    open_shop(timetable.studio)
    examples = os.environ.get("HISTORY_EXAMPLES")
    chosen = settings(
        max_examples=int(examples or 20),
        stateful_step_count=int(os.environ.get("HISTORY_STEPS", "25")),
        deadline=None,
        database=None,
        derandomize=examples is None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if "HISTORY_SHRINK" in os.environ else [Phase.generate],
        print_blob=True,
    )
    run_state_machine_as_test(type("Histories", (Histories,), {"timetable": timetable}), settings=chosen)
