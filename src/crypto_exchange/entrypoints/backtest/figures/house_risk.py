"""The house's losses by day, and runs put together from days that were."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crypto_exchange.domain.money import BPS
from crypto_exchange.entrypoints.backtest.amounts import moment
from crypto_exchange.entrypoints.backtest.figures.costs import late_losses, split_costs
from crypto_exchange.entrypoints.backtest.figures.deliveries import list_deliveries
from crypto_exchange.entrypoints.backtest.figures.spread_cover import HouseDay
from crypto_exchange.entrypoints.backtest.figures.vectors import (
    bps,
    dollars,
    integers,
    started_us,
    sums_by,
)
from crypto_exchange.entrypoints.backtest.result import Inputs, Records

_DAY_US = 86_400_000_000


def list_days(inputs: Inputs, records: Records) -> tuple[HouseDay, ...]:
    """Every day (UTC) from the run's first to its last: batches count on the day on which they ended."""
    split = split_costs(inputs, records, list_deliveries(inputs, records))
    earned = split.charged - split.value - split.value * inputs.policy.spread_bps // BPS
    losses = split.shortfall - split.dust - earned
    ended = integers(records.batches.ended_us)[split.rows] // _DAY_US
    late = integers(records.late.at_us) // _DAY_US
    first = started_us(inputs, records) // _DAY_US
    size = records.ended_us // _DAY_US - first + 1
    quoted = sums_by(ended - first, split.value, size)
    lost = sums_by(ended - first, losses, size)
    lost += sums_by(late - first, late_losses(inputs, records), size)
    return tuple(
        HouseDay(
            day=f"{moment((first + place) * _DAY_US):%Y-%m-%d}",
            quoted_usd=dollars(value),
            loss_usd=dollars(loss),
            needed_bps=bps(loss, value),
        )
        for place, (value, loss) in enumerate(zip(quoted.tolist(), lost.tolist(), strict=True))
    )


def resample_runs(
    days: Sequence[HouseDay], block_days: int, resamples: int, seed: int
) -> list[float]:
    """The spreads (bps, rising) that runs need which are put together from blocks of days in a row,
    drawn with replacement; after the last day comes the first.
    """
    count = len(days)
    blocks = (np.arange(count)[:, None] + np.arange(block_days)) % count
    values = np.array([float(day.quoted_usd) for day in days])[blocks].sum(axis=1)
    losses = np.array([float(day.loss_usd) for day in days])[blocks].sum(axis=1)
    draws = np.random.Generator(np.random.PCG64(seed))
    drawn = draws.integers(count, size=(resamples, -(-count // block_days)))
    quoted = values[drawn].sum(axis=1)
    bought = quoted > 0
    needed: list[float] = np.sort(losses[drawn].sum(axis=1)[bought] / quoted[bought] * BPS).tolist()
    return needed
