"""Random histories: students, purchases, commands, crashes and travels in time, beside a model that says what is right.

After every step each outcome, balance, place, day, date and line is compared with the model, and the audit must find
nothing. By default the same histories are played each time. HISTORY_EXAMPLES=300 plays as many others, HISTORY_STEPS=60
longer ones; the steps of what fails are printed, and pytest's --hypothesis-seed repeats a run. HISTORY_SHRINK=1 looks
for a shorter history that fails as well, which takes minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.domain.history.drawing import Draw
from tests.domain.history.drawing_money import DrawMoney
from tests.domain.history.faults import Time
from tests.domain.history.history import TASKS, History
from tests.domain.history.shop import PRODUCTS, open_shop
from tests.domain.history.telling import Purchase
from tests.timetable import Timetable

# New York's clocks go forward on 2027-03-14 and back on 2027-11-07.
STARTS = [
    datetime(2027, 3, 12, 14, tzinfo=UTC),
    datetime(2027, 11, 5, 3, tzinfo=UTC),
    datetime(2027, 6, 1, 9, tzinfo=UTC),
]
WAITS = [timedelta(minutes=10), timedelta(minutes=20), timedelta(hours=3), timedelta(hours=26), timedelta(days=3)]
# Chance is a number of each step, so that a step can be left out, and the others stay what they are.
SEEDS = st.binary(min_size=6, max_size=6)


class Histories(RuleBasedStateMachine):
    timetable: Timetable

    def __init__(self) -> None:
        super().__init__()
        self.history = History(self.timetable)
        self.model = self.history.model
        self.seed = b""
        self.steps: dict[Callable[[Random], None], int] = {
            self._commands: 13,
            self._crowd: 4,
            self._broken_off: 3,
            self._time: 5,
            self._clock: 3,
            self._purchase: 2,
            self._course: 3,
            self._option: 1,
            self._payment: 9,
            self._refund: 7,
        }

    @initialize(seed=SEEDS)
    def begin(self, seed: bytes) -> None:
        self.seed, random = seed, Random(seed)
        self.history.begin(random.choice(STARTS))
        self._buy(random, *self.model.orgs, *self.model.orgs)
        self._fill_calendar(random)
        self._course(random)

    @rule(seed=SEEDS)
    def something_happens(self, seed: bytes) -> None:
        random = Random(self.seed + seed)
        (step,) = random.choices(list(self.steps), list(self.steps.values()))
        step(random)
        self._fill_calendar(random)

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        self.history.compare()

    def _commands(self, random: Random) -> None:
        self._ask(random, random.randint(2, 7))

    def _crowd(self, random: Random) -> None:
        self._ask(random, 0)

    def _broken_off(self, random: Random) -> None:
        self._ask(random, random.randint(1, 5), random.choice(["killed", "cut off"]), random.choice([0, 0, 5, 20]))

    def _ask(self, random: Random, number: int, fault: str = "", away: int = 0) -> None:
        draw = Draw(self.history, random)
        commands = [draw.command() for _ in range(number)] or draw.crowd()
        for command in commands:
            note(f"{Time.at:%d %b %H:%M}: {command}")
        note(f"{Time.at:%d %b %H:%M}: the worker does them, {fault or 'all at once'}, {away} minutes")
        self.history.ask(commands, fault, timedelta(minutes=away))

    def _time(self, random: Random) -> None:
        self.history.pass_time(random.choice(WAITS))

    def _clock(self, random: Random) -> None:
        task = random.choice(sorted(TASKS))
        note(f"{Time.at:%d %b %H:%M}: the clock strikes: {task}")
        self.history.strike(task)

    def _purchase(self, random: Random) -> None:
        self._buy(random, random.choice(sorted(self.model.orgs)))

    def _payment(self, random: Random) -> None:
        """Stripe tells of refunds and disputes, and later how they went on; whose place came free is offered it."""
        draw = DrawMoney(self.model, random)
        for _ in range(random.choice([1, 1, 2, 3])):
            news = draw.news()
            note(f"{Time.at:%d %b %H:%M}: {news}")
            self.history.tell(news, draw.again(news))
            self.history.work({}, "", timedelta())
            self.history.compare()
            self.history.pass_time(random.choice([timedelta(), *WAITS]))

    def _refund(self, random: Random) -> None:
        """Staff order refunds; Stripe answers some at once, and others later."""
        draw, money = Draw(self.history, random), DrawMoney(self.model, random)
        if not self.history.asked or draw.once_in(2):
            commands = [draw.refund() for _ in range(draw.one([1, 1, 2, 3]))]
            note(f"{Time.at:%d %b %H:%M}: {commands}")
            self.history.ask(commands, "", timedelta())
        for ordered, package in list(self.history.asked.items()):
            if package.payment and not draw.once_in(3):
                said = money.answer(package.payment, ordered)
                note(f"{Time.at:%d %b %H:%M}: Stripe answers: {ordered} {said}")
                self.history.answer(ordered, said)
                self.history.work({}, "", timedelta())
                self.history.compare()

    def _course(self, random: Random) -> None:
        """Courses are bought; or the rest of a purchase is told."""
        draw = Draw(self.history, random)
        late = list(self.history.late)
        if late and draw.once_in(2):
            note(f"{Time.at:%d %b %H:%M}: {late[0]} is told late of {self.history.late[late[0]][1]}")
            self.history.tell_late(late[0])
            self.history.work({}, "", timedelta())
            return
        purchases = [draw.buying() for _ in range(draw.one([1, 1, 2, 3]))]
        note(f"{Time.at:%d %b %H:%M}: {purchases}")
        self.history.buy_courses(*purchases)
        self.history.work({}, "", timedelta())

    def _option(self, random: Random) -> None:
        """The school lets an option take nobody, or lets it take bookings again."""
        options = [o for course in self.history.courses for step in course.steps for o in step.options]
        closed = [each for each in options if not each.active]
        option = random.choice(closed if closed and random.random() < 1 / 2 else options)
        note(f"{Time.at:%d %b %H:%M}: {option} is {'closed' if option.active else 'open'}")
        self.history.toggle(option)

    def _buy(self, random: Random, *students: str) -> None:
        purchases = []
        for student in students:
            sold = [code for code, each in PRODUCTS.items() if each.org == self.model.orgs[student]]
            # What ends soon, and a day of a pass, is where the rules are.
            soon = [code for code in sold if PRODUCTS[code].days <= 3 or PRODUCTS[code].is_pass]
            code = random.choice(soon if random.random() < 1 / 2 else sold)
            purchases.append(Purchase(student, code, refunded=random.random() < 1 / 40))
        note(f"{Time.at:%d %b %H:%M}: {purchases}")
        self.history.buy(*purchases)
        self.history.work({}, "", timedelta())

    def _fill_calendar(self, random: Random) -> None:
        """See to it that there is something to book."""
        draw = Draw(self.history, random)
        for student, org in list(self.model.orgs.items())[:2]:
            for _ in range(4 - len(draw.ordinary(student))):
                self.history.offer(**draw.offer(org))
        draw.meet()
        draw.plan()


def test_every_history_is_as_the_model_says(timetable: Timetable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.clock.now", lambda: Time.at)
    open_shop(timetable.studio)
    examples = os.environ.get("HISTORY_EXAMPLES")
    chosen = settings(
        max_examples=int(examples or 18),
        stateful_step_count=int(os.environ.get("HISTORY_STEPS", "25")),
        deadline=None,
        database=None,
        derandomize=examples is None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if "HISTORY_SHRINK" in os.environ else [Phase.generate],
        print_blob=True,
    )
    run_state_machine_as_test(type("Histories", (Histories,), {"timetable": timetable}), settings=chosen)
