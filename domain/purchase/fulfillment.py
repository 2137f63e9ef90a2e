"""Turn what Stripe says into what students hold: each payment once, each batch whole or not at all.

The journey of a batch: its facts are added to their payments (locked), what was bought is recognised,
whose it is is found (students locked), `decide` says in plain Python what must be written, `write` does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from domain.enrollment.again import Heard, to_settle
from domain.enrollment.enroll import Again, Bought, enroll, read_plan
from domain.errors import DomainError, NotReady, UnknownProduct
from domain.inbox.verdict import Verdict
from domain.inbox.waiting import wake
from domain.mail.unsent import retry_unsent
from domain.purchase.alias import Names, attach, read_names
from domain.purchase.buyer import complete_addresses, find_buyers
from domain.purchase.coupon_deal import HeldCoupon, Uses, read_uses, with_coupon
from domain.purchase.coupon_deal import lock as lock_coupons
from domain.purchase.coupon_deal import release as release_coupons
from domain.purchase.coupon_deal import settle as settle_coupons
from domain.purchase.fact import Fact
from domain.purchase.grant import Sale, decide
from domain.purchase.grant_rows import Placed, write
from domain.purchase.holder import hold, lock_holders, refresh_flags
from domain.purchase.payment import Purchase
from domain.purchase.products import Catalog, hold_still, read_catalog
from domain.purchase.recognition import SaleLine, recognise
from domain.purchase.standing import Key, Standing, record
from domain.purchase.told import Judged, Judgement, Told, verdict_of
from domain.purchase.transfer import moves_of, transfer
from domain.purchase.turn import act as turn
from domain.purchase.turn import turns_of
from domain.purchase.withheld import release
from domain.refund.follow import Refunded, follow
from domain.student import settled
from domain.subscription.book import Held
from domain.subscription.book import record as subscribe
from domain.subscription.facts import SubscriptionFact
from domain.subscription.renew import owners, renew
from domain.subscription.subscriber import Subscribers, moves_to, read_subscribers


def fulfil(session: Session, told: Sequence[Told], *, at: datetime) -> dict[int, Verdict]:
    """Act on what events say; return what became of each, by its id.

    Raises:
        Renamed: a payment became another name of one meanwhile; nothing was done, and it is to be tried again.

    """
    mentioned = [key for each in told for key in each.mentioned]
    names = read_names(session, _said(told), [*mentioned, *(key for each in told for key in each.keys)])
    subscriptions = subscribe(session, _of_subscriptions(told, names), at=at)
    facts: dict[Key, list[Fact]] = {names.settled(key): [] for each in told for key in each.keys}
    facts |= {settled: [] for key in mentioned if (settled := names.settled(key)) not in facts}
    for each in told:
        for fact, key in zip(each.facts, each.keys, strict=False):
            facts[names.settled(key)].append(fact)
    standing = record(session, facts, names.parts, at=at) if facts else {}
    standing |= attach(session, names.parts, standing, at=at)
    subscribers = read_subscribers(session, subscriptions)
    heard = {key: _of_subscriber(each, subscribers) for key, each in standing.items() if facts[key]}
    judged, uses = _judge_all(session, {key: each for key, each in heard.items() if not each.fulfilled})
    granted = _settle(session, heard, judged, uses, Subscribed(subscriptions, subscribers), at=at)
    news = [key[1] for key, each in heard.items() if each.is_new or each.tells_of_refunds]
    wake(session, granted + news + [part[1] for part in names.links], at=at)
    release_coupons(session, {key: each.purchase for key, each in heard.items() if not each.fulfilled}, uses)
    return {each.event_id: verdict_of(each, names, standing, judged) for each in told}


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The subscriptions that a batch is about, held, and whose they are."""

    held: Mapping[Key, Held]
    subscribers: Subscribers


def _of_subscriber(standing: Standing, subscribers: Subscribers) -> Standing:
    name = subscribers.of(standing.purchase)
    return replace(standing, purchase=replace(standing.purchase, subscriber=name)) if name else standing


