"""What was paid above the quoted price, and why: Perold's implementation shortfall, exact in 10⁻⁸ dollars.

Of each settled batch: `cost + fees − quoted value of what was delivered` is the sum of delay, spread,
impact, fee and dust (docs/backtest-metrics.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from crypto_exchange.domain.batch import BatchState
from crypto_exchange.entrypoints.backtest.figures.deliveries import Deliveries
from crypto_exchange.entrypoints.backtest.figures.vectors import (
    Floats,
    Integers,
    bps,
    divide,
    dollars,
    integers,
    prices_by_asset,
    rank,
    sums_by,
    total,
    unit_values,
)
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.rows import BATCH_STATES, ORDER_STATES

PARTS = ("delay", "spread", "impact", "fee", "dust")
_SETTLED = BATCH_STATES.index(BatchState.SETTLED.value)
_UNDELIVERED = (ORDER_STATES.index("partially_completed"), ORDER_STATES.index("failed"))


class CostSplit(msgspec.Struct, frozen=True, kw_only=True):
    """One place per settled batch, all but `rows` in 10⁻⁸ dollars.

    `rows` are places in `BatchRows`; `value` what was delivered is worth at its quotes, `charged` what
    members paid for it. The parts sum to what it cost the house more than `value`. `rounding` is the
    most that `dust` is off the value of the coins left over, because all else is rounded. `late` has
    the parts of all late fills together, which deliver nothing to anybody.
    """

    rows: Integers
    value: Integers
    charged: Integers
    delay: Integers
    spread: Integers
    impact: Integers
    fee: Integers
    dust: Integers
    rounding: int
    late: Mapping[str, int]

    @property
    def shortfall(self) -> Integers:
        """The sum of the parts."""
        return self.delay + self.spread + self.impact + self.fee + self.dust

    def parts(self) -> dict[str, int]:
        """The sum of each part, late fills included."""
        return {name: total(getattr(self, name)) + self.late.get(name, 0) for name in PARTS}


def split_costs(inputs: Inputs, records: Records, deliveries: Deliveries) -> CostSplit:
    """The cost of each settled batch in its parts.

    Coins are worth the price that held when they were bought, or if none were, the seal's.
    """
    batches = records.batches
    rows = np.flatnonzero(integers(batches.state) == _SETTLED)
    asset, price = integers(batches.asset)[rows], batch_prices(records)[rows]
    bought, coin_fee, delivered, cost, fee, spread, impact, charged = (
        integers(column)[rows]
        for column in (
            *(batches.bought, batches.coin_fee, batches.delivered, batches.cost),
            *(batches.fee, batches.spread, batches.impact, batches.charged),
        )
    )
    per_dollar = unit_values(inputs, records)[asset]
    quoted = sums_by(deliveries.batch, deliveries.values, len(batches))[rows]
    rests = sums_by(deliveries.batch, deliveries.rests, len(batches))[rows]
    worth, worth_rest = divide(delivered, price, per_dollar)
    value = quoted + (rests // per_dollar).astype(np.int64)
    delay = worth - quoted + ((worth_rest - rests) // per_dollar).astype(np.int64)
    fees = fee + divide(coin_fee, price, per_dollar)[0]
    dust = cost + fee - value - delay - spread - impact - fees
    left_over, _ = divide(bought - coin_fee - delivered, price, per_dollar)
    return CostSplit(
        rows=rows,
        value=value,
        charged=charged,
        delay=delay,
        spread=spread,
        impact=impact,
        fee=fees,
        dust=dust,
        rounding=int(abs(dust - left_over).max(initial=0)),
        late=_late_parts(inputs, records),
    )


def late_losses(inputs: Inputs, records: Records) -> Integers:
    """Of each late fill, what it cost more than its coins were worth at that moment."""
    late = records.late
    coins = integers(late.quantity) - integers(late.coin_fee)
    return integers(late.cost) + integers(late.fee) - _late_worth(inputs, records, coins)


def batch_prices(records: Records) -> Integers:
    """Per batch the price without spread and impact when it was filled, or of its seal."""
    fill_price = integers(records.batches.fill_price)
    return np.where(fill_price > 0, fill_price, integers(records.batches.seal_price))


def drifts_bps(records: Records, deliveries: Deliveries) -> Floats:
    """Per order with coins: how far the price had moved from its quote when they were bought."""
    drifts: Floats = batch_prices(records)[deliveries.batch] / deliveries.unit_price - 1
    return drifts * 10_000


def cost_figures(records: Records, deliveries: Deliveries, split: CostSplit) -> dict[str, Any]:
    """The figures of the summary about cost and drift."""
    value, charged = total(split.value), total(split.charged)
    parts = split.parts()
    cost = sum(parts.values())
    drifts = drifts_bps(records, deliveries)
    return {
        "quoted_usd": dollars(value),
        "charged_usd": dollars(charged),
        "cost_usd": dollars(cost),
        "cost_bps": bps(cost, value),
        **{_in_dollars(name): dollars(part) for name, part in parts.items()},
        **{f"{name}_bps": bps(part, value) for name, part in parts.items()},
        "cost_rounding_max_usd": dollars(split.rounding),
        "users_bear_usd": dollars(charged - value),
        "house_bears_usd": dollars(cost - (charged - value)),
        "drift_mean_bps": float(drifts.mean()) if len(drifts) else None,
        "drift_abs_mean_bps": float(abs(drifts).mean()) if len(drifts) else None,
        "drift_p95_bps": rank(np.sort(abs(drifts)), 95),
    }


def opportunity_figures(inputs: Inputs, records: Records) -> dict[str, Any]:
    """What the coins that failed and partial orders did not get cost more when they ended."""
    orders = records.orders
    rows = np.flatnonzero(np.isin(integers(orders.state), _UNDELIVERED))
    asset, quoted = integers(orders.asset)[rows], integers(orders.unit_price)[rows]
    missing = np.maximum(integers(orders.quantity)[rows] - integers(orders.filled)[rows], 0)
    risen = prices_by_asset(inputs, asset, integers(orders.ended_us)[rows]) - quoted
    per_dollar = unit_values(inputs, records)[asset]
    lost = total(divide(missing, risen, per_dollar)[0])
    undelivered = total(divide(missing, quoted, per_dollar)[0])
    return {
        "undelivered_usd": dollars(undelivered),
        "opportunity_usd": dollars(lost),
        "opportunity_bps": bps(lost, undelivered),
    }


def _late_parts(inputs: Inputs, records: Records) -> dict[str, int]:
    """Coins of late fills are dust; what they cost above their price counts as spread."""
    late = records.late
    bought = _late_worth(inputs, records, integers(late.quantity))
    coin_fee = _late_worth(inputs, records, integers(late.coin_fee))
    return {
        "spread": total(integers(late.cost) - bought),
        "fee": total(integers(late.fee) + coin_fee),
        "dust": total(bought - coin_fee),
    }


def _late_worth(inputs: Inputs, records: Records, units: Integers) -> Integers:
    asset = integers(records.batches.asset)[integers(records.late.batch)]
    prices = integers(records.late.price)
    return divide(units, prices, unit_values(inputs, records)[asset])[0]


def _in_dollars(part: str) -> str:
    return "fees_usd" if part == "fee" else f"{part}_usd"
