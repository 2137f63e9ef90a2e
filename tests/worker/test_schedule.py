"""The clock: a period is done once by any number of workers, and what was missed is caught up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from freezegun import freeze_time

from tests.stripe_objects import checkout
from tests.studio import Studio
from worker.period import once_per_period, period_start
from worker.schedule import SCHEDULE
from worker.upkeep import expire_passes, prune_runs, refresh_stale_flags
from worker.work import WORK

START = datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_every_scheduled_task_has_its_work() -> None:
    assert {entry.name for entry in SCHEDULE} == WORK.keys()


def test_ten_workers_do_a_period_once(studio: Studio) -> None:
    done: list[datetime] = []

    def work(at: datetime) -> int:
        done.append(at)
        return 1

    with freeze_time(START), ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(lambda _: once_per_period(studio.engine, "students.flags", work), range(10)))

    assert len(done) == 1
    assert sorted(outcomes, key=str) == [1] + [None] * 9
    assert studio.one("SELECT finished_at FROM periodic_runs")["finished_at"] is not None


def test_the_next_period_is_done_again(studio: Studio) -> None:
    with freeze_time(START) as clock:
        first = once_per_period(studio.engine, "students.flags", lambda _: 1)
        clock.tick(timedelta(minutes=1))
        second = once_per_period(studio.engine, "students.flags", lambda _: 1)

    assert (first, second) == (1, 1)


def test_a_period_that_a_clock_took_which_was_ahead_is_done_when_it_comes(studio: Studio) -> None:
    with freeze_time(START) as clock:
        clock.tick(timedelta(hours=1))
        ahead = once_per_period(studio.engine, "students.flags", lambda _: 1)
        clock.move_to(START + timedelta(hours=1) - timedelta(minutes=10))
        before = once_per_period(studio.engine, "students.flags", lambda _: 1)
        clock.move_to(START + timedelta(hours=1, seconds=1))
        studio.rows("UPDATE periodic_runs SET claimed_at = claimed_at + interval '6 minutes'")
        then = [once_per_period(studio.engine, "students.flags", lambda _: 1) for _ in range(2)]

    assert (ahead, before, then) == (1, 1, [1, None])


def test_periods_begin_at_the_same_instant_for_everybody() -> None:
    assert period_start(START + timedelta(seconds=59), timedelta(minutes=1)) == START
    assert period_start(START + timedelta(seconds=60), timedelta(minutes=1)) == START + timedelta(minutes=1)


def test_flags_end_with_what_they_stand_for_however_late_the_clock_comes(studio: Studio) -> None:
    with freeze_time(START) as clock:
        studio.deliver(
            checkout("ELITE-30", payment="pi_1", amount=1_800_000),
            checkout("ALL-ACCESS-30", payment="pi_2", amount=2_100_000),
        )
        early = expire_passes(studio.engine, at=datetime.now(UTC))
        clock.tick(timedelta(days=40))
        # The pass and the friend pass of the other package.
        late = expire_passes(studio.engine, at=datetime.now(UTC))
        again = expire_passes(studio.engine, at=datetime.now(UTC))

    student = studio.one("SELECT * FROM students")
    assert (early, late, again) == (0, 2, 0)
    assert student["is_elite_member"]
    assert not student["has_all_access"]
    assert student["all_access_expires_at"] is None


def test_a_pass_that_was_to_come_begins(studio: Studio) -> None:
    with freeze_time(START) as clock:
        studio.deliver(
            checkout("ALL-ACCESS-30", payment="pi_1", amount=2_100_000),
            checkout("ALL-ACCESS-30", payment="pi_2", amount=2_100_000),
        )
        clock.tick(timedelta(days=45))
        expire_passes(studio.engine, at=datetime.now(UTC))
        studio.rows("UPDATE students SET has_all_access = FALSE")
        begun = [refresh_stale_flags(studio.engine, at=datetime.now(UTC)) for _ in range(2)]

    assert begun == [1, 0]
    assert studio.one("SELECT has_all_access FROM students")["has_all_access"]


def test_old_claims_are_forgotten_and_recent_ones_kept(studio: Studio) -> None:
    with freeze_time(START) as clock:
        once_per_period(studio.engine, "students.flags", lambda _: 0)
        clock.tick(timedelta(days=3))
        once_per_period(studio.engine, "students.flags", lambda _: 0)
        pruned = prune_runs(studio.engine, at=datetime.now(UTC))

    assert pruned == 1
    assert studio.count("periodic_runs") == 1