def _said(told: Sequence[Told]) -> list[tuple[int, Fact]]:
    return [(each.organization_id, fact) for each in told for fact in each.facts]


def _of_subscriptions(told: Sequence[Told], names: Names) -> dict[Key, list[SubscriptionFact]]:
    """Return what is said of each subscription that a batch is about, if anything is."""
    said: dict[Key, list[SubscriptionFact]] = {key: [] for key in names.subscriptions}
    for each in told:
        for fact in each.standing:
            said.setdefault((each.organization_id, fact.key), []).append(fact)
    return said


def _judge_all(session: Session, open_payments: Mapping[Key, Standing]) -> tuple[Judged, Uses]:
    """Recognise what was bought, with its coupons; what was granted before is not judged by today's catalog.

    Before a product is called unknown the catalog is held still and read again: whoever adds the
    product either was seen, or finds the event parked and takes it up.
    """
    purchases = {key: each.purchase for key, each in open_payments.items()}
    judged = _recognise_all(session, purchases)
    unknown = {key for key, judgement in judged.items() if isinstance(judgement, UnknownProduct)}
    if unknown:
        hold_still(session, {organization for organization, _ in unknown})
        judged |= _recognise_all(session, {key: purchases[key] for key in unknown})
    uses = read_uses(session, purchases)
    return {key: _dealt(judgement, uses.get(key)) for key, judgement in judged.items()}, uses


def _dealt(judgement: Judgement, held: HeldCoupon | None) -> Judgement:
    return with_coupon(judgement, held) if isinstance(judgement, list) else judgement


def _recognise_all(session: Session, purchases: Mapping[Key, Purchase]) -> dict[Key, Judgement]:
    if not purchases:
        return {}
    catalog = read_catalog(session, list(purchases.values()))
    return {key: _judge(purchase, catalog) for key, purchase in purchases.items()}


def _judge(purchase: Purchase, catalog: Catalog) -> Judgement:
    try:
        return recognise(purchase, catalog)
    except (DomainError, NotReady) as refusal:
        return refusal


def _settle(  # noqa: PLR0913 - what is known by then
    session: Session,
    standing: Mapping[Key, Standing],
    judged: Judged,
    uses: Uses,
    subscribed: Subscribed,
    *,
    at: datetime,
) -> list[str]:
    """Write orders and what they grant, or what new facts change about them; return the payments that granted."""
    concerned = {key: lines for key, each in standing.items() if (lines := _lines(each, judged.get(key))) is not None}
    if not concerned and not subscribed.held:
        return []
    buyers = _buyers(session, [standing[key] for key in concerned], at=at)
    sales = [Sale(standing[key], lines, buyers[key]) for key, lines in concerned.items()]
    moves = moves_to(session, subscribed.subscribers) | moves_of(session, sales)
    moved = {student for pair in moves.values() for student in pair}
    subscribers = owners(session, subscribed.held)
    hold(session, {*buyers.values(), *moved, *subscribers})
    lock_coupons(session, uses, moves)
    again = to_settle(session, _told(sales), {order: taker for order, (_, taker) in moves.items()})
    plan = read_plan(session, _courses(sales, again), at=at)
    transfer(session, moves, at=at)
    holders = lock_holders(session, {*buyers.values(), *moved}, at=at)
    told = {sale.student_id: sale.purchase for sale in sales if sale.purchase.email and sale.purchase.external_id}
    complete_addresses(session, {student: told[student] for student in told if not holders[student].has_email})
    decision = decide(sales, holders, at=at)
    placed = write(session, decision, at=at)
    settle_coupons(session, placed, at=at)
    turn(session, turns_of(sales, {each.grant.payment_id or 0: each.order_id for each in placed}), at=at)
    enroll(session, plan, _bought(placed, sales), again, at=at)
    follow(session, _refunded(sales, placed), at=at)
    renewed = renew(session, subscribed.held, at=at)
    release(session, [sale.standing.order.id for sale in sales if sale.is_back and sale.standing.order])
    retry_unsent(session, list(holders), at=at)
    flagged = {sale.student_id for sale in sales if sale.touches_flags}
    refresh_flags(session, moved | renewed | flagged, at=at)
    granted = {grant.payment_id for grant in decision.grants}
    return [sale.purchase.key for sale in sales if sale.standing.payment_id in granted]


