"""When things happen in a backtest, what they cost, and that every order ends in one row."""

from __future__ import annotations

from decimal import Decimal

import pytest

from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.ledger import AccountKind, house_account
from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.engine.books import Books
from crypto_exchange.entrypoints.backtest.market import Failures, FeeSchedule, Market, SquareRoot
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.result import Result
from crypto_exchange.entrypoints.backtest.rows import BATCH_CAUSES, BATCH_STATES, ORDER_STATES
from tests.unit.backtest.scenes import MINUTE_US, at, order_columns, price_series, steady

HALF_US = MINUTE_US // 2
FREE = Market(fee=FeeSchedule(rate_bps=0), lot_step="0.00000001", min_notional="1.00")


def states(result: Result) -> list[tuple[str, str]]:
    rows = result.records.orders
    return [
        (ORDER_STATES[s], rows.reasons[r]) for s, r in zip(rows.state, rows.reason, strict=True)
    ]


def test_small_orders_are_bought_together_once_they_reach_the_threshold() -> None:
    flow = order_columns((0, 1, 600), (1, 2, 600), (2, 3, 600))

    result = Backtest(steady(10), flow, market=FREE).run()

    assert states(result) == [("completed", ""), ("completed", ""), ("aggregated", "")]
    batches = result.records.batches
    assert [BATCH_CAUSES[cause] for cause in batches.cause] == ["threshold"]
    assert list(batches.sealed_us) == [at(1) + HALF_US]
    assert list(result.records.orders.ended_us[:2]) == [at(1) + HALF_US + 250_000] * 2
    assert result.ledger["user:1:BTC"] == Decimal("0.06")
    assert result.ledger["suspense:3:USD"] == 6


def test_a_purchase_is_filled_at_the_price_that_holds_when_it_arrives() -> None:
    prices = price_series((0, 100), (1, 110), (2, 120))
    flow = order_columns((0, 1, 1_000))
    late = Market(fee=FeeSchedule(rate_bps=0), latency="30s", lot_step="0.00000001")

    soon = Backtest(prices, flow, market=FREE).run().records.batches
    then = Backtest(prices, flow, market=late).run().records.batches

    assert list(soon.fill_price) == [100 * 10**12]
    assert list(then.fill_price) == [110 * 10**12], "prices come before answers of the same moment"


def test_at_the_deadline_orders_leave_or_are_bought_by_themselves() -> None:
    flow = order_columns((0, 1, 200), (1, 2, 600))
    policy = AggregationPolicy(max_wait="5m")

    alone = Backtest(steady(20), flow, policy=policy, market=FREE).run()
    refused = Backtest(steady(20), flow, policy=policy, market=Market(min_notional="9.00")).run()

    assert states(alone) == [("completed", "")] * 2
    assert [BATCH_CAUSES[c] for c in alone.records.batches.cause] == ["deadline"]
    assert states(refused) == [("failed", "deadline")] * 2
    assert list(refused.records.orders.ended_us) == [
        at(o) + HALF_US + 5 * MINUTE_US for o in (0, 1)
    ]
    assert refused.ledger["user:1:USD"] == 2


def test_what_cannot_be_quoted_is_refused_in_its_own_row() -> None:
    prices = price_series((0, 100), (30, 100), (33, 100))
    flow = order_columns((0, 1, 500), (20, 1, 500), (31, 1, 501))

    result = Backtest(prices, flow, policy=AggregationPolicy(price_max_age="5m"), market=FREE).run()

    assert states(result) == [("completed", ""), ("refused", "price_stale"), ("completed", "")]
    assert result.records.orders.total[1] == 500 * 10**6
    assert result.records.deposited == 1_001 * 10**6, "a refused order brings nothing in"


def test_users_bring_in_what_their_wallet_lacks() -> None:
    flow = order_columns((0, 1, 400), (10, 1, 300), (11, 1, 200))

    result = Backtest(
        steady(30), flow, policy=AggregationPolicy(max_wait="5m"), market=Market(min_notional="9")
    ).run()

    assert states(result) == [("failed", "deadline")] * 3
    assert result.records.deposited == 500 * 10**6, "4.00, and 1.00 more when two orders wait"
    assert result.ledger["user:1:USD"] == 5
    assert result.ledger["external:USD"] == -5


