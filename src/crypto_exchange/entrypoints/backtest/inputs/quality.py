"""What is wrong with a source of prices, and which of its rows can be used nevertheless."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

import msgspec

from crypto_exchange.entrypoints.backtest.amounts import format_duration, moment
from crypto_exchange.entrypoints.backtest.series import Finding, Quality

Repair: TypeAlias = Literal["raise", "report", "drop"]

_HARMLESS = "zero_volume"
_SECOND_US = 1_000_000


class DataQualityError(ValueError):
    """A source has faults. `quality` says what a repaired reading would find and keep."""

    def __init__(self, quality: Quality) -> None:
        self.quality = quality
        faults = "; ".join(str(each) for each in quality.findings if each.kind != _HARMLESS)
        every = f"a price every {format_duration(quality.interval_us)}"
        super().__init__(
            f"{quality.source}: expected {every if quality.interval_us else 'prices'} in rising order, "
            f'found: {faults}. repair="report" would keep {quality.kept:,} of {quality.rows:,} rows'
        )


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The readable rows of a source in its order: `numbers` count from 1, `at_us` as they are stamped.

    `asks` and `volumes` are empty if the source has none. `findings` are those of rows that could not be
    read, `total` counts all rows.
    """

    source: str
    total: int
    numbers: array[int]
    at_us: array[int]
    prices: array[int]
    asks: array[int]
    volumes: array[int]
    findings: tuple[Finding, ...]


def examine(rows: Rows, *, interval_us: int | None, repair: Repair) -> tuple[list[int], Quality]:
    """The places of the rows that are used, in rising order, and what was found.

    The usual distance is the most frequent one. If at least half of all are equal, longer ones are
    holes, and if three quarters of the rows stand on one grid, those beside it are off grid. If not
    (trades, quotes), the distance is the median and neither is looked for.

    Raises:
        DataQualityError: with "raise", and anything was found but rows without volume.
    """
    order, repeats = _in_order(rows.at_us)
    usual_us, regular = _usual_distance([rows.at_us[place] for place in order], interval_us)
    off_grid = _off_grid(rows.at_us, order, usual_us) if regular else None
    idle = [place for place, volume in enumerate(rows.volumes) if volume == 0]
    unused = set(off_grid or ()) | (set(idle) if repair == "drop" else set())
    kept = [place for place in order if place not in unused]
    limit_us = usual_us + 1 if off_grid is not None else 2 * usual_us
    findings = (
        _gaps(rows, order, limit_us) if regular else None,
        _backwards(rows),
        _rows_of("duplicate", rows, repeats),
        _rows_of("off_grid", rows, off_grid or ()),
        *rows.findings,
        _rows_of(_HARMLESS, rows, idle),
    )
    quality = Quality(
        source=rows.source,
        rows=rows.total,
        kept=len(kept),
        interval_us=usual_us,
        findings=tuple(each for each in findings if each is not None),
    )
    if repair == "raise" and any(each.kind != _HARMLESS for each in quality.findings):
        raise DataQualityError(quality)
    return kept, quality


def _in_order(at_us: Sequence[int]) -> tuple[list[int], list[int]]:
    """Places by time, the first of each time; and those that repeat a time."""
    order: list[int] = []
    repeats: list[int] = []
    seen: set[int] = set()
    for place, at in enumerate(at_us):
        (repeats if at in seen else order).append(place)
        seen.add(at)
    return sorted(order, key=at_us.__getitem__), repeats


def _usual_distance(times: Sequence[int], given: int | None) -> tuple[int, bool]:
    """The usual distance in µs, and whether it is a rule."""
    steps = [b - a for a, b in pairwise(times)]
    if given is not None:
        return given, True
    if not steps:
        return 0, False
    usual, count = max(Counter(steps).items(), key=lambda item: (item[1], -item[0]))
    if 2 * count >= len(steps):
        return usual, True
    return sorted(steps)[len(steps) // 2], False


def _off_grid(at_us: Sequence[int], order: Sequence[int], usual_us: int) -> list[int] | None:
    """The places beside the grid; None if there is no grid, as of days of 23 and 25 hours."""
    phase, count = Counter(at_us[place] % usual_us for place in order).most_common(1)[0]
    if 4 * count < 3 * len(order):
        return None
    return [place for place, at in enumerate(at_us) if at % usual_us != phase]


def _gaps(rows: Rows, order: Sequence[int], limit_us: int) -> Finding | None:
    holes = [
        (rows.at_us[b] - rows.at_us[a], a)
        for a, b in pairwise(order)
        if rows.at_us[b] - rows.at_us[a] >= limit_us
    ]
    return _longest("gap", rows, holes, "after")


def _backwards(rows: Rows) -> Finding | None:
    jumps = [(a - b, place) for place, (a, b) in enumerate(pairwise(rows.at_us), 1) if b < a]
    return _longest("backwards", rows, jumps, "at")


def _longest(
    kind: str, rows: Rows, distances: Sequence[tuple[int, int]], where: str
) -> Finding | None:
    if not distances:
        return None
    us, place = max(distances, key=lambda each: each[0])
    return Finding(
        kind=kind,
        count=len(distances),
        first_row=rows.numbers[distances[0][1]],
        seconds=us // _SECOND_US,
        example=f"{where} row {rows.numbers[place]:,} ({_written(rows.at_us[place])})",
    )


def _rows_of(kind: str, rows: Rows, places: Iterable[int]) -> Finding | None:
    found = list(places)
    if not found:
        return None
    return Finding(
        kind=kind,
        count=len(found),
        first_row=rows.numbers[found[0]],
        example=_written(rows.at_us[found[0]]),
    )


def _written(at_us: int) -> str:
    return moment(at_us).isoformat(sep=" ").replace("+00:00", "Z")
