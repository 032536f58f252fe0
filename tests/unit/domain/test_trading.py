"""Trading over memory: intents before calls, look-ups after silence, and every step repeatable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import (
    MemoryExchange,
    Silence,
)
from crypto_exchange.domain.batch import BatchState
from crypto_exchange.domain.errors import AssetHalted, InvariantViolation
from crypto_exchange.domain.order import OrderState, Reason
from crypto_exchange.domain.policy import SECOND_US, Policy
from crypto_exchange.domain.purchase import Filled, Purchase, Rejected, RejectionKind
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.use_cases import trading
from tests.builders import DAY_US, NOW_US, an_asset, coins, usd
from tests.desk import Desk

REFUSED = Rejected(kind=RejectionKind.VENUE, code="-2010", message="insufficient balance")
WRONG = Rejected(kind=RejectionKind.RULES, code="-1013", message="Filter failure: LOT_SIZE")
NEVER = Rejected(kind=RejectionKind.FINAL, code="-9", message="no")


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_nine_ninety_nine_waits_and_a_cent_more_completes_both(desk: Desk) -> None:
    first = await desk.place("9.99")
    await desk.work()
    waiting = desk.now(first).state

    second = await desk.place("0.01")
    await desk.work()

    assert waiting is OrderState.AGGREGATED
    assert {desk.now(o).state for o in (first, second)} == {OrderState.COMPLETED}
    assert len(desk.exchange.received) == 1


async def test_the_intent_is_committed_before_the_call(desk: Desk) -> None:
    await desk.place("10")

    key, purchase = await desk.seal()

    assert desk.exchange.received == []
    assert desk.state.get_batch(key).purchase == purchase
    assert purchase is not None
    await trading.execute(desk.context, key, purchase)
    assert desk.exchange.received == [purchase]


async def test_several_workers_seal_an_order_once(desk: Desk) -> None:
    await desk.place("10")

    seals: Sequence[Sequence[object]] = await asyncio.gather(
        *(trading.seal_due(desk.context, "BTC") for _ in range(5))
    )

    assert sum(len(sealed) for sealed in seals) == 1


async def test_the_tally_is_overwritten_by_what_the_database_says(desk: Desk) -> None:
    await desk.place("6")
    await desk.tally.overwrite("BTC", usd("1000"))

    assert await trading.seal_due(desk.context, "BTC") == ()
    await desk.place("1")

    assert desk.tally.wake_ups == []


async def test_nothing_due_is_no_work(desk: Desk) -> None:
    await desk.place("9")

    assert await trading.list_due(desk.context) == ([], ())
    desk.clock.advance(DAY_US)
    assert await trading.list_due(desk.context) == (["BTC"], ())


async def test_sealing_looks_further_only_if_the_oldest_are_too_little() -> None:
    desk = Desk(Policy(batch_limit=2))
    placed = [await desk.place("3") for _ in range(9)]

    key, _ = await desk.seal()

    members = desk.state.get_batch(key).members
    assert [o.id for o in members] == [o.id for o in placed[:4]]
    few = Desk(Policy(batch_limit=2))
    await few.place("3")
    await few.place("3")
    assert await trading.seal_due(few.context, "BTC") == ()


@pytest.mark.parametrize("silence", Silence)
async def test_a_purchase_without_an_answer_is_never_sent_again_but_looked_up(
    desk: Desk, silence: Silence
) -> None:
    order = await desk.place("10")
    desk.exchange.script.append(silence)
    await desk.work()
    assert desk.now(order).state is OrderState.PENDING

    for _ in range(60):
        await desk.pass_time(1)
        await desk.work()

    bought = sum(f.quantity for e in desk.exchange.executed.values() for f in e.outcome.fills)
    assert desk.now(order).state is OrderState.COMPLETED
    assert bought == desk.holds() == coins("0.0002")
    attempts = [p.attempt for p in desk.exchange.received]
    assert attempts == ([1] if silence is Silence.AFTER else [1, 2])


async def test_absence_counts_only_after_the_window_and_thirty_seconds(desk: Desk) -> None:
    await desk.place("10")
    desk.exchange.script.append(Silence.BEFORE)
    await desk.work()

    await desk.pass_time(35)
    await desk.work()
    early = len(desk.exchange.received)
    await desk.pass_time(2)
    await desk.work()
    await desk.pass_time(1)
    await desk.work()

    assert (early, len(desk.exchange.received)) == (1, 2)


async def test_an_exchange_that_does_not_answer_is_asked_again(desk: Desk) -> None:
    order = await desk.place("10")
    desk.exchange.script.append(Silence.AFTER)
    await desk.work()
    desk.exchange.down = True
    await desk.pass_time(6)
    await desk.work()
    assert desk.now(order).state is OrderState.PENDING

    desk.exchange.down = False
    await desk.pass_time(6)
    await desk.work()

    assert desk.now(order).state is OrderState.COMPLETED


async def test_a_batch_is_resolved_once_by_however_many(desk: Desk) -> None:
    order = await desk.place("10")
    key, purchase = await desk.seal()
    assert purchase is not None
    await desk.exchange.submit(purchase)

    await asyncio.gather(*(trading.resolve(desk.context, key) for _ in range(4)))
    await trading.resolve(desk.context, key)
    await trading.execute(desk.context, key, purchase)

    assert desk.now(order).state is OrderState.COMPLETED
    assert desk.holds() == coins("0.0002")


async def test_an_exchange_without_funds_sends_small_orders_back_until_it_has_some(
    desk: Desk,
) -> None:
    placed = [await desk.place("6") for _ in range(2)]
    desk.exchange.script.extend([REFUSED, REFUSED])
    await desk.work()
    back = {desk.now(o).state for o in placed}
    for _ in range(4):
        await desk.pass_time(1)
        await desk.work()

    assert back == {OrderState.AGGREGATED}
    assert {desk.now(o).state for o in placed} == {OrderState.COMPLETED}
    assert desk.state.inventory["BTC"].failures == 0


async def test_rules_that_changed_are_tried_three_times(desk: Desk) -> None:
    order = await desk.place("10")
    desk.exchange.script.extend([WRONG, WRONG, WRONG])
    for _ in range(8):
        await desk.work()
        await desk.pass_time(1)

    assert desk.now(order).reason is Reason.EXCHANGE_REJECTED
    assert len(desk.exchange.received) == 3
    assert desk.state.get_wallet(1).balance == usd("10")


async def test_a_final_rejection_is_refunded_at_once(desk: Desk) -> None:
    order = await desk.place("10")
    desk.exchange.script.append(NEVER)

    await desk.work()

    assert desk.now(order).reason is Reason.EXCHANGE_REJECTED
    assert desk.state.get_wallet(1).balance == usd("10")


async def test_an_order_that_the_exchange_ended_unfilled_is_a_fill_of_nothing(desk: Desk) -> None:
    order = await desk.place("10")
    desk.exchange.script.append(Filled(fills=()))

    await desk.work()

    assert (desk.now(order).state, desk.now(order).reason) == (OrderState.FAILED, Reason.UNFILLED)


async def test_what_the_inventory_covers_needs_no_exchange(desk: Desk) -> None:
    await stock_up(desk)
    order = await desk.place("10")

    await desk.work()

    assert desk.now(order).state is OrderState.COMPLETED
    assert len(desk.exchange.received) == 1


async def test_a_batch_without_a_purchase_that_was_left_alone_is_settled(desk: Desk) -> None:
    await stock_up(desk)
    order = await desk.place("10")
    await desk.seal()

    await desk.work()

    assert desk.now(order).state is OrderState.COMPLETED


async def test_a_retry_may_need_no_purchase(desk: Desk) -> None:
    order = await desk.place("10")
    key, purchase = await desk.seal()
    desk.exchange.script.append(WRONG)
    await trading.execute(desk.context, key, purchase)
    await stock_up(desk)

    await desk.pass_time(1)
    await desk.work()

    assert desk.now(order).state is OrderState.COMPLETED
    assert desk.state.batches[key].attempt == 2


async def test_a_retry_that_cannot_be_made_waits_on(desk: Desk) -> None:
    order = await desk.place("10")
    desk.exchange.script.append(WRONG)
    await desk.work()
    desk.exchange.rules["BTC"] = None

    await desk.pass_time(1)
    await desk.work()

    (batch,) = desk.state.batches.values()
    assert (batch.state, batch.live, batch.checks) == (BatchState.SEALED, False, 1)
    assert desk.now(order).state is OrderState.PENDING


async def test_of_two_retries_at_once_one_sends(desk: Desk) -> None:
    await desk.place("10")
    key, purchase = await desk.seal()
    desk.exchange.script.append(WRONG)
    await trading.execute(desk.context, key, purchase)
    await desk.pass_time(1)

    await asyncio.gather(*(trading.resolve(desk.context, key) for _ in range(4)))

    assert [p.attempt for p in desk.exchange.received] == [1, 2]


async def test_the_end_of_an_attempt_is_written_once(desk: Desk) -> None:
    await desk.place("10")
    key, purchase = await desk.seal()
    desk.exchange.script.extend([WRONG, WRONG])

    for _ in range(2):
        await trading.execute(desk.context, key, purchase)

    assert desk.state.batches[key].counted == 1


class LateAnswers(MemoryExchange):
    """An exchange whose refusal comes when nobody waits for it any more."""

    @override
    async def submit(self, purchase: Purchase) -> Rejected:
        return WRONG


async def test_a_late_answer_to_an_earlier_attempt_does_not_end_the_next_one(desk: Desk) -> None:
    await desk.place("10")
    key, first = await desk.seal()
    desk.exchange.script.extend([Silence.BEFORE, Silence.BEFORE])
    await trading.execute(desk.context, key, first)
    for seconds in (37, 1):
        await desk.pass_time(seconds)
        await desk.work()
    late = LateAnswers([], desk.context.policy, desk.exchange.now_ms)

    await trading.execute(msgspec.structs.replace(desk.context, exchange=late), key, first)

    batch = desk.state.batches[key]
    assert (batch.attempt, batch.live, batch.counted) == (2, True, 0)


async def stock_up(desk: Desk) -> None:
    """Leave coins worth ten dollars in the inventory, as a late fill would."""
    await desk.place("20")
    key, purchase = await desk.seal()
    assert purchase is not None
    filled = await desk.exchange.submit(purchase)
    assert isinstance(filled, Filled)
    (fill,) = filled.fills
    more = msgspec.structs.replace(fill, quantity=fill.quantity + coins("0.0002"))
    opened = desk.state.get_batch(key)
    desk.state.apply(settle(opened, Filled(fills=(more,)), at_us=desk.clock.now_us()))


async def test_a_counted_attempt_is_made_again_by_reloaded_rules(desk: Desk) -> None:
    order = await desk.place("12")
    desk.exchange.script.append(WRONG)
    desk.exchange.rules["BTC"] = an_asset(minimum="15").rule
    await desk.work()

    await desk.pass_time(1)
    await desk.work()

    assert [p.quantity for p in desk.exchange.received] == [24_000, 32_000]
    assert desk.now(order).state is OrderState.COMPLETED


async def test_what_no_longer_fits_into_one_purchase_waits_again_and_is_bought_in_two(
    desk: Desk,
) -> None:
    placed = [await desk.place("9") for _ in range(2)]
    desk.exchange.rules["BTC"] = an_asset(max_quantity=coins("0.00025")).rule
    await desk.work()
    await desk.pass_time(1)
    await desk.work()
    again = {(desk.now(order).state, desk.now(order).batch) for order in placed}
    early = len(desk.exchange.received)

    await desk.pass_time(24 * 3600)
    for _ in range(2):
        await desk.work()

    assert (again, early) == ({(OrderState.AGGREGATED, None)}, 1)
    assert [desk.now(order).state for order in placed] == [OrderState.COMPLETED] * 2
    assert [p.quantity for p in desk.exchange.received] == [36_000, 18_000, 18_000]


async def test_workers_that_were_away_until_the_deadline_buy_all_that_can_be_bought() -> None:
    desk = Desk(Policy(group_limit=2))
    placed = [await desk.place("50") for _ in range(5)]

    await desk.pass_time(24 * 3600)
    for _ in range(3):
        await desk.work()

    assert {desk.now(order).state for order in placed} == {OrderState.COMPLETED}


async def test_who_is_overdue_leaves_though_the_exchanges_clock_was_never_read(desk: Desk) -> None:
    waiting, sent = await desk.place("3"), await desk.place("50")
    desk.exchange.script.append(WRONG)
    key, purchase = await desk.seal()
    await trading.execute(desk.context, key, purchase)
    desk.exchange.clock_unread = desk.exchange.down = True

    await desk.pass_time(60)
    await desk.work()
    before = [desk.now(order).state for order in (waiting, sent)]
    await desk.pass_time(24 * 3600)
    await desk.work()

    assert before == [OrderState.PENDING, OrderState.PENDING]
    assert [desk.now(order).reason for order in (waiting, sent)] == [Reason.DEADLINE] * 2
    assert len(desk.exchange.received) == 1


async def test_nothing_is_sealed_before_the_exchanges_clock_was_read(desk: Desk) -> None:
    order = await desk.place("50")
    desk.exchange.clock_unread = True

    await desk.work()

    assert desk.now(order).batch is None
    with pytest.raises(InvariantViolation):
        desk.context.stamp().signed_ms  # noqa: B018 - to read it is what fails


async def test_many_rejections_at_once_count_as_one_for_the_back_off(desk: Desk) -> None:
    for _ in range(5):
        await desk.place("10")
    desk.exchange.script.extend([REFUSED] * 5)

    await desk.work()

    inventory = desk.state.inventory["BTC"]
    assert (inventory.failures, inventory.retry_at_us) == (1, NOW_US + SECOND_US)


@pytest.mark.parametrize("seconds", [1, 24 * 3_600], ids=["young", "overdue"])
async def test_without_fresh_rules_nothing_is_sent_but_who_is_overdue_leaves(
    desk: Desk, seconds: int
) -> None:
    order = await desk.place("10")
    desk.exchange.script.append(WRONG)
    await desk.work()
    desk.exchange.down = True

    await desk.pass_time(seconds)
    await desk.work()

    assert len(desk.exchange.received) == 1
    assert desk.now(order).reason is (None if seconds == 1 else Reason.DEADLINE)


async def test_an_asset_halted_by_a_quarantine_takes_no_more_orders(desk: Desk) -> None:
    await desk.lose("24.00")
    desk.exchange.down = True
    await desk.pass_time(DAY_US // SECOND_US + 1)

    await desk.work()

    assert desk.state.get_asset("BTC").halted
    with pytest.raises(AssetHalted):
        await desk.place("5.00")
