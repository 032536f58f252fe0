"""What the fraud rules' verdict does: orders and withdrawals pass, are challenged, held or denied; and
what is held goes on, is refused, or ends in time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from crypto_exchange.domain import cashier
from crypto_exchange.domain.account_events import PasswordChanged
from crypto_exchange.domain.activity import DAY_US, MINUTE_US, Activity, Signals
from crypto_exchange.domain.audit_log import TERMINAL, Action, Actor, Via
from crypto_exchange.domain.cashier import Deposit, Withdraw
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import (
    Conflict,
    Denied,
    Forbidden,
    InvariantViolation,
    NotFound,
    StepUpRequired,
    TooLate,
    WrongState,
)
from crypto_exchange.domain.events import OrderPlaced, OrderReleased, OrdersFailed, Withdrawn
from crypto_exchange.domain.order import Order, OrderState, Reason, clear
from crypto_exchange.domain.placement import PlaceOrder, place_order
from crypto_exchange.domain.policy import SECOND_US, OnDeadline, Policy
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.review import Review, ReviewKind, ReviewState, use
from crypto_exchange.domain.risk import Assessment, Verdict
from crypto_exchange.domain.risk_policy import RiskMode, RiskPolicy
from crypto_exchange.domain.screening import (
    MOST_OPEN,
    Screened,
    deny,
    find_release,
    follow,
    queue_withdrawal,
    replay,
    screen,
)
from crypto_exchange.domain.second_factor import FRESH_US, SETTLED_US, FactorState, SecondFactor
from crypto_exchange.domain.use_cases import orders, reviews, wallets
from crypto_exchange.domain.wallet import Wallet
from tests.builders import NOW_US, an_asset, an_order, usd
from tests.desk import Desk

OPERATOR = Actor(user_id=77, via=Via.TERMINAL, address="192.0.2.1", request_id="r")
HOLD_ALL: dict[str, Any] = {"dollars_per_day": 0, "new_account_withdrawal": 0}
CHALLENGE_ALL: dict[str, Any] = {"withdrawals_per_day": 0, "orders_per_hour": 1}


def a_desk(mode: RiskMode = RiskMode.ENFORCE, policy: Policy | None = None, **limits: Any) -> Desk:
    risk = RiskPolicy(mode=mode, **limits)
    return Desk(msgspec.structs.replace(policy or Policy(), risk=risk))


async def withdraw(desk: Desk, dollars: str, verified_at_us: int = 0) -> None:
    command = Withdraw(user_id=1, amount=usd(dollars), verified_at_us=verified_at_us)
    await wallets.withdraw(desk.context, command)


async def queue(desk: Desk) -> dict[int | None, Review]:
    """Open reviews by their order."""
    return {review.order_id: review for review in await reviews.list_open(desk.context)}


def replayed(desk: Desk) -> Activity:
    """The activity that follows from the events of the one user; each assessment is as it was."""
    activity = Activity()
    for event in (each for each in desk.state.events if each.user_id == 1):
        activity, assessment = replay(activity, event, desk.context.policy)
        if isinstance(event, OrderPlaced | Withdrawn):
            assert assessment is not None
            assert assessment.text == event.risk
    return activity


async def held_orders(desk: Desk) -> list[str]:
    """The reviews of orders."""
    return [r.id for order_id, r in (await queue(desk)).items() if order_id is not None]


def add_factor(desk: Desk, confirmed_at_us: int = 0) -> None:
    factor = SecondFactor(
        user_id=1, sealed="", state=FactorState.ACTIVE, confirmed_at_us=confirmed_at_us
    )
    desk.state.apply(Change(new_factors=(factor,)))


def reaches(desk: Desk, order: Order) -> tuple[OrderState, Reason | None]:
    now = desk.now(order)
    return now.state, now.reason


async def test_an_order_that_is_allowed_keeps_what_the_rules_said_and_counts_as_activity() -> None:
    desk = a_desk()

    order = await desk.place("12.00")

    placed = desk.state.events[-1]
    assert isinstance(placed, OrderPlaced)
    assert (order.risk, placed.risk, placed.held) == ("allow/1", "allow/1", False)
    activity = desk.state.get_wallet(1).activity
    assert activity.registered_at_us == activity.deposited_at_us == NOW_US
    assert (activity.deposited, activity.traded, activity.orders) == (usd("12"), usd("12"), 1)
    await desk.work()
    assert desk.now(order).state is OrderState.COMPLETED
    assert desk.state.get_wallet(1).activity == activity


async def test_an_order_taken_back_is_no_trade_and_stays_counted() -> None:
    desk = a_desk()
    order = await desk.place("9.00")

    await orders.cancel(desk.context, 1, order.id)

    activity = desk.state.get_wallet(1).activity
    assert (activity.traded, activity.orders, activity.under.count) == (0, 1, 1)


@pytest.mark.parametrize(
    ("dollars", "counted"), [("8.99", 0), ("9.00", 1), ("9.99", 1), ("10.00", 0)]
)
async def test_only_orders_just_under_the_threshold_count_as_such(
    dollars: str, counted: int
) -> None:
    desk = a_desk()

    await desk.place(dollars)

    assert desk.state.get_wallet(1).activity.under.count == counted


async def test_where_rules_only_observe_they_tell_and_change_nothing() -> None:
    desk = a_desk(RiskMode.OBSERVE, **HOLD_ALL)

    order = await desk.place("12.00")
    await desk.work()
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("5")))
    await withdraw(desk, "5.00")

    assert desk.now(order).risk == "hold/1 dollars_day"
    assert desk.now(order).state is OrderState.COMPLETED
    withdrawn = desk.state.events[-1]
    assert isinstance(withdrawn, Withdrawn)
    assert withdrawn.risk == "hold/1 new_account"
    assert await queue(desk) == {}


@pytest.mark.parametrize(
    ("risk", "orders_counted"), [(None, 0), (RiskPolicy(mode=RiskMode.OFF), 1)]
)
async def test_rules_that_are_off_say_nothing_but_activity_is_counted_for_when_they_are_on(
    risk: RiskPolicy | None, orders_counted: int
) -> None:
    desk = Desk(Policy(risk=risk))

    order = await desk.place("12.00")

    assert order.risk == ""
    assert desk.state.get_wallet(1).activity.orders == orders_counted


async def test_a_held_order_is_debited_and_neither_bought_nor_cancellable() -> None:
    desk = a_desk(**HOLD_ALL)

    large, small = await desk.place("12.00"), await desk.place("3.00")
    await desk.work()

    for order in (large, small):
        assert reaches(desk, order) == (OrderState.PENDING, Reason.UNDER_REVIEW)
        with pytest.raises(TooLate):
            await orders.cancel(desk.context, 1, order.id)
    assert desk.tally.wake_ups == []
    assert desk.state.get_wallet(1).balance == 0
    assert desk.exchange.received == []
    review = (await queue(desk))[large.id]
    assert (review.kind, review.amount, review.risk) == (
        ReviewKind.ORDER,
        usd("12"),
        "hold/1 dollars_day",
    )
    assert [(entry.action, entry.user_id) for entry in desk.state.audit] == [
        (Action.REVIEW_OPENED, 1)
    ] * 2


async def test_released_orders_go_on_as_if_they_had_just_been_placed() -> None:
    desk = a_desk(**HOLD_ALL)
    large, small = await desk.place("12.00"), await desk.place("3.00")

    for review in (await queue(desk)).values():
        await reviews.release(desk.context, 1, review.id, actor=OPERATOR)

    assert reaches(desk, large) == (OrderState.PENDING, None)
    assert reaches(desk, small) == (OrderState.AGGREGATED, None)
    assert desk.tally.wake_ups == ["BTC"]
    await desk.work()
    assert {desk.now(order).state for order in (large, small)} == {OrderState.COMPLETED}
    released = desk.state.audit[-1]
    assert (released.action, released.actor_id, released.user_id) == (
        Action.REVIEW_RELEASED,
        77,
        1,
    )
    assert await queue(desk) == {}


async def test_decisions_are_told_in_the_logs_and_raise_the_reviews_version() -> None:
    desk = a_desk(**HOLD_ALL)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("50")))
    held = [await desk.place(dollars) for dollars in ("12.00", "3.00", "20.00")]
    with pytest.raises(Denied):
        await withdraw(desk, "30.00")
    waiting = await queue(desk)
    assert {(r.decided_at_us, r.decided_by, r.version) for r in waiting.values()} == {(0, 0, 0)}
    before, told = len(desk.state.audit), len(desk.state.events)

    for decide, order_id in (
        (reviews.release, held[0].id),
        (reviews.release, held[1].id),
        (reviews.refuse, held[2].id),
        (reviews.release, None),
    ):
        review, order = await decide(desk.context, 1, waiting[order_id].id, actor=OPERATOR)
        assert (review.decided_at_us, review.decided_by, review.version) == (NOW_US, 77, 1)
        assert (order and order.id) == order_id
    await withdraw(desk, "30.00")

    assert desk.state.reviews[1, waiting[None].id].version == 2
    released: dict[str, Any] = {"at_us": NOW_US, "user_id": 1, "asset": "BTC"}
    assert desk.state.events[told:-1] == [
        OrderReleased(order_id=held[0].id, state="pending", **released),
        OrderReleased(order_id=held[1].id, state="aggregated", **released),
        OrdersFailed(at_us=NOW_US, asset="BTC", reason="refused", orders=((1, held[2].id),)),
    ]
    entries = desk.state.audit[before:]
    assert [(each.action, each.actor_id, each.user_id) for each in entries] == [
        (Action.REVIEW_RELEASED, 77, 1),
        (Action.REVIEW_RELEASED, 77, 1),
        (Action.REVIEW_REFUSED, 77, 1),
        (Action.REVIEW_RELEASED, 77, 1),
    ]
    assert [each.details for each in entries[2:]] == [
        {"kind": "order", "amount": usd("20")},
        {"kind": "withdrawal", "amount": usd("30")},
    ]


async def test_a_refused_withdrawal_is_told_in_the_audit_log() -> None:
    desk = a_desk(**HOLD_ALL)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("50")))
    with pytest.raises(Denied):
        await withdraw(desk, "30.00")
    (review,) = (await queue(desk)).values()

    await reviews.refuse(desk.context, 1, review.id, actor=OPERATOR, note="asked for twice")

    assert desk.state.audit[-1].action is Action.REVIEW_REFUSED
    assert desk.state.audit[-1].details["note"] == "asked for twice"


async def test_nobody_decides_on_what_they_did_themselves() -> None:
    desk = a_desk(**HOLD_ALL)
    order = await desk.place("12.00")
    own = Actor(user_id=1)

    with pytest.raises(Forbidden, match="another account than the one in question"):
        await reviews.release(desk.context, 1, (await queue(desk))[order.id].id, actor=own)

    assert desk.now(order).held


async def test_a_released_order_meets_the_price_guard_like_any_other() -> None:
    desk = a_desk(**HOLD_ALL)
    order = await desk.place("12.00")
    await desk.pass_time(3_600)
    dear = desk.state.get_asset("BTC").price
    assert dear is not None
    desk.state.save_prices({"BTC": dear * 103 // 100}, desk.clock.now_us())

    await reviews.release(desk.context, 1, (await queue(desk))[order.id].id, actor=OPERATOR)
    await desk.work()

    assert reaches(desk, order) == (OrderState.FAILED, Reason.PRICE_MOVED)
    assert desk.state.get_wallet(1).balance == usd("12")


async def test_a_refused_order_is_refunded_in_full() -> None:
    desk = a_desk(**HOLD_ALL)
    order = await desk.place("12.00")

    review, ended = await reviews.refuse(
        desk.context, 1, (await queue(desk))[order.id].id, actor=OPERATOR
    )

    assert (review.state, review.decided_by) == (ReviewState.REFUSED, 77)
    assert ended == desk.now(order)
    assert reaches(desk, order) == (OrderState.FAILED, Reason.REFUSED)
    assert desk.state.get_wallet(1).balance == usd("12")
    assert desk.state.audit[-1].action is Action.REVIEW_REFUSED


@pytest.mark.parametrize("on_deadline", OnDeadline)
async def test_what_nobody_decides_on_in_time_is_refunded_whatever_else_happens_at_deadlines(
    on_deadline: OnDeadline,
) -> None:
    desk = a_desk(policy=Policy(on_deadline=on_deadline, max_wait_us=60 * SECOND_US), **HOLD_ALL)
    order = await desk.place("12.00")
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("5")))
    with pytest.raises(Denied):
        await withdraw(desk, "5.00")

    desk.clock.advance(60 * SECOND_US - 1)
    assert await reviews.expire_due(desk.context) == 0
    desk.clock.advance(1)
    assert await reviews.expire_due(desk.context) == 2
    assert await reviews.expire_due(desk.context) == 0

    assert reaches(desk, order) == (OrderState.FAILED, Reason.REFUSED)
    assert desk.state.get_wallet(1).balance == usd("17")
    assert {review.state for review in desk.state.reviews.values()} == {ReviewState.EXPIRED}
    assert desk.state.audit[-1].action is Action.REVIEW_EXPIRED


async def test_who_loses_the_race_to_a_review_that_expires_minds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = a_desk(policy=Policy(max_wait_us=SECOND_US), **HOLD_ALL)
    order = await desk.place("12.00")
    seen = await reviews.list_open(desk.context)
    desk.clock.advance(SECOND_US)
    await reviews.expire_due(desk.context)

    async def list_as_before(*, limit: int, after: object) -> tuple[Review, ...]:
        return seen[:limit]

    monkeypatch.setattr(desk.context.queries, "list_reviews", list_as_before)

    assert await reviews.expire_due(desk.context) == 0
    assert reaches(desk, order) == (OrderState.FAILED, Reason.REFUSED)


async def test_who_is_overtaken_between_two_looks_is_told_what_was_decided() -> None:
    desk = a_desk(**HOLD_ALL)
    order = await desk.place("12.00")
    review_id = (await queue(desk))[order.id].id

    class Overtaken:
        """Somebody else decides once this one has seen the review."""

        def __init__(self, work: UnitOfWork) -> None:
            self.work = work

        def __getattr__(self, name: str) -> Any:
            return getattr(self.work, name)

        async def get_review(self, user_id: int, review_id: str) -> Review:
            review = await self.work.get_review(user_id, review_id)
            if desk.now(order).held:
                await reviews.refuse(desk.context, user_id, review_id, actor=OPERATOR)
            return review

    @asynccontextmanager
    async def begin(*, lock: bool = False) -> AsyncIterator[Any]:
        async with desk.context.begin(lock=lock) as work:
            yield Overtaken(work)

    with pytest.raises(WrongState, match="expected state open, was refused"):
        await reviews.release(
            msgspec.structs.replace(desk.context, begin=begin), 1, review_id, actor=OPERATOR
        )

    assert reaches(desk, order) == (OrderState.FAILED, Reason.REFUSED)


async def test_a_review_is_decided_once_and_only_one_that_there_is() -> None:
    desk = a_desk(**HOLD_ALL)
    order = await desk.place("12.00")
    review = (await queue(desk))[order.id]
    await reviews.release(desk.context, 1, review.id, actor=TERMINAL)

    for decide in (reviews.release, reviews.refuse):
        with pytest.raises(WrongState, match="expected state open, was released"):
            await decide(desk.context, 1, review.id, actor=TERMINAL)
        with pytest.raises(NotFound):
            await decide(desk.context, 2, review.id, actor=TERMINAL)


async def test_a_challenge_is_met_by_a_fresh_code_of_the_second_factor() -> None:
    desk = a_desk(orders_per_hour=1)
    await desk.place("12.00")
    add_factor(desk)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("24")))
    command = PlaceOrder(user_id=1, asset="BTC", spend=usd("12"), verified_at_us=NOW_US - FRESH_US)

    stale = msgspec.structs.replace(command, verified_at_us=NOW_US - FRESH_US - 1)
    with pytest.raises(StepUpRequired):
        await orders.place(desk.context, stale)
    order, _, _ = await orders.place(desk.context, command)

    assert order.risk == "challenge/1 velocity_hour"
    assert reaches(desk, order) == (OrderState.PENDING, None)


async def test_who_is_challenged_and_has_no_second_factor_waits_for_review() -> None:
    desk = a_desk(orders_per_hour=1)
    await desk.place("12.00")

    order = await desk.place("12.00")

    assert order.risk == "challenge/1 velocity_hour"
    assert reaches(desk, order) == (OrderState.PENDING, Reason.UNDER_REVIEW)


@pytest.mark.parametrize(
    ("age_us", "reason"), [(SETTLED_US, None), (SETTLED_US - 1, Reason.UNDER_REVIEW)]
)
async def test_a_challenge_is_not_met_by_a_second_factor_enrolled_on_the_spot(
    age_us: int, reason: Reason | None
) -> None:
    desk = a_desk(orders_per_hour=1)
    await desk.place("12.00")
    add_factor(desk, confirmed_at_us=NOW_US - age_us)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("12")))

    command = PlaceOrder(user_id=1, asset="BTC", spend=usd("12"), verified_at_us=NOW_US)
    order, _, _ = await orders.place(desk.context, command)

    assert SETTLED_US == 3 * DAY_US
    assert reaches(desk, order) == (OrderState.PENDING, reason)


async def test_what_is_denied_leaves_a_record_a_minute_and_is_counted() -> None:
    desk = a_desk(orders_per_minute=0)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("12")))

    for later_us, entries, counted in ((0, 1, 1), (MINUTE_US - 1, 1, 2), (1, 2, 1)):
        desk.clock.advance(later_us)
        version = desk.state.get_wallet(1).version
        with pytest.raises(Denied, match="try again later"):
            await orders.place(desk.context, PlaceOrder(user_id=1, asset="BTC", spend=usd("12")))
        wallet = desk.state.get_wallet(1)
        assert len(desk.state.audit) == entries
        assert (wallet.activity.denied.count, wallet.activity.orders) == (counted, 0)
        assert wallet.version == version + 1

    assert (desk.state.orders, desk.state.reviews) == ({}, {})
    assert desk.state.get_wallet(1).balance == usd("12")
    entry = desk.state.audit[0]
    assert (entry.action, entry.user_id, entry.subject) == (Action.RISK_DENIED, 1, "OrderPlaced")
    assert entry.details == {"risk": "deny/1 velocity_minute"}


async def test_a_denied_withdrawal_is_not_queued() -> None:
    desk = a_desk(withdrawals_per_day=0)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("5")))
    found = Assessment(verdict=Verdict.DENY, reasons=("score",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crypto_exchange.domain.screening.assess_withdrawal", lambda *_: found)
        with pytest.raises(Denied):
            await withdraw(desk, "5.00")

    assert desk.state.reviews == {}
    assert desk.state.audit[-1].action is Action.RISK_DENIED


async def test_a_held_withdrawal_moves_nothing_and_is_queued_once() -> None:
    desk = a_desk(**HOLD_ALL)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("100")))

    for dollars in ("50.00", "50.00", "49.99"):
        with pytest.raises(Denied):
            await withdraw(desk, dollars)

    (review,) = (await queue(desk)).values()
    assert (review.kind, review.amount, review.risk) == (
        ReviewKind.WITHDRAWAL,
        usd("50"),
        "hold/1 new_account",
    )
    assert desk.state.get_wallet(1).balance == usd("100")
    assert desk.state.get_wallet(1).activity.withdrawn == 0
    (entry,) = desk.state.audit
    assert (entry.action, entry.user_id, entry.at_us) == (Action.REVIEW_OPENED, 1, NOW_US)
    assert entry.subject == f"review:{review.id}"
    assert entry.details == {"kind": "withdrawal", "risk": "hold/1 new_account"}


async def test_nobody_fills_the_queue_with_withdrawals() -> None:
    desk = a_desk(**HOLD_ALL)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("100")))

    for dollars in range(10, 20):
        with pytest.raises(Denied):
            await withdraw(desk, f"{dollars}.00")

    assert len(await reviews.list_open(desk.context)) == MOST_OPEN == 5


async def test_nobody_fills_the_queue_with_orders() -> None:
    desk = a_desk(**HOLD_ALL)
    for _ in range(MOST_OPEN):
        await desk.place("2.00")
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("50")))
    command, told = PlaceOrder(user_id=1, asset="BTC", spend=usd("2")), len(desk.state.audit)

    with pytest.raises(Denied, match="try again later"):
        await orders.place(desk.context, command)
    with pytest.raises(Denied, match="an operator will look at it"):
        await withdraw(desk, "50.00")

    assert len(desk.state.orders) == MOST_OPEN
    assert len(desk.state.audit) == told + 1
    await reviews.refuse(desk.context, 1, min(await held_orders(desk)), actor=OPERATOR)
    order, _, _ = await orders.place(desk.context, command)
    assert desk.now(order).held


@pytest.mark.parametrize("act", ["queue", "deny"])
async def test_of_two_refusals_at_once_one_is_written_and_the_other_looks_again(act: str) -> None:
    desk = a_desk(**HOLD_ALL)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("50")))
    command = Withdraw(user_id=1, amount=usd("5"))
    change = cashier.withdraw(command, wallet=desk.state.get_wallet(1), at_us=NOW_US)
    screened = screen(change, desk.context.policy)
    refused = queue_withdrawal(screened, "a") if act == "queue" else deny(screened)
    desk.state.apply(refused)

    with pytest.raises(Conflict, match="the wallet has changed"):
        desk.state.apply(queue_withdrawal(screened, "b"))


async def test_a_released_withdrawal_of_at_most_that_amount_passes_once() -> None:
    desk = a_desk(**HOLD_ALL)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("100")))
    with pytest.raises(Denied):
        await withdraw(desk, "50.00")
    (review,) = (await queue(desk)).values()
    await reviews.release(desk.context, 1, review.id, actor=OPERATOR)

    with pytest.raises(Denied):
        await withdraw(desk, "50.01")
    await withdraw(desk, "49.00")
    with pytest.raises(Denied):
        await withdraw(desk, "1.00")

    assert desk.state.get_wallet(1).balance == usd("51")
    assert desk.state.reviews[1, review.id].state is ReviewState.USED
    withdrawn = desk.state.events[-1]
    assert isinstance(withdrawn, Withdrawn)
    assert withdrawn.risk == "hold/1 new_account"


async def test_the_smallest_release_that_is_enough_is_used() -> None:
    desk = a_desk(**HOLD_ALL)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("100")))
    for dollars in ("20.00", "40.00", "60.00"):
        with pytest.raises(Denied):
            await withdraw(desk, dollars)
    for review in await reviews.list_open(desk.context):
        await reviews.release(desk.context, 1, review.id, actor=OPERATOR)

    await withdraw(desk, "30.00")

    used = {r.amount: r.state for r in desk.state.reviews.values()}
    assert used == {
        usd("20"): ReviewState.RELEASED,
        usd("40"): ReviewState.USED,
        usd("60"): ReviewState.RELEASED,
    }


async def test_withdrawals_cut_to_do_without_the_second_factor_add_up() -> None:
    desk = a_desk(policy=Policy(step_up_withdrawal=usd("10")))
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("50")))
    await withdraw(desk, "6.00")

    with pytest.raises(Denied):
        await withdraw(desk, "6.00")

    (review,) = (await queue(desk)).values()
    assert review.risk == "challenge/1 split_withdrawals"


@pytest.mark.parametrize(("dollars", "verdict"), [("9.99", Verdict.HOLD), ("10.00", Verdict.ALLOW)])
def test_only_orders_below_the_threshold_count_with_those_of_linked_accounts(
    dollars: str, verdict: Verdict
) -> None:
    policy = Policy(risk=RiskPolicy(mode=RiskMode.ENFORCE))
    linked = Signals(at_us=NOW_US, linked=30, linked_orders=900)
    change = place_order(
        PlaceOrder(user_id=1, asset="BTC", spend=usd(dollars)),
        wallet=Wallet(1, usd("50"), signals=linked),
        asset=an_asset(),
        policy=policy,
        order_id=1,
        at_us=NOW_US,
    )

    assert screen(change, policy).verdict is verdict


@pytest.mark.parametrize(("later_us", "passes"), [(DAY_US - 1, True), (DAY_US, False)])
async def test_a_release_is_good_for_a_day(later_us: int, *, passes: bool) -> None:
    desk = a_desk(withdrawals_per_day=0)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("100")))
    with pytest.raises(Denied):
        await withdraw(desk, "50.00")
    (review,) = (await queue(desk)).values()
    await reviews.release(desk.context, 1, review.id, actor=OPERATOR)
    desk.clock.advance(later_us)

    if passes:
        await withdraw(desk, "50.00")
    else:
        with pytest.raises(Denied):
            await withdraw(desk, "50.00")


async def test_a_refused_withdrawal_is_asked_for_anew() -> None:
    desk = a_desk(**HOLD_ALL)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("100")))
    for _ in range(2):
        with pytest.raises(Denied):
            await withdraw(desk, "50.00")
        (review,) = (await queue(desk)).values()
        refused, order = await reviews.refuse(desk.context, 1, review.id, actor=OPERATOR)
        assert (refused.state, order) == (ReviewState.REFUSED, None)

    assert len(desk.state.reviews) == 2


def test_only_a_withdrawal_is_passed_by_a_release() -> None:
    placed = OrderPlaced(
        at_us=1,
        order_id=1,
        asset="BTC",
        quantity=1,
        unit_price=1,
        total=1,
        direct=True,
        state="pending",
    )
    screened = Screened(Change(events=(placed,)), Assessment(verdict=Verdict.HOLD), Verdict.HOLD)
    review = Review(
        user_id=1, id="a", kind=ReviewKind.WITHDRAWAL, amount=1, risk="", opened_at_us=1
    )

    with pytest.raises(InvariantViolation, match="expected a withdrawal"):
        find_release(screened, [])
    with pytest.raises(InvariantViolation, match="with its user's wallet"):
        deny(screened)
    with pytest.raises(InvariantViolation, match="used while open"):
        use(review)
    with pytest.raises(InvariantViolation, match="not held"):
        clear(msgspec.structs.replace(an_order("12"), state=OrderState.PENDING))


async def test_orders_that_wait_or_are_held_let_no_untraded_money_leave() -> None:
    desk = a_desk(orders_per_minute=20, new_account_us=0)
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("1000")))
    small = PlaceOrder(user_id=1, asset="BTC", spend=usd("5"))

    placed = [(await orders.place(desk.context, small))[0] for _ in range(22)]

    assert [order.held for order in placed] == [False] * 20 + [True] * 2
    assert desk.state.get_wallet(1).activity.traded == usd("100")
    with pytest.raises(Denied):
        await withdraw(desk, "700.00")
    (review,) = [each for each in await reviews.list_open(desk.context) if not each.order_id]
    assert review.risk == "hold/1 untraded"
    assert replayed(desk) == desk.state.get_wallet(1).activity


async def test_the_events_of_a_user_give_the_same_activity_and_assessments_once_more() -> None:
    desk = a_desk(RiskMode.OBSERVE, orders_per_minute=2, under_per_day=1, withdrawn_per_day=1)
    for dollars in ("9.50", "9.60", "12.00", "9.70"):
        await desk.place(dollars)
    await desk.work()
    await wallets.deposit(desk.context, Deposit(user_id=1, amount=usd("500")))
    await withdraw(desk, "450.00")
    order = await desk.place("9.10")
    await orders.cancel(desk.context, 1, order.id)

    quiet = PasswordChanged(at_us=NOW_US, user_id=1, ended=0)
    activity, found = follow(Activity(), quiet, desk.context.policy), []
    for event in desk.state.events:
        if event.user_id == 1:
            assert (
                follow(activity, event, desk.context.policy)
                == (replay(activity, event, desk.context.policy)[0])
            )
            activity, assessment = replay(activity, event, desk.context.policy)
            if isinstance(event, OrderPlaced | Withdrawn):
                assert assessment is not None
                assert assessment.text == event.risk
                found.append(assessment.verdict)

    assert activity == desk.state.get_wallet(1).activity
    assert found == [
        Verdict.ALLOW,
        Verdict.HOLD,
        Verdict.CHALLENGE,
        Verdict.HOLD,
        Verdict.HOLD,
        Verdict.HOLD,
    ]
