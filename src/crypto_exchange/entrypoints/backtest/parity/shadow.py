"""Shadow: another policy on the orders of a running service, beside what the service does with them.

Nothing is bought. The candidate gets the orders at the moments and the prices of the log; what the
exchange would have answered, its market says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import USD_SCALE
from crypto_exchange.domain.order import OrderState
from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.parity.live import Bought, LiveTrading
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.result import Records
from crypto_exchange.entrypoints.backtest.rows import ORDER_STATES

_OPEN = {ORDER_STATES.index(s.value) for s in (OrderState.PENDING, OrderState.AGGREGATED)}


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What one side made of the orders. Waits are from placing to having coins, nearest ranks in
    seconds; `cost_bps` is what purchases cost, fees included, above what the same coins were quoted at.
    None: there was nothing to measure. Fees in a third coin have no value here.
    """

    orders: int
    delivered: int
    open: int
    refunded: int
    refunded_usd: Decimal
    wait_p50_s: float | None
    wait_p95_s: float | None
    purchases: int
    fees_usd: Decimal
    cost_bps: float | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The same orders, live and by the candidate."""

    live: Score
    candidate: Score

    def rows(self) -> list[tuple[str, str, str]]:
        """Name, live and candidate of each figure, as text."""
        return [
            (name, _text(getattr(self.live, name)), _text(getattr(self.candidate, name)))
            for name in Score.__struct_fields__
        ]


def compare(
    trading: LiveTrading, policy: AggregationPolicy, markets: Market | Mapping[Symbol, Market]
) -> Comparison | None:
    """Score a candidate on everything that has been told; None before the first order."""
    if not trading.orders:
        return None
    backtest = Backtest(trading.series(), trading.flow(), policy=policy, market=markets)
    return Comparison(
        live=live_score(trading),
        candidate=candidate_score(backtest.run(progress=False).records),
    )


def live_score(trading: LiveTrading) -> Score:
    """What the service made of the orders."""
    orders = list(trading.orders.values())
    ended = [order for order in orders if order.ended_us]
    return _score(
        waits=[o.ended_us - o.placed.at_us for o in ended if o.filled],
        refunds=[o.placed.total - o.charged for o in ended],
        orders=len(orders),
        purchases=trading.purchases,
    )


def candidate_score(records: Records) -> Score:
    """What the candidate made of them. An order that it refused counts as refunded in full."""
    orders, batches = records.orders, records.batches
    ended = [row for row in range(len(orders)) if orders.state[row] not in _OPEN]
    filled = [row for row in ended if orders.filled[row]]
    bought = [row for row in range(len(batches)) if batches.bought[row]]
    return _score(
        waits=[orders.ended_us[row] - orders.at_us[row] for row in filled],
        refunds=[orders.total[row] - orders.charged[row] for row in ended],
        orders=len(orders),
        purchases=[
            Bought(
                batches.cost[row],
                batches.fee[row] + batches.coin_fee[row] * batches.cost[row] // batches.bought[row],
                batches.quoted[row] * batches.bought[row] // batches.quantity[row],
            )
            for row in bought
        ],
    )


def _score(
    *, waits: list[int], refunds: list[int], orders: int, purchases: Iterable[Bought]
) -> Score:
    bought, waits = list(purchases), sorted(waits)
    fees, quoted = sum(each.fee for each in bought), sum(each.quoted for each in bought)
    above = sum(each.cost for each in bought) + fees - quoted
    return Score(
        orders=orders,
        delivered=len(waits),
        open=orders - len(refunds),
        refunded=sum(refund > 0 for refund in refunds),
        refunded_usd=_dollars(sum(refunds)),
        wait_p50_s=_rank_s(waits, 50),
        wait_p95_s=_rank_s(waits, 95),
        purchases=len(bought),
        fees_usd=_dollars(fees),
        cost_bps=above / quoted * 10_000 if quoted else None,
    )


def _rank_s(ordered_us: list[int], percent: int) -> float | None:
    """The nearest rank."""
    if not ordered_us:
        return None
    place = -(-len(ordered_us) * percent // 100) - 1
    return ordered_us[place] / 1_000_000


def _dollars(units: int) -> Decimal:
    return Decimal(units).scaleb(-USD_SCALE)


def _text(figure: float | Decimal | None) -> str:
    if figure is None:
        return "-"
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:,.2f}"
