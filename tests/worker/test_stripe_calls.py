"""Calls to a Stripe that hangs, fails and dies in between: each is done once, and who waits is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from freezegun import freeze_time

from db.models import CallKind
from db.transaction import reading, transaction
from domain.errors import EraseRefused
from domain.inbox.backlog import backlog
from domain.outward.call import Wanted, want
from domain.outward.checkout import GIVE_UP_AFTER
from domain.privacy.export import export
from tests.canaries import API_KEY, EMAIL, leaked
from tests.domain.privacy.someone import erased, found
from tests.fakestripe import FakeStripe
from tests.outward import Outward
from tests.outward import fake as fake  # noqa: PLC0414 - fixtures
from tests.outward import outward as outward  # noqa: PLC0414
from tests.refunding import Till
from tests.stack import wait_for
from worker import call_rows, clock, runtime, stripe_api, stripe_calls, upkeep
from worker.call_rows import CALL_SECONDS, LEASE_SECONDS, MAX_CRASHES
from worker.call_turn import MARGIN_SECONDS
from worker.stripe_ask import No, Unanswered, ask
from worker.stripe_calls import MOST, make_calls
from worker.sweep import sweep

SESSIONS = "/v1/checkout/sessions"
ONE, OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


def coupons(outward: Outward, number: int = 1) -> None:
    """Want coupons of Stripe's: the plainest thing to ask for."""
    org = outward.timetable.organization("lumen")
    jobs = [outward.timetable.ask("checkout.create", f"of-{each}") for each in range(number)]
    with transaction(outward.studio.engine) as session:
        for job in jobs:
            params = {"amount_off": job, "currency": "try", "duration": "once"}
            about: dict[str, Any] = {"organization_id": org, "job_id": job, "context": {"page": {}}}
            want(session, Wanted(kind=CallKind.COUPON_CREATE, params=params, **about), at=clock.now())


@pytest.mark.parametrize("fault", ["timeout_after", "reset_after"])
def test_what_stripe_did_without_our_hearing_of_it_is_not_done_twice(outward: Outward, fault: str) -> None:
    outward.fake.faults(fault, SESSIONS, seconds=3)

    job = outward.ask()
    outward.call()
    before = outward.timetable.outcome(job).status
    outward.again()

    outcome, made = outward.timetable.outcome(job), outward.fake.listed(SESSIONS)
    assert (before, outcome.code, [each["id"] for each in made]) == ("RUNNING", "done", [outward.page(outcome)["id"]])
    first, second = outward.fake.calls(SESSIONS, "POST")
    assert first["idempotency_key"] == second["idempotency_key"] == str(outward.calls()[0]["message_id"])
    assert (first["params"], second["replayed"]) == (second["params"], True)


@pytest.mark.parametrize("fault", ["timeout_before", "reset", "503", "429", "409"])
def test_a_stripe_that_is_away_or_busy_is_asked_again_under_the_same_key(outward: Outward, fault: str) -> None:
    outward.fake.faults(fault, SESSIONS, seconds=3)

    job = outward.ask()
    outward.call()
    waiting = outward.calls()[0]
    outward.again()

    assert (waiting["status"], waiting["attempts"], waiting["due_at"] > waiting["created_at"]) == ("PENDING", 1, True)
    assert outward.timetable.outcome(job).code == "done"
    assert len({each["idempotency_key"] for each in outward.fake.calls(SESSIONS, "POST")}) == 1


def test_a_fault_that_stripe_keeps_under_a_key_is_left_with_it(outward: Outward) -> None:
    outward.fake.faults("500", SESSIONS)

    job = outward.ask()
    for _ in range(3):
        outward.again()

    assert outward.timetable.outcome(job).code == "done"
    assert len(outward.fake.listed(SESSIONS)) == 1


def test_stripes_word_on_when_to_ask_again_is_kept(outward: Outward) -> None:
    outward.fake.faults("429", SESSIONS, retry_after=9)

    with freeze_time("2026-10-05T08:00:00Z", ignore=["_pytest", "pytest"]):
        outward.ask()
        outward.call()

    (call,) = outward.calls()
    assert (call["due_at"] - call["created_at"]).total_seconds() == 9