def test_fees_have_a_rate_a_minimum_and_a_fixed_part() -> None:
    flow = order_columns((0, 1, 2_000))

    def fee(**parts: str) -> int:
        market = Market(fee=FeeSchedule(**parts), lot_step="0.00000001")  # type: ignore[arg-type] # amounts by name
        return Backtest(steady(3), flow, market=market).run().records.batches.fee[0]

    assert fee(rate_bps="10") == 2_000_000
    assert fee(rate_bps="10", minimum="0.05") == 5_000_000
    assert fee(rate_bps="10", per_order="0.10") == 12_000_000
    assert fee(rate_bps="0", minimum="0.05", per_order="0.10") == 15_000_000


def test_spread_and_impact_are_told_apart() -> None:
    market = Market(
        fee=FeeSchedule(rate_bps=0),
        lot_step="0.00000001",
        spread_bps=100,
        impact=SquareRoot(daily_volatility_bps=100, daily_volume="20"),
    )

    batches = Backtest(steady(3), order_columns((0, 1, 2_000)), market=market).run().records.batches

    assert batches.spread[0] == 10_000_000, "half of 1 % of 20.00"
    assert batches.impact[0] == 2_010_000, "1 % × √(0.2 ÷ 20) of 20.10"
    assert batches.cost[0] == 2_000_000_000 + 10_000_000 + 2_010_000


@pytest.mark.parametrize("kind", ["reject", "timeout", "lost", "partial", "late_fill"])
def test_every_failure_ends_as_the_rules_say(kind: str) -> None:
    market = Market(failures=Failures(**{kind: "1"}), lot_step="0.00000001", min_notional="1")

    result = Backtest(steady(10), order_columns((0, 1, 2_000)), market=market).run()

    (state,) = states(result)
    batches, late = result.records.batches, result.records.late
    if kind == "reject":
        assert state == ("failed", "exchange_rejected")
        assert batches.attempts[0] == 3
    elif kind == "timeout":
        assert state == ("completed", "")
        assert batches.ended_us[0] - batches.sealed_us[0] == 5_000_000, "found after the window"
    elif kind == "partial":
        assert state[0] in {"partially_completed", "failed"}
        assert batches.bought[0] < 2 * 10**7
    elif kind == "lost":
        assert state == ("pending", ""), "absent each time, and tried again"
        assert batches.attempts[0] > 5
        assert len(late) == 0
    else:
        assert state == ("completed", ""), "from what the house got by a late fill"
        assert batches.used[0] == late.quantity[0] == 2 * 10**7


def test_the_same_inputs_give_the_same_bytes() -> None:
    market = Market(failures=Failures(reject=".1", timeout=".1", lost=".1", partial=".2"))
    flow = order_columns(*((minute, minute % 4 + 1, 700) for minute in range(60)))

    one, other = (Backtest(steady(90), flow, market=market, seed=5).run() for _ in range(2))
    drawn = Backtest(steady(90), flow, market=market, seed=6).run()

    assert (one.ledger_hash, one.run_id) == (other.ledger_hash, other.run_id)
    assert vars(one.records.orders) == vars(other.records.orders)
    assert vars(one.records.batches) == vars(other.records.batches)
    assert (drawn.ledger_hash != one.ledger_hash, drawn.run_id != one.run_id) == (True, True)


def test_a_coin_that_vanishes_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def steal(self: Books, symbol: str, price: int, at_us: int) -> None:
        self.balances[house_account(AccountKind.PNL)] = -1

    monkeypatch.setattr(Books, "see_price", steal)

    with pytest.raises(InvariantViolation, match="accounts do not sum to 0"):
        Backtest(steady(3), order_columns((0, 1, 500)), market=FREE).run()


def test_batches_are_counted_by_how_they_ended() -> None:
    flow = order_columns((0, 1, 2_000), (1, 2, 2_000))

    result = Backtest(steady(5), flow, market=FREE).run()

    assert [BATCH_STATES[state] for state in result.records.batches.state] == ["settled"] * 2
    assert result.records.checks > 10
