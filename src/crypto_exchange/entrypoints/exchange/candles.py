"""Candle files: CSV with `Datetime` and `Close` columns, replayed in the order of their rows."""

import csv
import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

import msgspec

from crypto_exchange.entrypoints.exchange.amounts import DECIMALS, LARGEST


class Candles(msgspec.Struct, frozen=True):
    """Closes in units of 10⁻⁸ and the millisecond of replay at which each begins to hold.

    `skipped` has one sentence for each run of rows that were left out.
    """

    starts_ms: tuple[int, ...]
    closes: tuple[int, ...]
    skipped: tuple[str, ...]
    digest: str

    def close_at(self, elapsed_ms: int) -> int:
        """The close in force after `elapsed_ms` of the file's own time; the last one stays."""
        row = bisect_right(self.starts_ms, max(0, elapsed_ms)) - 1
        return self.closes[row]


class _Row(msgspec.Struct, frozen=True):
    line: int
    time: datetime
    close: int


def read_candles(path: Path) -> Candles:
    """Read a file. Closes are rounded half to even to 8 decimals.

    Rows that do not come after the last accepted one, and rows without a positive close, are
    skipped. A row holds until the next begins, but never longer than the interval (the most
    common positive difference; of equally common ones the shortest).

    Raises `ValueError` with one sentence if the file, a column or a usable row is missing, or a
    time can't be read.
    """
    skipped: list[str] = []
    rows = list(_forward(path, _priced(path, _lines(path), skipped), skipped))
    if not rows:
        raise ValueError(f"Candle file {path} must have at least one row with a positive Close.")
    closes = tuple(row.close for row in rows)
    starts = tuple(_starts_ms(rows))
    digest = hashlib.sha256(repr((starts, closes)).encode()).hexdigest()[:16]
    return Candles(starts, closes, tuple(skipped), digest)


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            absent = [name for name in ("Datetime", "Close") if name not in columns]
            if absent:
                raise ValueError(
                    f"Candle file {path} must have the columns Datetime and Close, "
                    f"{' and '.join(absent)} is missing."
                )
            for row in reader:
                yield reader.line_num, row["Datetime"] or "", row["Close"] or ""
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ValueError(f"Candle file {path} can't be read: {reason}.") from error


def _priced(
    path: Path, lines: Iterator[tuple[int, str, str]], skipped: list[str]
) -> Iterator[_Row]:
    for line, time, close in lines:
        price = _price(close)
        if price is None:
            skipped.append(f"{path} line {line}: Close is {close!r}, not a positive number.")
        else:
            yield _Row(line, _time(path, line, time), price)


def _forward(path: Path, rows: Iterator[_Row], skipped: list[str]) -> Iterator[_Row]:
    last: _Row | None = None
    run: list[_Row] = []
    for row in rows:
        if last is not None and row.time <= last.time:
            run.append(row)
            continue
        if last is not None and run:
            skipped.append(_backwards(path, last, run))
            run = []
        last = row
        yield row
    if last is not None and run:
        skipped.append(_backwards(path, last, run))


def _backwards(path: Path, last: _Row, run: list[_Row]) -> str:
    first = run[0]
    more = f", {len(run)} rows up to line {run[-1].line}" if len(run) > 1 else ""
    return (
        f"{path} line {first.line}: {first.time.isoformat()} is not after "
        f"{last.time.isoformat()} of line {last.line}{more}."
    )


def _starts_ms(rows: list[_Row]) -> Iterator[int]:
    steps = [
        (after.time - before.time) // timedelta(milliseconds=1) for before, after in pairwise(rows)
    ]
    counts = Counter(steps)
    interval = min(counts, key=lambda step: (-counts[step], step), default=0)
    start = 0
    yield start
    for step in steps:
        start += min(step, interval)
        yield start


def _price(text: str) -> int | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite() or value <= 0:
        return None
    scaled = int(value.scaleb(DECIMALS).to_integral_value(ROUND_HALF_EVEN))
    return scaled if 0 < scaled < LARGEST else None


def _time(path: Path, line: int, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{path} line {line}: Datetime must be an ISO 8601 time, it is {text!r}."
        ) from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
