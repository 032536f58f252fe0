"""PriceSeries: what was seen of one asset's price, and when; and what is wrong with it."""

from __future__ import annotations

from array import array

import msgspec

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.entrypoints.backtest.amounts import format_duration, moment
from crypto_exchange.entrypoints.override import override

_SENTENCES = {
    "gap": "{count:,} holes, the largest of {seconds:,} s {example}",
    "backwards": "time runs backwards {count:,} times, the furthest by {seconds:,} s {example}",
    "duplicate": "{count:,} rows with the time of an earlier row, first row {first_row:,} ({example})",
    "off_grid": "{count:,} rows off the grid, first row {first_row:,} ({example})",
    "null": "{count:,} rows without a time or a price, first row {first_row:,}",
    "invalid": "{count:,} rows that can't be used, first row {first_row:,}: {example}",
    "zero_volume": "{count:,} rows without volume, first row {first_row:,} ({example})",
}
_ONCE = {
    "gap": "a hole of {seconds:,} s {example}",
    "backwards": "time runs backwards by {seconds:,} s {example}",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of fault in a source, with how often and where it occurs first (rows count from 1,
    without a header). `seconds` is the largest hole, jump or distance of the kind, 0 if it has none.
    """

    kind: str
    """gap, duplicate, backwards, off_grid, zero_volume, null or invalid."""
    count: int
    first_row: int
    seconds: int = 0
    example: str = ""

    @override
    def __str__(self) -> str:
        sentence = _ONCE.get(self.kind) if self.count == 1 else None
        sentence = sentence or _SENTENCES.get(
            self.kind, "{count:,} × {kind}, first row {first_row:,}"
        )
        return sentence.format(**msgspec.structs.asdict(self)).replace(
            "1 rows", "1 row", self.count == 1
        )


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a source of prices: `rows` were read, `kept` of them are used."""

    source: str
    rows: int
    kept: int
    interval_us: int
    findings: tuple[Finding, ...] = ()

    @override
    def __str__(self) -> str:
        every = f", one every {format_duration(self.interval_us)}" if self.interval_us else ""
        head = f"{self.source}: {self.kept:,} of {self.rows:,} rows used{every}"
        return "\n".join((head, *(f"  {finding}" for finding in self.findings)))


class PriceSeries(msgspec.Struct, frozen=True, kw_only=True):
    """Prices in the order in which they became known.

    `at_us` (µs since 1970, rising) is when a price can be seen: a bar's at its close. `prices` in 10⁻¹²
    dollars a coin; `asks`, if there are quotes, what a buyer pays (0: not known), and `volumes` what was traded since
    the price before, in 10⁻⁸ coins; both are empty or as long as the others. `interval_us` is the usual
    distance between two prices, `fingerprint` the SHA-256 of all of it.
    """

    asset: Symbol
    at_us: array[int]
    prices: array[int]
    asks: array[int]
    volumes: array[int]
    interval_us: int
    quality: Quality
    fingerprint: str

    def __len__(self) -> int:
        return len(self.at_us)

    @override
    def __repr__(self) -> str:
        span = f"{moment(self.at_us[0])} to {moment(self.at_us[-1])}" if self.at_us else "empty"
        return f"PriceSeries({self.asset}: {len(self):,} prices, {span})"
