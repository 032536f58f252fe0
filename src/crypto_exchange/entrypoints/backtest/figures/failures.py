"""What went wrong, and what became of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from crypto_exchange.domain.batch import BatchState
from crypto_exchange.domain.ledger import AccountKind
from crypto_exchange.entrypoints.backtest.amounts import duration_us
from crypto_exchange.entrypoints.backtest.figures.vectors import (
    Integers,
    dollars,
    integers,
    rank,
    sums_by,
    total,
)
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.rows import BATCH_STATES, ORDER_STATES

_SETTLED = BATCH_STATES.index(BatchState.SETTLED.value)
_OPEN = BATCH_STATES.index(BatchState.SEALED.value)
_FAILED = ORDER_STATES.index("failed")
_REFUSED = ORDER_STATES.index("refused")
_REFUNDED = tuple(map(ORDER_STATES.index, ("partially_completed", "failed", "cancelled")))


def failure_figures(inputs: Inputs, records: Records) -> dict[str, Any]:
    """The figures of the summary about batches, attempts and refunds."""
    batches, orders = records.batches, records.orders
    states, sent = integers(batches.state), integers(batches.sent_us) > 0
    attempts = integers(batches.attempts)[sent]
    succeeded = (states[sent] == _SETTLED).sum()
    resolved_s = np.sort(_resolve_us(inputs, records)) / 1_000_000
    back = np.isin(integers(orders.state), _REFUNDED)
    refunded = integers(orders.total)[back] - integers(orders.charged)[back]
    return {
        "batches": len(batches),
        "batches_settled": int((states == _SETTLED).sum()),
        "batches_open": int((states == _OPEN).sum()),
        "attempts_failed": int(attempts.sum() - succeeded - (states[sent] == _OPEN).sum()),
        "unknown": len(resolved_s),
        "unknown_p95_s": rank(resolved_s, 95),
        "unknown_max_s": rank(resolved_s, 100),
        "double_buys": _double_buys(records) + _strange_balances(inputs, records),
        "refunded_usd": dollars(total(refunded)),
        "failed_by_reason": _by_reason(records, _FAILED),
        "refused_by_reason": _by_reason(records, _REFUSED),
    }


def _resolve_us(inputs: Inputs, records: Records) -> Integers:
    """How long it took to learn of purchases that were made, but whose answer was lost."""
    batches = records.batches
    latency_us = np.array(
        [duration_us("latency", inputs.markets[s].latency) for s in inputs.prices]
    )
    took_us = integers(batches.ended_us) - integers(batches.sent_us)
    found = (integers(batches.state) == _SETTLED) & (integers(batches.sent_us) > 0)
    took_longer: Integers = took_us[found & (took_us > latency_us[integers(batches.asset)])]
    return took_longer


def _by_reason(records: Records, state: int) -> dict[str, int]:
    """How many orders in this state have which reason, the most frequent first."""
    orders = records.orders
    reasons = integers(orders.reason)[integers(orders.state) == state]
    counts = Counter(dict(enumerate(np.bincount(reasons).tolist())))
    return {orders.reasons[place]: count for place, count in counts.most_common() if count}


def _double_buys(records: Records) -> int:
    """Attempts that the exchange executed twice, and batches that gave out other coins than orders got."""
    batches, late, orders = records.batches, records.late, records.orders
    attempts = list(zip(late.batch, late.attempt, strict=True))
    again = sum(batches.bought[row] > 0 and batches.attempts[row] == n for row, n in attempts)
    got = integers(orders.filled) > 0
    given = sums_by(integers(orders.batch)[got], integers(orders.filled)[got], len(batches))
    different = int((given != integers(batches.delivered)).sum())
    return len(attempts) - len(set(attempts)) + again + different


def _strange_balances(inputs: Inputs, records: Records) -> int:
    """Currencies of which the ledger says that the exchange gave or took something else than in all
    batches, each filled once, and late fills.
    """
    batches, late = records.batches, records.late
    asset = integers(batches.asset)
    coins = integers(batches.bought) - integers(batches.coin_fee)
    late_coins = integers(late.quantity) - integers(late.coin_fee)
    expected = sums_by(asset, coins, len(inputs.prices))
    expected += sums_by(asset[integers(late.batch)], late_coins, len(inputs.prices))
    venue = AccountKind.VENUE.value
    found = [-records.ledger.get(f"{venue}:{symbol}", 0) for symbol in inputs.prices]
    paid = sum(total(integers(c)) for c in (batches.cost, batches.fee, late.cost, late.fee))
    others = {f"{venue}:{symbol}" for symbol in inputs.prices}
    received = sum(
        amount
        for account, amount in records.ledger.items()
        if account.startswith(f"{venue}:") and account not in others
    )
    strange = sum(a != b for a, b in zip(expected.tolist(), found, strict=True))
    return int(strange + (paid != received))
