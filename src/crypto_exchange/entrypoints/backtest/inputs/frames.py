"""Tables that people bring: CSV, Parquet, pandas, polars or Arrow, as columns of plain values.

CSV needs nothing but Python. Its cells stay text; a frame's stay what they are, so that a float can be
told from an exact number.
"""

from __future__ import annotations

import csv
import gzip
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import narwhals as nw

Value: TypeAlias = str | int | float | Decimal | datetime | date | None
"""One cell; None where there is nothing."""
Tabular: TypeAlias = Any
"""A path, "package:name/file", or a pandas, polars or Arrow table (none of which has to be installed)."""

_PACKAGE = "package:"
_EMPTY = frozenset({"", "null", "none", "nan", "nat", "na", "n/a"})


class Source(Protocol):
    """A table that has been opened."""

    name: str
    columns: tuple[str, ...]

    def take(self, names: Sequence[str]) -> list[list[Value]]:
        """These columns, all equally long."""
        ...


def open_source(source: Tabular) -> Source:
    """A path to .csv, .csv.gz or .parquet, "package:name/file" for a file in a package, or a frame.

    Raises:
        FileNotFoundError: no such file or package.
        TypeError: none of these.
        ValueError: a file of another kind, or one without a header.
    """
    if not isinstance(source, str | os.PathLike):
        return _Frame(
            source, f"{type(source).__module__.partition('.')[0]} {type(source).__name__}"
        )
    path = _path(os.fspath(source))
    if path.suffix in {".parquet", ".pq"}:
        return _Frame(_read_parquet(path), path.name)
    if path.suffix == ".csv" or path.suffixes[-2:] == [".csv", ".gz"]:
        return _CsvFile(path)
    raise ValueError(f"{path.name}: expected a file .csv, .csv.gz or .parquet")


def pick(source: Source, known: Sequence[str], given: str | None) -> str | None:
    """The column that was named, or else the first of the known names that the source has.

    Capitals, blanks and signs do not count in known names.

    Raises:
        ValueError: the column that was named is not there.
    """
    if given is not None:
        if given not in source.columns:
            raise ValueError(f"{source.name}: expected a column {given!r}, {_there_are(source)}")
        return given
    plain = {_plain(name): name for name in reversed(source.columns)}
    return next((plain[_plain(name)] for name in known if _plain(name) in plain), None)


def require(source: Source, what: str, known: Sequence[str], given: str | None) -> str:
    """As `pick`, but there has to be one.

    Raises:
        ValueError: there is none; the message names the columns that there are.
    """
    found = pick(source, known, given)
    if found is None:
        raise ValueError(
            f"{source.name}: expected a column with the {what} ({', '.join(known)}), "
            f"{_there_are(source)}"
        )
    return found


def is_empty(value: Value) -> bool:
    """Whether a cell says nothing: None, not a number, or text such as "" or "null"."""
    if isinstance(value, str):
        return value.strip().lower() in _EMPTY
    return value is None or value != value  # noqa: PLR0124 - only what is not a number differs from itself


def _path(text: str) -> Path:
    if not text.startswith(_PACKAGE):
        path = Path(text).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"expected a file, was {text!r}")
        return path
    package, _, inside = text.removeprefix(_PACKAGE).partition("/")
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"{text}: expected the package {package!r} to be installed")
    for folder in spec.submodule_search_locations:
        if (Path(folder) / inside).is_file():
            return Path(folder) / inside
    raise FileNotFoundError(f"{text}: expected a file {inside!r} in the package {package!r}")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _there_are(source: Source) -> str:
    return f"there are: {', '.join(source.columns)}"


