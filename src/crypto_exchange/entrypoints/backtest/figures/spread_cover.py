"""Which spread covers the house's risk: what it lost a day, and how far a day or a run can be off.

With pricing `quoted` the house keeps the spread and bears everything else. A spread of s earns s of the
quoted value, so the spread that a day needs is its loss in parts of its quoted value.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Literal

import msgspec

from crypto_exchange.entrypoints.backtest.amounts import duration_us, format_duration
from crypto_exchange.entrypoints.backtest.figures.summary import require_numpy
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.override import override

RESAMPLES = 10_000
LEAST_DAYS = 20


class HouseDay(msgspec.Struct, frozen=True, kw_only=True):
    """One day (UTC): what was delivered at its quotes, and what the house would have lost on it without
    any spread (a gain is negative). `needed_bps` is the spread that makes it even; None if nothing was
    delivered.
    """

    day: str
    quoted_usd: Decimal
    loss_usd: Decimal
    needed_bps: float | None


class SpreadCover(msgspec.Struct, frozen=True, kw_only=True):
    """Spreads in basis points that cover the house's risk; print it for the answer in words.

    `spread_bps` is the answer, in whole basis points as settings take them: it covers the expected loss
    and, with the confidence, that of a horizon (a day, or a run as long as this one). `expected_bps`
    covers all days together, `day_bps` the given share of the days, `run_bps` the given share of
    resampled runs. All are None where nothing can be said, and `why_not` says why.

    For pictures: `days`, and `resampled_bps`, the spreads that 0, 1, … 100 % of the resampled runs need
    at most.
    """

    confidence: float
    horizon: Literal["day", "run"]
    threshold: str
    max_wait: str
    charged_bps: int
    spread_bps: int | None = None
    expected_bps: float | None = None
    day_bps: float | None = None
    run_bps: float | None = None
    why_not: str = ""
    days: tuple[HouseDay, ...] = ()
    resampled_bps: tuple[float, ...] = ()
    block_days: int = 0
    resamples: int = RESAMPLES
    seed: int = 0

    @override
    def __repr__(self) -> str:
        certain = f"with {self.confidence * 100:.4g} % confidence"
        if self.spread_bps is None:
            return f"No spread can be named that covers the house's risk {certain}: {self.why_not}."
        return (
            f"A spread of {self.spread_bps} bps covers the house's risk of a {self.horizon} {certain} "
            f"at a threshold of {self.threshold} USD and a longest wait of {self.max_wait}: "
            f"{self.expected_bps:.1f} bps cover the mean of {len(self.days)} days, "
            f"{self.day_bps:.1f} bps that share of the days, {self.run_bps:.1f} bps that share of "
            f"{self.resamples:,} runs put together from blocks of {self.block_days} days."
        )

    def curve(self) -> list[tuple[float, float]]:
        """Spreads that days needed (bps, rising), and the share of the days (0–1) that each covers."""
        needed = sorted(day.needed_bps for day in self.days if day.needed_bps is not None)
        return [(spread, place / len(needed)) for place, spread in enumerate(needed, 1)]


def spread_cover(
    inputs: Inputs,
    records: Records,
    *,
    confidence: float = 0.95,
    horizon: Literal["day", "run"] = "day",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> SpreadCover:
    """The smallest spread with which the house does not lose on average, and with the confidence not
    over the horizon.

    A day's loss counts coins left over at the price they were bought for. Runs are resampled by a
    circular block bootstrap over days (Politis and Romano 1992), in blocks of the cube root of their
    number, from the seed. It takes 20 days with purchases, or 1 ÷ (1 − confidence) if that is more.

    Raises:
        ImportError: numpy is not installed.
        ValueError: a confidence not between 0.5 and 1, another horizon, or no resamples.
    """
    _check(confidence, horizon, resamples)
    require_numpy()
    from crypto_exchange.entrypoints.backtest.figures.house_risk import list_days

    asked = SpreadCover(
        confidence=confidence,
        horizon=horizon,
        threshold=str(inputs.policy.threshold),
        max_wait=format_duration(duration_us("max_wait", inputs.policy.max_wait)),
        charged_bps=inputs.policy.spread_bps,
        resamples=resamples,
        seed=seed,
    )
    if inputs.policy.pricing == "average":
        why_not = "with pricing average members pay what it cost, and no spread is charged"
        return msgspec.structs.replace(asked, why_not=why_not)
    return _cover(asked, list_days(inputs, records))


def _cover(asked: SpreadCover, days: tuple[HouseDay, ...]) -> SpreadCover:
    """What the days say, or why they say nothing."""
    from crypto_exchange.entrypoints.backtest.figures.house_risk import resample_runs

    confidence = asked.confidence
    needed = sorted(day.needed_bps for day in days if day.needed_bps is not None)
    least = max(LEAST_DAYS, math.ceil(1 / (1 - confidence)))
    expected = _expected(days)
    if expected is None or len(needed) < least:
        why_not = f"it takes at least {least} days with purchases, and there were {len(needed)}"
        return msgspec.structs.replace(asked, why_not=why_not, days=days, expected_bps=expected)
    block_days = math.ceil(len(days) ** (1 / 3))
    runs = resample_runs(days, block_days, asked.resamples, asked.seed)
    day_bps, run_bps = _rank(needed, confidence), _rank(runs, confidence)
    covering = max(0, expected, day_bps if asked.horizon == "day" else run_bps)
    return msgspec.structs.replace(
        asked,
        spread_bps=math.ceil(round(covering, 6)),
        expected_bps=expected,
        day_bps=day_bps,
        run_bps=run_bps,
        days=days,
        resampled_bps=tuple(_rank(runs, percent / 100) for percent in range(101)),
        block_days=block_days,
    )


def _check(confidence: float, horizon: str, resamples: int) -> None:
    given: object = confidence
    if not isinstance(given, int | float) or not 0.5 <= given < 1:
        raise ValueError(
            f"confidence: expected at least 0.5 and less than 1, such as 0.95, was {confidence!r}"
        )
    if horizon not in ("day", "run"):
        raise ValueError(f"horizon: expected day or run, was {horizon!r}")
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, was {resamples}")


def _expected(days: tuple[HouseDay, ...]) -> float | None:
    quoted = sum(day.quoted_usd for day in days)
    return float(sum(day.loss_usd for day in days) / quoted * 10_000) if quoted else None


def _rank(ordered: list[float], share: float) -> float:
    """Nearest rank: the smallest that so large a share does not exceed."""
    return ordered[max(math.ceil(len(ordered) * share - 1e-9), 1) - 1]
