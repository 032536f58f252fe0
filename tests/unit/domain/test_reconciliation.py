"""Reconciliation over memory: what was lost, forgotten, or came late, and what differs."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import MemoryExchange, Silence
from crypto_exchange.domain.asset import Inventory
from crypto_exchange.domain.batch import BatchState
from crypto_exchange.domain.breaks import BreakKind
from crypto_exchange.domain.errors import InvalidField, NotFound, Unavailable
from crypto_exchange.domain.events import PurchaseQuarantined, QuarantineResolved
from crypto_exchange.domain.halting import halt
from crypto_exchange.domain.ledger import USD
from crypto_exchange.domain.order import OrderState, Reason
from crypto_exchange.domain.policy import Policy, Pricing
from crypto_exchange.domain.purchase import (
    Absent,
    Filled,
    Purchase,
    PurchaseState,
    Rejected,
    RejectionKind,
)
from crypto_exchange.domain.use_cases import reconciliation, trading
from tests.builders import DAY_US, NOW, a_fill, an_asset, coins, usd
from tests.desk import Desk

DAY_S, HOUR_S = 24 * 3_600, 3_600
NEVER = Rejected(kind=RejectionKind.FINAL, code="operator", message="not executed, they say")
ABSENT = Absent(answered_ms=NOW.signed_ms)
WHOLE = a_fill("0.0002", "10")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def state_of(desk: Desk, purchase: Purchase) -> PurchaseState:
    return desk.state.purchases[purchase.batch, purchase.attempt].state


async def forget(desk: Desk, dollars: str = "10") -> Purchase:
    """A purchase that nobody can say anything of any more."""
    _, purchase = await desk.lose(dollars)
    desk.exchange.down = True
    await desk.pass_time(DAY_S + 1)
    await trading.resolve(desk.context, purchase.batch)
    desk.exchange.down = False
    assert state_of(desk, purchase) is PurchaseState.QUARANTINED
    return purchase


async def give_up(desk: Desk) -> Purchase:
    """A purchase that was proven never to have been placed."""
    _, purchase = await desk.lose("10")
    await desk.pass_time(37)
    await trading.resolve(desk.context, purchase.batch)
    assert state_of(desk, purchase) is PurchaseState.NOT_PLACED
    return purchase


def resume(desk: Desk) -> None:
    asset = desk.state.get_asset("BTC")
    desk.state.apply(halt(asset, halted=False, at_us=desk.clock.now_us()))


# ---- quarantine ----------------------------------------------------------------------------------


async def test_an_outcome_that_is_unknown_for_a_day_is_quarantined(desk: Desk) -> None:
    order, purchase = await desk.lose("10", Silence.AFTER)
    desk.exchange.down = True
    await desk.pass_time(DAY_S)
    await desk.work()
    before = state_of(desk, purchase)
    await desk.pass_time(10)

    await desk.work()

    assert before is PurchaseState.UNKNOWN
    assert state_of(desk, purchase) is PurchaseState.QUARANTINED
    assert desk.state.get_asset("BTC").halted
    assert desk.now(order).state is OrderState.PENDING
    assert await desk.context.queries.list_quarantined() == (
        desk.state.purchases[purchase.batch, 1],
    )


async def test_an_exchange_that_may_have_forgotten_it_proves_no_absence(desk: Desk) -> None:
    _, purchase = await desk.lose("10")
    desk.exchange.reach = 2 * HOUR_S * 1_000
    await desk.pass_time(2 * HOUR_S + 1)

    await desk.work()

    assert state_of(desk, purchase) is PurchaseState.QUARANTINED
    assert len(desk.exchange.received) == 1


async def test_an_exchange_that_remembers_proves_absence_after_days(desk: Desk) -> None:
    _, purchase = await desk.lose("10")
    await desk.pass_time(3 * DAY_S)

    await desk.work()

    assert state_of(desk, purchase) is PurchaseState.NOT_PLACED


async def test_nobody_looks_at_it_again_and_nothing_is_released(desk: Desk) -> None:
    purchase = await forget(desk)
    before = desk.state.batches[purchase.batch], desk.state.inventory["BTC"]
    desk.execute_late(purchase, WHOLE)

    await desk.pass_time(30 * DAY_S)
    await desk.work()
    await trading.resolve(desk.context, purchase.batch)

    assert (desk.state.batches[purchase.batch], desk.state.inventory["BTC"]) == before
    assert state_of(desk, purchase) is PurchaseState.QUARANTINED


@pytest.mark.parametrize("answers", [True, False], ids=["absent", "no answer"])
async def test_several_that_look_at_once_quarantine_it_once(desk: Desk, *, answers: bool) -> None:
    _, purchase = await desk.lose("10")
    desk.exchange.reach, desk.exchange.down = HOUR_S * 1_000, not answers
    await desk.pass_time(DAY_S + 1)

    await asyncio.gather(*(trading.resolve(desk.context, purchase.batch) for _ in range(4)))

    assert state_of(desk, purchase) is PurchaseState.QUARANTINED
    told = [e for e in desk.state.events if isinstance(e, PurchaseQuarantined)]
    assert len(told) == 1


async def test_its_senders_late_answer_still_settles_it(desk: Desk) -> None:
    order = await desk.place("10")
    key, purchase = await desk.seal()
    assert purchase is not None
    filled = await desk.exchange.submit(purchase)
    assert isinstance(filled, Filled)
    desk.exchange.down = True
    await desk.pass_time(DAY_S + 1)
    await trading.resolve(desk.context, key)
    held = desk.state.purchases[key, 1].state
    answered = msgspec.structs.replace(desk.context, exchange=AnswersLate(filled))

    await trading.execute(answered, key, purchase)

    assert held is PurchaseState.QUARANTINED
    assert state_of(desk, purchase) is PurchaseState.FILLED
    assert desk.now(order).state is OrderState.COMPLETED


class AnswersLate:
    """The answer that its sender was still waiting for."""

    def __init__(self, outcome: Filled) -> None:
        self.outcome = outcome

    async def submit(self, purchase: Purchase) -> Filled:
        return self.outcome


async def test_a_sender_that_gives_up_late_leaves_it_in_quarantine(desk: Desk) -> None:
    purchase = await forget(desk)

    await trading.execute(desk.context, purchase.batch, purchase)

    assert state_of(desk, purchase) is PurchaseState.QUARANTINED


@pytest.mark.parametrize(
    ("finding", "state", "batch", "order"),
    [
        (WHOLE, PurchaseState.FILLED, BatchState.SETTLED, OrderState.COMPLETED),
        (
            a_fill("0.0001", "5"),
            PurchaseState.PARTIALLY_FILLED,
            BatchState.SETTLED,
            OrderState.PARTIALLY_COMPLETED,
        ),
        (NEVER, PurchaseState.REJECTED, BatchState.REFUNDED, OrderState.FAILED),
        (ABSENT, PurchaseState.NOT_PLACED, BatchState.SEALED, OrderState.PENDING),
    ],
)
async def test_an_operator_says_what_became_of_it(
    desk: Desk,
    finding: Filled | Rejected | Absent,
    state: PurchaseState,
    batch: BatchState,
    order: OrderState,
) -> None:
    purchase = await forget(desk)

    resolved = await reconciliation.resolve_quarantine(
        desk.context, purchase.batch, finding, " they wrote so, mail of today "
    )

    assert resolved.state is state_of(desk, purchase) is state
    assert desk.state.batches[purchase.batch].state is batch
    assert [o.state for o in desk.state.orders.values()] == [order]
    assert desk.state.get_asset("BTC").halted
    (told,) = [e for e in desk.state.events if isinstance(e, QuarantineResolved)]
    assert (told.outcome, told.evidence) == (state.value, "they wrote so, mail of today")


async def test_one_that_was_never_placed_is_bought_when_the_asset_is_resumed() -> None:
    desk = Desk(Policy(max_wait_us=9 * DAY_US))
    purchase = await forget(desk)
    await reconciliation.resolve_quarantine(desk.context, purchase.batch, ABSENT, "mail")
    await desk.pass_time(2)
    await desk.work()
    halted = len(desk.exchange.received)

    resume(desk)
    await desk.pass_time(2)
    await desk.work()

    assert (halted, len(desk.exchange.received)) == (1, 2)
    assert desk.holds() == coins("0.0002")


async def test_only_what_is_in_quarantine_is_resolved_and_only_with_evidence(desk: Desk) -> None:
    _, purchase = await desk.lose("10")

    with pytest.raises(NotFound):
        await reconciliation.resolve_quarantine(desk.context, purchase.batch, WHOLE, "mail")
    with pytest.raises(NotFound):
        await reconciliation.resolve_quarantine(desk.context, "f" * 24, WHOLE, "mail")
    with pytest.raises(InvalidField):
        await reconciliation.resolve_quarantine(desk.context, purchase.batch, WHOLE, " ")


async def test_a_quarantine_is_resolved_once(desk: Desk) -> None:
    purchase = await forget(desk)
    await reconciliation.resolve_quarantine(desk.context, purchase.batch, WHOLE, "mail")

    with pytest.raises(NotFound):
        await reconciliation.resolve_quarantine(desk.context, purchase.batch, WHOLE, "mail")

    assert desk.holds() == coins("0.0002")


@pytest.mark.parametrize("finding", [NEVER, ABSENT], ids=["rejected", "not placed"])
async def test_what_the_exchange_says_it_executed_cannot_be_said_not_to_have_been(
    desk: Desk, finding: Rejected | Absent
) -> None:
    purchase = await forget(desk)
    desk.execute_late(purchase, WHOLE)

    with pytest.raises(InvalidField, match=r"outcome: expected .* it sold 0\.0002 BTC under"):
        await reconciliation.resolve_quarantine(desk.context, purchase.batch, finding, "mail")

    assert state_of(desk, purchase) is PurchaseState.QUARANTINED
    await reconciliation.resolve_quarantine(desk.context, purchase.batch, WHOLE, "mail")
    assert desk.holds() == coins("0.0002")


async def test_an_operators_word_counts_while_the_exchange_says_nothing(desk: Desk) -> None:
    purchase = await forget(desk)
    desk.execute_late(purchase, WHOLE)
    desk.exchange.down = True

    await reconciliation.resolve_quarantine(desk.context, purchase.batch, ABSENT, "mail")

    assert state_of(desk, purchase) is PurchaseState.NOT_PLACED


async def test_one_that_ended_with_nothing_may_be_said_to_have_been_refused(desk: Desk) -> None:
    purchase = await forget(desk)
    desk.execute_late(purchase, Filled(fills=()))

    await reconciliation.resolve_quarantine(desk.context, purchase.batch, NEVER, "mail")

    assert state_of(desk, purchase) is PurchaseState.REJECTED


async def test_a_batch_without_a_purchase_has_none_in_quarantine(desk: Desk) -> None:
    desk.state.inventory["BTC"] = Inventory(asset="BTC", quantity=coins("1"))
    await desk.place("10")
    key, purchase = await desk.seal()
    assert purchase is None

    with pytest.raises(NotFound):
        await reconciliation.resolve_quarantine(desk.context, key, ABSENT, "mail")


# ---- late fills ----------------------------------------------------------------------------------


async def test_what_comes_after_it_was_given_up_is_the_houses_once(desk: Desk) -> None:
    purchase = await give_up(desk)
    assert await reconciliation.buy_late_fills(desk.context) == 0
    desk.execute_late(purchase, a_fill("0.0002", "10.05"))

    bought = [await reconciliation.buy_late_fills(desk.context) for _ in range(3)]

    assert bought == [1, 0, 0]
    assert state_of(desk, purchase) is PurchaseState.LATE
    assert desk.state.inventory["BTC"].quantity == coins("0.0002")
    (found,) = await desk.context.queries.list_breaks()
    assert (found.kind, found.subject) == (BreakKind.LATE_FILL, purchase.client_order_id)


async def test_the_next_attempt_uses_what_came_late_and_buys_nothing_twice(desk: Desk) -> None:
    purchase = await give_up(desk)
    desk.execute_late(purchase, WHOLE)
    await reconciliation.buy_late_fills(desk.context)

    await desk.pass_time(2)
    await desk.work()

    assert desk.holds() == coins("0.0002")
    assert len(desk.exchange.received) == 1
    assert desk.state.inventory["BTC"].quantity == 0


async def test_several_that_find_it_at_once_buy_it_once(desk: Desk) -> None:
    purchase = await give_up(desk)
    desk.execute_late(purchase, WHOLE)

    bought = await asyncio.gather(*(reconciliation.buy_late_fills(desk.context) for _ in range(4)))

    assert sum(bought) == 1
    assert desk.state.inventory["BTC"].quantity == coins("0.0002")
    assert desk.state.ledger()["venue:USD"] == usd("10")


async def test_an_order_that_ended_with_nothing_after_all_is_no_late_fill(desk: Desk) -> None:
    purchase = await give_up(desk)
    desk.execute_late(purchase, Filled(fills=()))

    assert await reconciliation.buy_late_fills(desk.context) == 0
    assert state_of(desk, purchase) is PurchaseState.NOT_PLACED


async def test_an_attempt_that_was_rejected_and_bought_anyway_is_found_too(desk: Desk) -> None:
    order = await desk.place("10")
    desk.exchange.script.append(NEVER)
    await desk.work()
    (purchase,) = desk.state.purchases.values()
    desk.execute_late(purchase, WHOLE)

    assert await reconciliation.buy_late_fills(desk.context) == 1
    assert desk.now(order).reason is Reason.EXCHANGE_REJECTED
    assert desk.state.inventory["BTC"].quantity == coins("0.0002")


@pytest.mark.parametrize(
    ("age_s", "asked"),
    [
        (15 * 60, 1),
        (15 * 60 + 1, 0),
        (16 * 60, 1),  # 32 looks, half a minute apart
        (17 * 60, 0),
        (32 * 60, 1),
        (DAY_S + 1, 0),
    ],
)
async def test_attempts_are_asked_after_more_and_more_rarely_for_a_day(
    desk: Desk, age_s: int, asked: int
) -> None:
    purchase = await give_up(desk)
    desk.execute_late(purchase, WHOLE)
    await desk.pass_time(age_s - 37)

    assert await reconciliation.buy_late_fills(desk.context) == asked


class Silent(MemoryExchange):
    """Says nothing of some purchases, as of a symbol that it no longer lists."""

    def __init__(self, desk: Desk, *silent: Purchase) -> None:
        super().__init__((an_asset(),), desk.context.policy, desk.exchange.now_ms)
        self.executed = desk.exchange.executed
        self.silent = {purchase.client_order_id for purchase in silent}
        self.asked: list[str] = []

    @override
    async def find_late(self, purchase: Purchase) -> Filled | None:
        self.asked.append(purchase.client_order_id)
        if purchase.client_order_id in self.silent:
            raise Unavailable("the exchange answered -1121: Invalid symbol.")
        return await super().find_late(purchase)


async def test_one_of_which_the_exchange_says_nothing_holds_up_no_other(desk: Desk) -> None:
    older, newer = await give_up(desk), await give_up(desk)
    desk.execute_late(older, WHOLE)
    desk.execute_late(newer, WHOLE)
    exchange = Silent(desk, newer)
    context = msgspec.structs.replace(desk.context, exchange=exchange)

    assert await reconciliation.buy_late_fills(context) == 1

    assert state_of(desk, older) is PurchaseState.LATE
    assert exchange.asked == [newer.client_order_id, older.client_order_id]
    exchange.silent.clear()
    assert await reconciliation.buy_late_fills(context) == 1
    assert state_of(desk, newer) is PurchaseState.LATE


async def test_an_exchange_that_says_nothing_five_times_is_left_alone_till_next_time(
    desk: Desk,
) -> None:
    given_up = [await give_up(desk) for _ in range(6)]
    for purchase in given_up:
        desk.execute_late(purchase, WHOLE)
    exchange = Silent(desk, *given_up)
    context = msgspec.structs.replace(desk.context, exchange=exchange)

    assert await reconciliation.buy_late_fills(context) == 0

    assert len(exchange.asked) == 5
    exchange.silent.clear()
    assert await reconciliation.buy_late_fills(context) == 6


# ---- comparing -----------------------------------------------------------------------------------


async def test_books_that_agree_have_no_differences(desk: Desk) -> None:
    await desk.place("10")
    await desk.work()
    desk.exchange.balances = {"BTC": coins("0.0002"), "USD": 0}
    short = (await reconciliation.look(desk.context)).differences

    (usd_short,) = short
    assert (usd_short.kind, usd_short.subject) == (BreakKind.VENUE, "venue:USD")
    assert (usd_short.expected, usd_short.found) == (-usd("10"), 0)


async def test_a_cent_that_somebody_changed_is_found_and_named(desk: Desk) -> None:
    await desk.place("9")
    wallet = desk.state.wallets[1]
    desk.state.wallets[1] = msgspec.structs.replace(wallet, balance=wallet.balance + usd("0.01"))

    (found,) = (await reconciliation.look(desk.context)).differences

    assert (found.kind, found.subject) == (BreakKind.BALANCE, "user:1:USD")
    assert found.found - found.expected == usd("0.01")


async def test_a_difference_is_recorded_once_and_closed_with_a_word(desk: Desk) -> None:
    desk.exchange.balances = {"USD": 5}
    differences = (await reconciliation.look(desk.context)).differences

    first = await reconciliation.record(desk.context, differences)
    again = await reconciliation.record(desk.context, differences)
    nothing = await reconciliation.record(desk.context, ())

    (found,) = first
    assert (found.subject, again, nothing) == (f"venue:{USD}", (), ())
    closed = await reconciliation.close_break(desk.context, found.key, "a gift")
    assert closed.evidence == "a gift"
    assert await desk.context.queries.list_breaks() == ()
    with pytest.raises(NotFound):
        await reconciliation.close_break(desk.context, found.key, "again")
    with pytest.raises(NotFound):
        await reconciliation.close_break(desk.context, "none", "again")


async def test_several_that_see_a_difference_record_it_once(desk: Desk) -> None:
    desk.exchange.balances = {"USD": 5}
    differences = (await reconciliation.look(desk.context)).differences

    await asyncio.gather(*(reconciliation.record(desk.context, differences) for _ in range(4)))

    assert len(desk.state.breaks) == 1


async def test_an_exchange_that_does_not_answer_is_no_difference(desk: Desk) -> None:
    desk.exchange.balances = {"USD": 5}
    desk.exchange.down = True

    found = await reconciliation.look(desk.context)

    assert found.differences == ()
    assert found.silence == "the exchange does not answer"


async def test_the_books_are_compared_with_themselves_while_the_exchange_is_away(
    desk: Desk,
) -> None:
    wallet = desk.state.wallets[1]
    desk.state.wallets[1] = msgspec.structs.replace(wallet, balance=wallet.balance + usd("0.01"))
    desk.exchange.down = True

    away = await reconciliation.look(desk.context)
    desk.exchange.down = False
    back = await reconciliation.look(desk.context)

    assert [each.subject for each in away.differences] == ["user:1:USD"]
    assert (back.differences, back.silence) == (away.differences, None)


# ---- receipts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("pricing", Pricing)
async def test_a_settled_order_has_a_statement_and_an_open_one_has_none(pricing: Pricing) -> None:
    desk = Desk(Policy(pricing=pricing))
    settled, waiting = await desk.place("20"), await desk.place("5")
    await desk.work()

    view = await desk.context.queries.get_statement(1, settled.id)

    assert view.order == desk.now(settled)
    assert view.statement.pricing is pricing
    if pricing is Pricing.AVERAGE:
        with pytest.raises(NotFound):
            await desk.context.queries.get_statement(1, waiting.id)