class _CsvFile:
    """A CSV file, read anew each time that columns are taken from it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.name
        self.columns = tuple(name.strip() for name in next(self._lines(), []))
        if not self.columns:
            wanted = "expected a header with the names of columns, separated by commas"
            raise ValueError(f"{self.name}: {wanted}, was {self._beginning()}")

    def take(self, names: Sequence[str]) -> list[list[Value]]:
        places = [self.columns.index(name) for name in names]
        taken: list[list[Value]] = [[] for _ in names]
        lines = self._lines()
        next(lines)
        for row, cells in enumerate(lines, start=1):
            if len(cells) != len(self.columns):
                wanted = f"expected {len(self.columns)} columns, was {len(cells)}"
                raise ValueError(f"{self.name}: row {row:,}: {wanted}")
            for column, place in zip(taken, places, strict=True):
                column.append(cells[place])
        return taken

    def _lines(self) -> Iterator[list[str]]:
        """Lines that are not empty; one cell alone before the header is a title."""
        lines = self._cells()
        first = next((cells for cells in lines if len(cells) > 1), None)
        if first is not None:
            yield first
            yield from lines

    def _beginning(self) -> str:
        first = next(self._cells(), None)
        return "empty" if first is None else f"{first[0]:.40}"

    def _cells(self) -> Iterator[list[str]]:
        opened = gzip.open if self._path.suffix == ".gz" else open
        try:
            with opened(self._path, "rt", encoding="utf-8-sig", newline="") as file:
                yield from filter(None, csv.reader(file))
        except (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile, zlib.error) as error:
            kind = "CSV in UTF-8, compressed with gzip" if opened is gzip.open else "CSV in UTF-8"
            raise ValueError(f"{self.name}: expected {kind}, was something else: {error}") from None


class _Frame:
    """A data frame of whatever kind narwhals knows."""

    def __init__(self, native: Tabular, name: str) -> None:
        try:
            import narwhals
        except ModuleNotFoundError as error:
            raise _missing(error.name) from error
        try:
            self._frame: nw.DataFrame[Any] = narwhals.from_native(
                _with_index(native), eager_only=True
            )
        except TypeError:
            wanted = "a path, or a pandas, polars or Arrow table"
            raise TypeError(f"expected {wanted}, was {type(native).__name__}") from None
        self.name = name
        self.columns = tuple(str(column) for column in self._frame.columns)

    def take(self, names: Sequence[str]) -> list[list[Value]]:
        return [_values(self._frame.get_column(name)) for name in names]


def _with_index(native: Tabular) -> Tabular:
    """A pandas frame's index as a column if it is more than a count: it often has the times."""
    index = getattr(native, "index", None)
    if not hasattr(native, "reset_index") or type(index).__name__ == "RangeIndex":
        return native
    unnamed = getattr(index, "name", None) is None
    return (native.rename_axis(index="time") if unnamed else native).reset_index()


def _values(series: nw.Series[Any]) -> list[Value]:
    import narwhals

    if series.dtype == narwhals.Datetime:
        values = _moments(series)
    elif series.dtype == narwhals.Float32:
        values = series.cast(
            narwhals.String
        ).to_list()  # its own shortest digits, not a wider float's
    else:
        values = series.to_list()
    if not series.null_count():
        return values
    return [
        None if null else value
        for value, null in zip(values, series.is_null().to_list(), strict=True)
    ]


def _moments(series: nw.Series[Any]) -> list[Any]:
    """Moments to the microsecond; those without a zone stay without."""
    zone = UTC if getattr(series.dtype, "time_zone", None) else None
    start = datetime(1970, 1, 1, tzinfo=zone)
    return [
        None if us is None or us != us else start + timedelta(microseconds=int(us))  # noqa: PLR0124 - NaN
        for us in series.dt.timestamp("us").to_list()
    ]


def _read_parquet(path: Path) -> Tabular:
    try:
        import polars
    except ModuleNotFoundError:
        pass
    else:
        try:
            return polars.read_parquet(path)
        except polars.exceptions.PolarsError as error:
            raise ValueError(f"{path.name}: expected a Parquet file, was none: {error}") from None
    try:
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise _missing("polars") from error
    return parquet.read_table(path)


def _missing(name: str | None) -> ImportError:
    return ImportError(
        f"expected {name} to be installed, was not: pip install 'crypto-exchange[backtest]'"
    )
