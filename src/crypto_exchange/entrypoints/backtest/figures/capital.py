"""What money the business ties up, and how often it calls the exchange."""

from __future__ import annotations

from typing import Any

import numpy as np

from crypto_exchange.entrypoints.backtest.figures.house import hold
from crypto_exchange.entrypoints.backtest.figures.vectors import (
    Integers,
    dollars,
    hours,
    integers,
    total,
)
from crypto_exchange.entrypoints.backtest.result import Inputs, Records

_DAY_US = 86_400_000_000
_MINUTE_US = 60_000_000


def capital_figures(inputs: Inputs, records: Records) -> dict[str, Any]:
    """The figures of the summary about capital and calls."""
    held, length = hold(records), hours(inputs, records)
    at_us, paid = _payments(records)
    called_us, calls = _calls(records)
    return {
        "hours": length,
        "deposited_usd": dollars(records.deposited),
        "users_money_peak_usd": held.peak,
        "users_money_usd_hours": held.usd_hours,
        "paid_to_exchange_usd": dollars(total(paid)),
        "prefund_24h_usd": dollars(_most_within(at_us, paid, _DAY_US)),
        "calls": total(calls),
        "calls_per_hour": total(calls) / length if length else None,
        "calls_per_minute_peak": _most_within(called_us, calls, _MINUTE_US),
    }


def _payments(records: Records) -> tuple[Integers, Integers]:
    """When and how much the exchange was paid: cost and fees in dollars, late fills included."""
    batches, late = records.batches, records.late
    at_us = np.concatenate([integers(batches.ended_us), integers(late.at_us)])
    paid = np.concatenate(
        [
            integers(batches.cost) + integers(batches.fee),
            integers(late.cost) + integers(late.fee),
        ]
    )
    return _by_time(at_us, paid)


def _calls(records: Records) -> tuple[Integers, Integers]:
    """Attempts to buy; all of a batch are taken to have been sent when the last one was."""
    sent_us, attempts = integers(records.batches.sent_us), integers(records.batches.attempts)
    return _by_time(sent_us, np.where(sent_us > 0, attempts, 0))


def _by_time(at_us: Integers, amounts: Integers) -> tuple[Integers, Integers]:
    order = np.argsort(at_us, kind="stable")
    order = order[amounts[order] > 0]
    return at_us[order], amounts[order]


def _most_within(at_us: Integers, amounts: Integers, length_us: int) -> int:
    """The largest sum of what came within any such length of time, its end not included."""
    sums = np.concatenate([[0], np.cumsum(amounts)])
    first = np.searchsorted(at_us, at_us - length_us, side="right")
    return int((sums[1:] - sums[first]).max(initial=0))