def test_a_refusal_is_final_and_told_without_secrets(outward: Outward) -> None:
    outward.price("EXPLORER-5", f"{EMAIL} {API_KEY}", 500_000)

    job = outward.ask()
    # As it was asked before prices were spelled out at need.
    outward.studio.rows("UPDATE stripe_calls SET context = context - 'spelled'")
    outward.call()
    outcome = outward.timetable.outcome(job)
    outward.again()

    (call,) = outward.calls()
    assert (outcome.status, outcome.code) == ("FAILED", "stripe_refused")
    assert (call["status"], call["error_code"], call["attempts"]) == ("PARKED", "stripe_refused", 1)
    assert "No such price" in call["last_error"]
    assert leaked(call["last_error"] + str(outcome.problem)) == []


def test_a_key_that_stripe_does_not_know_is_told_of_without_the_key(
    outward: Outward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_canary1234567890")
    runtime.settings.cache_clear()
    stripe_api.client.cache_clear()

    outcome = outward.checkout()

    (call,) = outward.calls()
    assert outcome.code == "stripe_refused"
    assert "STRIPE_API_KEY" in call["last_error"]
    assert "canary" not in call["last_error"] + str(outcome.problem)


def test_a_page_for_which_a_key_lacks_the_permission_is_refused_at_once(outward: Outward) -> None:
    outward.fake.faults("403", SESSIONS)

    outcome = outward.checkout()
    outward.again()

    (call,) = outward.calls()
    assert (call["status"], call["attempts"], outcome.code) == ("PARKED", 1, "stripe_refused")
    assert "STRIPE_API_KEY, what it may do" in call["last_error"]
    assert "sk_fake" not in call["last_error"] + str(outcome.problem)
    # It is no Stripe that is away: the next one is asked for.
    assert outward.checkout().code == "done"


def test_a_refund_for_which_a_key_lacks_the_permission_gives_back_what_it_took(outward: Outward) -> None:
    till = Till(outward.timetable)
    package = outward.timetable.buy("ada")
    outward.fake.faults("403", "/v1/refunds")

    job = till.take(package, 2).job
    during = outward.timetable.left(package)
    outward.call()

    ended = outward.timetable.outcome(job)
    assert (during, outward.timetable.left(package), ended.code) == ([3], [5], "stripe_refused")
    assert till.refunds() == [(200_000, "FAILED", False)]
    assert ended.problem
    assert "what it may do" in ended.problem["detail"]
    assert [kind for kind, *_ in till.reviews()] == ["REFUND_FAILED"]


def test_a_process_that_died_before_it_marked_is_followed_under_the_same_key(
    outward: Outward, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    job = outward.ask()
    with monkeypatch.context() as dying:
        dying.setattr(stripe_calls, "settle", die)
        with pytest.raises(KeyboardInterrupt):
            outward.call()
    outward.call()
    leased = outward.timetable.outcome(job).status
    outward.studio.rows(
        "UPDATE stripe_calls SET lease_until = lease_until - make_interval(secs => %(s)s)", s=LEASE_SECONDS
    )
    outward.call()

    (call,) = outward.calls()
    assert (leased, outward.timetable.outcome(job).code) == ("RUNNING", "done")
    assert (call["attempts"], call["crashes"], len(outward.fake.listed(SESSIONS))) == (2, 1, 1)


def test_a_call_that_kills_each_process_is_parked(outward: Outward) -> None:
    job = outward.ask()
    outward.studio.rows(
        "UPDATE stripe_calls SET crashes = %(n)s, lease_token = gen_random_uuid(), lease_until = created_at",
        n=MAX_CRASHES - 1,
    )

    outward.call()

    assert (outward.calls()[0]["error_code"], outward.timetable.outcome(job).status) == ("worker_lost", "FAILED")
    assert outward.fake.calls(SESSIONS, "POST") == []


def test_who_answers_too_late_changes_nothing(outward: Outward) -> None:
    job = outward.ask()
    (row,) = call_rows.lease(outward.studio.engine, ONE, 1)
    outward.studio.rows("UPDATE stripe_calls SET lease_until = created_at")
    (taken,) = call_rows.lease(outward.studio.engine, OTHER, 1)
    before = outward.calls()

    call_rows.settle(outward.studio.engine, row, ONE, No("too late"))
    call_rows.settle(outward.studio.engine, row, ONE, Unanswered("too late"))
    unchanged = outward.calls() == before
    call_rows.settle(outward.studio.engine, taken, OTHER, ask(taken))

    assert unchanged
    assert outward.timetable.outcome(job).code == "done"


def test_one_process_at_a_time_makes_calls(outward: Outward) -> None:
    outward.fake.faults("timeout_before", "/v1/coupons", seconds=1, times=MOST)
    coupons(outward, 2 * MOST)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(make_calls, outward.studio.engine)
        wait_for(lambda: _leased(outward) == MOST, what="calls under way")
        second = pool.submit(make_calls, outward.studio.engine)
        second.result()
        meanwhile = [each["status"] for each in outward.calls()]
        first.result()

    assert meanwhile == ["PENDING"] * 2 * MOST
    assert _leased(outward) == 0


def _leased(outward: Outward) -> int:
    return int(outward.studio.one("SELECT count(*) AS n FROM stripe_calls WHERE lease_until IS NOT NULL")["n"])


def test_no_transaction_is_open_while_stripe_is_asked(outward: Outward) -> None:
    outward.fake.faults("timeout_before", SESSIONS, seconds=1)
    outward.ask()
    watching = """SELECT xact_start FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()
                     AND application_name LIKE 'punchcard%%'"""

    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(make_calls, outward.studio.engine)
        wait_for(lambda: outward.fake.calls(SESSIONS), what="the call")
        # It looks every so often whether there is more to call: between two looks nothing is open.
        seen = [outward.studio.rows(watching) for _ in range(20)]
        calling.result()

    assert min(sum(row["xact_start"] is not None for row in rows) for rows in seen) == 0
    assert outward.studio.one("SELECT attempts FROM stripe_calls")["attempts"] == 1


def test_a_call_that_is_wanted_while_another_hangs_does_not_wait_for_it(outward: Outward) -> None:
    outward.fake.faults("slow", "/v1/coupons", seconds=1)
    coupons(outward)

    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(make_calls, outward.studio.engine)
        wait_for(lambda: outward.fake.calls("/v1/coupons") or _leased(outward), what="the call that hangs")
        job = outward.ask()
        done = wait_for(lambda: outward.timetable.outcome(job).result, what="the other one")
        hangs = outward.calls()[0]["status"]
        calling.result()

    assert done
    assert done["url"]
    assert hangs == "PENDING"


def test_who_waits_for_too_long_is_told_and_the_coupon_is_free_again(outward: Outward) -> None:
    outward.timetable.coupon("HALF", "DISCOUNT", discount_type="PERCENTAGE", discount_value=50, max_redemptions=1)
    outward.fake.faults("503", "/v1/", times=100)

    job = outward.ask(couponCode="HALF")
    outward.call()
    outward.studio.rows("UPDATE stripe_calls SET give_up_at = created_at")
    outward.call()

    outcome = outward.timetable.outcome(job)
    assert (outcome.status, outcome.code) == ("FAILED", "stripe_unavailable")
    assert outward.studio.one("SELECT status, number FROM coupon_uses") == {"status": "RELEASED", "number": None}
    assert outward.calls()[0]["status"] == "PARKED"


def test_nothing_is_put_off_beyond_its_end(outward: Outward) -> None:
    outward.fake.faults("429", SESSIONS, retry_after=3_000)

    outward.ask()
    outward.call()

    (call,) = outward.calls()
    assert call["due_at"] == call["give_up_at"]


def test_a_stripe_that_hangs_is_left_alone_and_asked_with_one_call_afterwards(outward: Outward) -> None:
    outward.fake.faults("timeout_before", "/v1/coupons", seconds=2, times=MOST + 1)
    coupons(outward, MOST + 4)

    outward.call()
    tried = len(outward.fake.calls("/v1/coupons"))
    outward.studio.rows("UPDATE stripe_calls SET due_at = created_at")
    outward.call()
    left_alone = len(outward.fake.calls("/v1/coupons")) == tried

    assert left_alone
    assert tried <= MOST
    assert stripe_calls.BREAKER.failures(outward.fake.base) == 3


def test_without_a_key_commands_are_refused_at_once_and_products_stay_due(
    outward: Outward, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    outward.change("EXPLORER-5", price=510_000)
    monkeypatch.delenv("STRIPE_API_KEY")
    runtime.settings.cache_clear()

    outcome = outward.checkout()
    outward.sync()

    assert (outcome.code, "STRIPE_API_KEY" in str(outcome.problem)) == ("stripe_unavailable", True)
    assert outward.product("EXPLORER-5")["sync_due_at"] is not None
    assert fake.calls() == []


def test_the_sweep_finds_a_call_whose_hint_was_lost(outward: Outward) -> None:
    hinted: list[str] = []

    class Noted:
        def send(self, queue: str) -> None:
            hinted.append(queue)

    outward.ask()
    sweep(outward.studio.engine, (), Noted(), at=clock.now() + timedelta(seconds=1))  # type: ignore[arg-type]

    assert "calls" in hinted


def test_a_call_that_nobody_makes_is_named_by_the_audit(outward: Outward) -> None:
    job = outward.ask()
    outward.studio.rows("UPDATE stripe_calls SET due_at = due_at - interval '1 hour'")
    overdue = outward.studio.audit()
    outward.studio.rows("UPDATE stripe_calls SET status = 'VOID'")

    assert overdue == [f"inbox.alive: call {outward.calls()[0]['id']}"]
    assert outward.studio.audit() == [f"inbox.alive: job {job}"]


def test_calls_that_are_over_are_forgotten_after_a_while_and_refused_products_are_not(outward: Outward) -> None:
    outward.refuse()
    outward.checkout()
    outward.checkout("grace", "CORE-10")
    outward.refuse_product("SINGLE-RIDE")
    prune = partial(upkeep.prune_payloads, outward.studio.engine)

    early = prune(at=clock.now() + timedelta(days=34))
    late = prune(at=clock.now() + timedelta(days=36))

    assert (early, late) == (0, 2)
    assert [(each["kind"], each["status"]) for each in outward.calls()] == [("PRODUCT_UPDATE", "PARKED")]


def test_of_who_is_erased_nothing_is_left_among_the_calls(outward: Outward) -> None:
    student = outward.timetable.student("canary-7731")
    outward.studio.rows("UPDATE students SET email = %(e)s WHERE id = %(id)s", e=EMAIL, id=student)
    outward.timetable.coupon("HALF", "DISCOUNT", discount_type="PERCENTAGE", discount_value=50)
    outward.checkout("canary-7731", couponCode="HALF")
    with reading(outward.studio.engine) as session:
        told = export(
            session, outward.timetable.organization("lumen"), "canary-7731", tell=lambda _: None, at=clock.now()
        )

    erased(outward.timetable, "canary-7731")

    assert [each["kind"] for each in told["stripe_calls"]] == ["COUPON_CREATE", "CHECKOUT_CREATE"]
    assert found(outward.timetable, "canary-7731", EMAIL) == []


def test_nobody_is_erased_while_stripe_is_asked_for_them(outward: Outward) -> None:
    outward.ask("canary-7731")

    with pytest.raises(EraseRefused, match="commands are under way"):
        erased(outward.timetable, "canary-7731")


def test_the_backlog_tells_of_calls_and_of_products_that_were_refused(outward: Outward) -> None:
    outward.refuse()
    outward.checkout()
    outward.ask("grace", "CORE-10")
    outward.change("SINGLE-RIDE", stripe_product_id="prod_of_nobody")
    upkeep.sync_products(outward.studio.engine, at=clock.now())
    outward.studio.rows("UPDATE stripe_calls SET status = 'PARKED' WHERE kind = 'PRODUCT_UPDATE'")

    with reading(outward.studio.engine) as session:
        rows = {(each.name, each.status): each.rows for each in backlog(session, at=clock.now())}

    assert (rows["stripe_calls", "PENDING"], rows["stripe_calls", "PARKED"]) == (1, 1)


def test_a_refund_that_was_long_under_way_is_looked_for_before_it_is_made(outward: Outward) -> None:
    stripe = outward.fake.client().v1
    paid = outward.checkout()
    assert paid.result
    payment = outward.fake.pay(paid.result["id"], email="ada@example.com")["payment_intent"]
    params = {"payment_intent": payment, "amount": 1_000, "metadata": {"punchcard_refund": "7"}}
    made = stripe.refunds.create(params)  # type: ignore[arg-type]
    call = {"id": 1, "kind": "REFUND_CREATE", "params": params, "account": None, "message_id": "another-key"}

    known = ask(call | {"created_at": clock.now() - timedelta(hours=13)})
    other = ask(
        call
        | {"created_at": clock.now() - timedelta(hours=13), "params": params | {"metadata": {"punchcard_refund": "8"}}}
    )

    assert isinstance(known, dict)
    assert isinstance(other, dict)
    assert (known["id"], known["metadata"], other["id"] != made.id) == (made.id, {"punchcard_refund": "7"}, True)


def test_a_lease_outlasts_a_call() -> None:
    assert LEASE_SECONDS > CALL_SECONDS


def test_a_call_that_somebody_waits_for_is_come_for_when_it_is_due(outward: Outward) -> None:
    outward.fake.faults("503", SESSIONS, times=4)

    with freeze_time(clock.now(), ignore=["_pytest", "pytest"]) as time:
        job = outward.ask()
        waits = []
        while (wait := make_calls(outward.studio.engine)) is not None:
            # A Stripe that answers 503 in a row is left alone for seconds of its own.
            stripe_calls.BREAKER.served(outward.fake.base)
            waits.append(round(wait - MARGIN_SECONDS))
            time.tick(timedelta(seconds=wait))

    assert waits == [1, 2, 4, 8]
    assert outward.timetable.outcome(job).code == "done"


def test_who_waits_is_told_at_the_end_of_the_wait_and_not_by_the_sweep(outward: Outward) -> None:
    outward.fake.faults("reset", SESSIONS, times=100)

    with freeze_time(clock.now(), ignore=["_pytest", "pytest"]) as time:
        job = outward.ask()
        while (wait := make_calls(outward.studio.engine)) is not None:
            time.tick(timedelta(seconds=wait))
        (call,) = outward.calls()

    assert (outward.timetable.outcome(job).code, call["status"]) == ("stripe_unavailable", "PARKED")
    assert call["created_at"] + GIVE_UP_AFTER == call["give_up_at"]


def test_nobody_comes_sooner_for_what_nobody_waits_for(outward: Outward) -> None:
    outward.fake.faults("503", "/v1/products")
    outward.change("EXPLORER-5", price=510_000)
    upkeep.sync_products(outward.studio.engine, at=clock.now())

    assert make_calls(outward.studio.engine) is None
    assert outward.calls()[0]["status"] == "PENDING"


def test_a_job_that_stripe_did_not_serve_says_how_to_try_again(outward: Outward) -> None:
    outward.refuse()
    refused = outward.checkout()
    job = outward.ask("grace", "CORE-10")
    outward.studio.rows("UPDATE stripe_calls SET give_up_at = created_at")
    outward.call()
    away = outward.timetable.outcome(job)

    assert [refused.code, away.code] == ["stripe_refused", "stripe_unavailable"]
    assert all("another Idempotency-Key" in str(each.problem) for each in (refused, away))