def _told(sales: Sequence[Sale]) -> dict[int, Heard]:
    """Return what purchases say that were granted before, by their orders."""
    granted = ((sale.standing.order, sale) for sale in sales if sale.standing.fulfilled)
    return {
        order.id: Heard(sale.purchase.cohort, sale.purchase.is_revoked, sale.standing.received_at)
        for order, sale in granted
        if order
    }


def _courses(sales: Sequence[Sale], again: Sequence[Again]) -> dict[int, set[str]]:
    """Return the courses that are bought, or settled anew, each with the cohorts that are named."""
    named = [(line.product.program_id, sale.purchase.cohort) for sale in sales for line in sale.lines]
    named += [(each.bought.program_id, each.bought.cohort) for each in again]
    courses: dict[int, set[str]] = {}
    for program_id, cohort in named:
        if program_id:
            courses.setdefault(program_id, set()).update({cohort} if cohort else ())
    return courses


def _bought(placed: Sequence[Placed], sales: Sequence[Sale]) -> list[Bought]:
    """Return the courses among what was granted."""
    told = {sale.standing.payment_id: sale for sale in sales}
    products = {line.product.id: line.product for sale in sales for line in sale.lines}
    bought = []
    for each in placed:
        package, sale = each.grant.package, told[each.grant.payment_id or 0]
        product = products[package["product_id"]]
        if product.program_id:
            owner = (package["organization_id"], each.grant.holder.id, each.package_id, product.program_id)
            said = (sale.purchase.cohort, sale.purchase.is_revoked, sale.standing.received_at, product.steps)
            bought.append(Bought(*owner, *said))
    return bought


def _lines(standing: Standing, judgement: Judgement | None) -> list[SaleLine] | None:
    """Return what a payment is about to buy, nothing for one that bought it before; None if no order is concerned.

    Whatever the catalog says by now, an order that stands is told that it is not paid.
    """
    is_refused = not isinstance(judgement, list)
    if standing.fulfilled or (is_refused and standing.order and not standing.purchase.paid):
        return [] if standing.is_changed else None
    return judgement if isinstance(judgement, list) and judgement and standing.purchase.begun else None


def _refunded(sales: Sequence[Sale], placed: Sequence[Placed]) -> list[Refunded]:
    """Return the orders of which something about refunds or disputes was said."""
    new = {each.grant.payment_id: each.order_id for each in placed}
    told = []
    for sale in sales:
        order = sale.standing.order.id if sale.standing.order else new.get(sale.standing.payment_id)
        if order and (sale.purchase.refunds or sale.purchase.dispute):
            owner = (order, sale.purchase.organization_id, sale.student_id)
            told.append(Refunded(*owner, sale.purchase, sale.standing.before))
    return told


def _buyers(session: Session, concerned: Sequence[Standing], *, at: datetime) -> dict[Key, int]:
    """Return whose each purchase is; one that names nobody stays with whom it was given to for certain."""
    kept = {_key(each): each.order.student_id for each in concerned if each.order and each.order_stays}
    # Their order may have been given to another student before it was held here.
    now = settled(session, set(kept.values())) if kept else {}
    kept = {key: now[student] for key, student in kept.items()}
    others = [each.purchase for each in concerned if _key(each) not in kept]
    return kept | (find_buyers(session, others, at=at) if others else {})


def _key(standing: Standing) -> Key:
    return standing.purchase.organization_id, standing.purchase.key
