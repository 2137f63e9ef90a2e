"""A server that does not serve is left alone, by every process that came from the same one."""

from __future__ import annotations

import os

from freezegun import freeze_time

from worker.breaker import LONGEST_WAIT, TOLERATED, Breaker, Turn, wait

SERVER = "smtp://ada:sesame@mail.example.com"


def test_a_child_that_finds_a_server_away_tells_all_others() -> None:
    breaker = Breaker()
    breaker.served(SERVER)

    child = os.fork()
    if child == 0:
        breaker.failed(SERVER)
        os._exit(0)
    os.waitpid(child, 0)

    assert breaker.failures(SERVER) == TOLERATED
    assert Turn(breaker, SERVER).room(5) == 0


def test_another_server_is_not_blamed() -> None:
    breaker = Breaker()

    breaker.failed(SERVER)

    assert Turn(breaker, "smtp://other.example.com").room(5) == 5


def test_only_one_finds_out_and_who_had_nothing_to_find_out_with_lets_the_next_one() -> None:
    with freeze_time("2026-11-21T09:00Z") as time:
        breaker = Breaker()
        breaker.failed(SERVER)
        time.tick(wait(TOLERATED))
        first, second, third = (Turn(breaker, SERVER) for _ in range(3))

        assert (first.room(5), first.room(1), second.room(5)) == (1, 1, 0)
        first.end()
        assert third.room(5) == 1


def test_a_turn_that_found_out_goes_on_or_ends() -> None:
    with freeze_time("2026-11-21T09:00Z") as time:
        breaker = Breaker()
        breaker.failed(SERVER)
        time.tick(wait(TOLERATED))
        turn = Turn(breaker, SERVER)
        turn.room(5)

        breaker.failed(SERVER)
        failed = turn.room(5)
        breaker.served(SERVER)

        assert (failed, turn.room(5)) == (0, 5)


def test_who_asked_before_finds_out_every_other_time() -> None:
    with freeze_time("2026-11-21T09:00Z"):
        breaker = Breaker()
        turn = Turn(breaker, SERVER)
        breaker.refused(SERVER)
        told = [turn.asks_again()]
        for _ in range(4):
            breaker.failed(SERVER)
            told.append(turn.asks_again())

    assert told == [False, True, False, True, False]


def test_a_clock_that_goes_back_or_far_ahead_ends_the_wait() -> None:
    breaker = Breaker()
    with freeze_time("2026-11-21T09:00Z"):
        breaker.failed(SERVER)
    after = Turn(breaker, SERVER).room(5)
    breaker.failed(SERVER)
    with freeze_time("2026-11-21T09:00Z"):
        ahead = Turn(breaker, SERVER).room(5)

    assert (after, ahead) == (1, 1)


def test_waits_grow_to_an_end() -> None:
    assert [wait(TOLERATED + number) for number in range(4)] == [2, 4, 8, 16]
    assert wait(TOLERATED + 10_000) == LONGEST_WAIT
