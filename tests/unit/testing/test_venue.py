"""The scripted exchange keeps the contract of its port, does what its script says, and keeps books."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.errors import OutcomeUnknown, Unavailable
from crypto_exchange.domain.policy import FeeIn
from crypto_exchange.domain.purchase import (
    Absent,
    Filled,
    Purchase,
    Rejected,
    RejectionKind,
    Working,
)
from crypto_exchange.entrypoints.testing.contracts import ExchangePortTests, ExchangeUnderTest
from crypto_exchange.entrypoints.testing.venue import SimExchange, Step, StepKind

START_MS = 1_767_225_600_000
RULE = MarketRule(lot_step=1_000, min_notional=5 * 10**8, max_quantity=10**8, fee_ppm=1_000)
PRICE = 50_000 * 10**12
BTC = Asset(symbol="BTC", rule=RULE, price=PRICE, priced_at_us=0)
GRACE_MS = 30_000


class TestContract(ExchangePortTests):
    @override
    def make_exchange(self) -> ExchangeUnderTest:
        desk = Desk()

        def lose_answers() -> AbstractContextManager[object]:
            return desk.losing_answers()

        return ExchangeUnderTest(desk.venue, BTC, lose_answers)


class Desk:
    """A venue that lists one asset, and the time."""

    def __init__(self, fee_in: FeeIn = FeeIn.QUOTE, slippage_ppm: int = 0) -> None:
        self.at_ms = START_MS
        self.venue = SimExchange(lambda: self.at_ms, fee_in=fee_in, slippage_ppm=slippage_ppm)
        self.venue.list("BTC", 8, RULE, PRICE)

    @contextmanager
    def losing_answers(self) -> Iterator[None]:
        self.venue.script.append(Step(kind=StepKind.LOST_AFTER))
        yield
        self.venue.script.clear()

    def purchase(self, quantity: int = 20_000, attempt: int = 1, batch: int = 1) -> Purchase:
        return Purchase(
            batch=f"{batch:024x}",
            attempt=attempt,
            asset="BTC",
            scale=8,
            quantity=quantity,
            timestamp_ms=self.venue.now_ms(),
            window_ms=5_000,
        )

    async def submit(self, purchase: Purchase, kind: StepKind, **step: int) -> None:
        """Send a purchase that will not be answered."""
        self.venue.script.append(msgspec.convert({"kind": kind.value, **step}, Step))
        with pytest.raises(OutcomeUnknown):
            await self.venue.submit(purchase)

    def accusations(self) -> list[str]:
        return [violation.check for violation in self.venue.violations]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("fee_in", "fee", "currency", "left"),
    [
        (FeeIn.QUOTE, 1_000_000, "USD", {"USD": -1_001_000_000, "BTC": 20_000, "FEE": 0}),
        (FeeIn.COIN, 20, "BTC", {"USD": -1_000_000_000, "BTC": 19_980, "FEE": 0}),
        (FeeIn.OTHER, 1_000_000, "FEE", {"USD": -(10**9), "BTC": 20_000, "FEE": -1_000_000}),
    ],
)
async def test_cost_and_fee_leave_the_account_and_the_coins_come(
    fee_in: FeeIn, fee: int, currency: str, left: dict[str, int]
) -> None:
    desk = Desk(fee_in)
    before = dict(desk.venue.balances)

    outcome = await desk.venue.submit(desk.purchase())

    assert isinstance(outcome, Filled)
    (fill,) = outcome.fills
    assert (fill.quantity, fill.cost, fill.fee, fill.fee_currency) == (20_000, 10**9, fee, currency)
    after = desk.venue.balances
    assert {each: after[each] - before.get(each, 0) for each in left} == left


async def test_costs_are_rounded_down_and_fees_up(desk: Desk) -> None:
    desk.venue.prices["BTC"] = PRICE + 1

    outcome = await desk.venue.submit(desk.purchase(21_000))

    assert isinstance(outcome, Filled)
    assert (outcome.fills[0].cost, outcome.fills[0].fee) == (1_050_000_000, 1_050_000)
    desk.venue.prices["BTC"] = PRICE - 1
    outcome = await desk.venue.submit(desk.purchase(21_000, batch=2))
    assert isinstance(outcome, Filled)
    assert (outcome.fills[0].cost, outcome.fills[0].fee) == (1_049_999_999, 1_050_000)


async def test_slippage_is_paid_on_top_of_the_price() -> None:
    desk = Desk(slippage_ppm=10_000)

    outcome = await desk.venue.submit(desk.purchase())

    assert isinstance(outcome, Filled)
    assert outcome.fills[0].cost == 1_010_000_000


async def test_a_part_comes_in_uneven_trades_that_sum_to_it(desk: Desk) -> None:
    desk.venue.script.append(Step(kind=StepKind.PART, fraction_ppm=333_333, trades=4))

    outcome = await desk.venue.submit(desk.purchase())

    assert isinstance(outcome, Filled)
    assert [fill.quantity for fill in outcome.fills] == [666, 1_333, 2_000, 2_667]
    assert outcome.quantity == 20_000 * 333_333 // 1_000_000
    assert await desk.venue.find(desk.purchase()) == outcome


async def test_nothing_bought_is_a_fill_of_zero_that_is_found(desk: Desk) -> None:
    desk.venue.script.append(Step(kind=StepKind.ZERO))

    outcome = await desk.venue.submit(desk.purchase())

    assert outcome == Filled(fills=())
    assert await desk.venue.find(desk.purchase()) == outcome


async def test_trades_told_twice_were_executed_once(desk: Desk) -> None:
    desk.venue.script.append(Step(kind=StepKind.DUPLICATE, trades=2))
    purchase = desk.purchase()

    outcome = await desk.venue.submit(purchase)

    executed = desk.venue.executed[purchase.client_order_id]
    assert outcome == executed.filled == await desk.venue.find(purchase)
    assert executed.twice
    assert desk.venue.balances["BTC"] == purchase.quantity


@pytest.mark.parametrize("kind", list(RejectionKind))
async def test_a_scripted_rejection_is_of_its_kind_and_buys_nothing(
    desk: Desk, kind: RejectionKind
) -> None:
    desk.venue.script.append(Step(kind=StepKind.REJECT, rejection=kind))

    outcome = await desk.venue.submit(desk.purchase())

    assert isinstance(outcome, Rejected)
    assert outcome.kind is kind
    assert isinstance(await desk.venue.find(desk.purchase()), Absent)
    assert not desk.venue.executed


async def test_an_account_without_the_money_is_refused_by_the_venue(desk: Desk) -> None:
    desk.venue.balances["USD"] = 10**9

    outcome = await desk.venue.submit(desk.purchase())

    assert isinstance(outcome, Rejected)
    assert (outcome.kind, outcome.code) == (RejectionKind.VENUE, "-2010")
    assert desk.venue.balances["USD"] == 10**9


async def test_an_asset_that_does_not_trade_is_refused_by_the_venue(desk: Desk) -> None:
    desk.venue.rules["BTC"] = None

    outcome = await desk.venue.submit(desk.purchase())

    assert isinstance(outcome, Rejected)
    assert outcome.kind is RejectionKind.VENUE
    assert desk.venue.violations == []


async def test_what_is_lost_before_was_sent_and_what_falls_on_deaf_ears_was_not(
    desk: Desk,
) -> None:
    lost, unheard = desk.purchase(), desk.purchase(batch=2)

    await desk.submit(lost, StepKind.LOST_BEFORE)
    await desk.submit(unheard, StepKind.DEAF)

    assert [each.purchase for each in desk.venue.received] == [lost]
    assert desk.venue.received[0].at_ms == START_MS
    assert isinstance(await desk.venue.find(lost), Absent)
    assert isinstance(await desk.venue.find(unheard), Absent)


async def test_a_lost_purchase_is_absent_until_it_is_executed_late(desk: Desk) -> None:
    purchase = desk.purchase()
    await desk.submit(purchase, StepKind.LOST_LATE, delay_ms=20_000)
    desk.at_ms += 19_999

    before = await desk.venue.find(purchase)
    desk.at_ms += 1
    after = await desk.venue.find(purchase)

    assert before == Absent(answered_ms=START_MS + 19_999)
    assert isinstance(after, Filled)
    assert desk.venue.executed[purchase.client_order_id].at_ms == START_MS + 20_000


async def test_a_slow_purchase_is_worked_on_until_it_is_executed(desk: Desk) -> None:
    purchase = desk.purchase()
    await desk.submit(purchase, StepKind.SLOW, delay_ms=20_000)
    desk.at_ms += 19_999
    unknown = msgspec.structs.replace(purchase, quantity=21_000)

    assert isinstance(await desk.venue.find(purchase), Working)
    assert isinstance(await desk.venue.find(unknown), Absent)
    assert await desk.venue.find_late(purchase) is None
    desk.at_ms += 1
    assert isinstance(await desk.venue.find(purchase), Filled)


async def test_no_delay_outlasts_the_time_in_which_absence_is_not_believed(desk: Desk) -> None:
    purchase = desk.purchase()
    await desk.submit(purchase, StepKind.LOST_LATE, delay_ms=10**9)

    desk.at_ms = purchase.window_end_ms + GRACE_MS
    desk.venue.advance()

    assert desk.venue.executed[purchase.client_order_id].at_ms == desk.at_ms
    assert isinstance(await desk.venue.find(purchase), Filled)


async def test_what_is_on_its_way_meets_the_rules_and_the_price_of_its_moment(desk: Desk) -> None:
    dearer, refused = desk.purchase(), desk.purchase(batch=2)
    await desk.submit(dearer, StepKind.LOST_LATE, delay_ms=1_000)
    await desk.submit(refused, StepKind.LOST_LATE, delay_ms=2_000)

    desk.venue.prices["BTC"] = 2 * PRICE
    desk.at_ms += 1_000
    desk.venue.advance()
    desk.venue.rules["BTC"] = msgspec.structs.replace(RULE, lot_step=7_000)
    desk.at_ms += 1_000
    desk.venue.advance()

    assert desk.venue.executed[dearer.client_order_id].filled.fills[0].cost == 2 * 10**9
    assert list(desk.venue.executed) == [dearer.client_order_id]


async def test_a_broken_promise_is_found_late_only(desk: Desk) -> None:
    purchase = desk.purchase()
    await desk.submit(purchase, StepKind.LOST_BEFORE)
    desk.at_ms = purchase.window_end_ms + GRACE_MS + 1

    bought = desk.venue.execute_late(purchase, 500_000)

    assert bought is not None
    assert bought.quantity == 10_000
    assert isinstance(await desk.venue.find(purchase), Absent)
    assert await desk.venue.find_late(purchase) == bought
    assert desk.venue.executed[purchase.client_order_id].late
    assert desk.venue.balances["BTC"] == 10_000


async def test_a_promise_cannot_be_broken_twice_nor_without_money(desk: Desk) -> None:
    done, inside, broke = (desk.purchase(batch=number) for number in (1, 2, 3))
    await desk.venue.submit(done)
    await desk.submit(inside, StepKind.SLOW, delay_ms=1_000)
    desk.venue.balances["USD"] = 0

    assert [desk.venue.execute_late(each) for each in (done, inside, broke)] == [None] * 3


async def test_while_it_is_down_nothing_is_answered_or_sent_and_the_script_waits(
    desk: Desk,
) -> None:
    desk.venue.down = True
    purchase = desk.purchase()

    with pytest.raises(OutcomeUnknown):
        await desk.venue.submit(purchase)
    for call in (
        desk.venue.find(purchase),
        desk.venue.find_late(purchase),
        desk.venue.list_prices(["BTC"]),
        desk.venue.list_rules({"BTC": 8}),
        desk.venue.list_balances({"USD": 8}),
    ):
        with pytest.raises(Unavailable):
            await call

    assert desk.venue.received == []
    assert desk.venue.violations == []


async def test_without_its_clock_nothing_is_signed_or_sent(desk: Desk) -> None:
    purchase = desk.purchase()
    desk.venue.clock_unread = True

    with pytest.raises(Unavailable):
        desk.venue.now_ms()
    with pytest.raises(OutcomeUnknown):
        await desk.venue.submit(purchase)

    assert desk.venue.received == []


async def test_after_the_window_on_its_own_clock_nothing_is_sent(desk: Desk) -> None:
    purchase = desk.purchase()
    desk.venue.clock_offset_ms = 5_001

    with pytest.raises(OutcomeUnknown):
        await desk.venue.submit(purchase)

    assert desk.venue.received == []
    assert desk.venue.violations == []


async def test_what_is_too_old_is_forgotten(desk: Desk) -> None:
    purchase = desk.purchase()
    await desk.venue.submit(purchase)
    desk.venue.reach = 3_600_000
    desk.at_ms += 3_600_001

    assert isinstance(await desk.venue.find(purchase), Absent)
    assert await desk.venue.find_late(purchase) is None


async def test_the_same_name_again_is_a_violation_and_buys_nothing(desk: Desk) -> None:
    purchase = desk.purchase()
    await desk.submit(purchase, StepKind.LOST_BEFORE)

    with pytest.raises(OutcomeUnknown):
        await desk.venue.submit(purchase)

    assert desk.accusations() == ["I6 sent once"]
    assert desk.venue.executed == {}


async def test_another_attempt_after_one_that_was_or_may_be_executed_is_a_violation(
    desk: Desk,
) -> None:
    await desk.submit(desk.purchase(batch=1), StepKind.LOST_AFTER)
    await desk.submit(desk.purchase(batch=2), StepKind.LOST_LATE, delay_ms=1_000)
    await desk.submit(desk.purchase(batch=3), StepKind.LOST_BEFORE)

    for batch in (1, 2, 3):
        await desk.venue.submit(desk.purchase(attempt=2, batch=batch))

    assert desk.accusations() == ["I6 bought once", "I6 bought once"]


async def test_another_attempt_beside_a_broken_promise_is_none(desk: Desk) -> None:
    first = desk.purchase()
    await desk.submit(first, StepKind.LOST_BEFORE)
    desk.venue.execute_late(first)

    await desk.venue.submit(desk.purchase(attempt=2))

    assert desk.venue.violations == []


async def test_a_time_that_its_clock_never_showed_is_a_violation_and_refused(desk: Desk) -> None:
    purchase = msgspec.structs.replace(desk.purchase(), timestamp_ms=START_MS + 1)

    outcome = await desk.venue.submit(purchase)

    assert isinstance(outcome, Rejected)
    assert (outcome.kind, outcome.code) == (RejectionKind.VENUE, "-1021")
    assert desk.accusations() == ["I6 signed in time"]


async def test_a_clock_that_stepped_back_refuses_and_blames_nobody(desk: Desk) -> None:
    purchase = desk.purchase()
    desk.venue.clock_offset_ms = -60_000

    outcome = await desk.venue.submit(purchase)

    assert isinstance(outcome, Rejected)
    assert desk.venue.violations == []


@pytest.mark.parametrize("quantity", [0, -1_000, 20_001, 10**8 + 1_000])
async def test_what_no_rule_ever_allowed_is_a_violation_and_refused(
    desk: Desk, quantity: int
) -> None:
    outcome = await desk.venue.submit(desk.purchase(quantity))

    assert isinstance(outcome, Rejected)
    assert outcome.kind is RejectionKind.RULES
    assert desk.accusations() == ["I6 in lots"]


async def test_rules_that_changed_on_the_way_refuse_and_blame_nobody(desk: Desk) -> None:
    desk.venue.rules["BTC"] = msgspec.structs.replace(RULE, lot_step=7_000)

    outcome = await desk.venue.submit(desk.purchase())

    assert isinstance(outcome, Rejected)
    assert outcome.kind is RejectionKind.RULES
    assert desk.venue.violations == []


async def test_a_rule_that_was_told_may_be_followed(desk: Desk) -> None:
    desk.venue.rules["BTC"] = finer = msgspec.structs.replace(RULE, lot_step=7)
    assert await desk.venue.list_rules({"BTC": 8}) == {"BTC": finer}

    assert isinstance(await desk.venue.submit(desk.purchase(20_006)), Filled)
    assert desk.venue.violations == []


@pytest.mark.parametrize("change", [{"asset": "DOGE"}, {"scale": 9}])
async def test_what_is_not_listed_is_a_violation(desk: Desk, change: dict[str, object]) -> None:
    purchase = msgspec.structs.replace(desk.purchase(), **change)

    await desk.venue.submit(purchase)

    assert desk.accusations() == ["I6 listed"]


async def test_coins_are_kept_in_units_of_their_own_scale(desk: Desk) -> None:
    rule = MarketRule(lot_step=1, min_notional=0)
    desk.venue.list("FINE", 18, rule, 10**12)
    purchase = msgspec.structs.replace(desk.purchase(10**18 + 7), asset="FINE", scale=18)

    await desk.venue.submit(purchase)

    assert desk.venue.balances["FINE"] == 10**18 + 7
    assert (await desk.venue.list_balances({"FINE": 18}))["FINE"] == 10**18 + 7
    assert (await desk.venue.list_balances({}))["FINE"] == 10**8
