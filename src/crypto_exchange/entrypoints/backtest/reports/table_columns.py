"""Columns of a table: whole numbers as a run wrote them, shown as what they mean."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from crypto_exchange.domain.money import format_units
from crypto_exchange.entrypoints.backtest.amounts import moment
from crypto_exchange.entrypoints.override import override

if TYPE_CHECKING:
    import polars

Cell: TypeAlias = int | bool | str | Decimal | datetime | None
"""An exact value, or None where there is none."""
Numbers: TypeAlias = "array[int] | Callable[[], array[int]]"
"""A column of a run, or how to compute one when it is asked for."""

_MICROSECONDS = 6


class Column:
    """Whole numbers. `unit` is what they count, `missing` the number that means that there is none."""

    def __init__(
        self, name: str, numbers: Numbers, unit: str = "", *, missing: int | None = None
    ) -> None:
        self.name, self.unit = name, unit
        self._numbers, self._missing = numbers, missing

    @cached_property
    def numbers(self) -> array[int]:
        """One for each row."""
        return self._numbers if isinstance(self._numbers, array) else self._numbers()

    def cell(self, row: int) -> Cell:
        """The value in one row."""
        number = self.numbers[row]
        return None if number == self._missing else self._value(number)

    def series(self) -> polars.Series:
        """All values as a polars series."""
        frames, numpy = extra("polars"), extra("numpy")
        counted = frames.Series(self.name, numpy.asarray(self.numbers))
        present = counted if self._missing is None else counted.set(counted == self._missing, None)
        return self._series(present)

    def _value(self, number: int) -> Cell:
        return number

    def _series(self, numbers: polars.Series) -> polars.Series:
        return numbers


class Flags(Column):
    """Yes or no: 1 or 0."""

    @override
    def _value(self, number: int) -> Cell:
        return bool(number)

    @override
    def _series(self, numbers: polars.Series) -> polars.Series:
        return numbers.cast(extra("polars").Boolean)


class Times(Column):
    """Moments: µs since 1970, 0 for none."""

    def __init__(self, name: str, numbers: Numbers) -> None:
        super().__init__(name, numbers, "UTC", missing=0)

    @override
    def _value(self, number: int) -> Cell:
        return moment(number)

    @override
    def _series(self, numbers: polars.Series) -> polars.Series:
        return numbers.cast(extra("polars").Datetime("us", "UTC"))


class Seconds(Column):
    """Lengths of time: µs, −1 for none. Exact in rows; in frames, the floats nearest to that."""

    def __init__(self, name: str, numbers: Numbers) -> None:
        super().__init__(name, numbers, "s", missing=-1)

    @override
    def _value(self, number: int) -> Cell:
        return Decimal(format_units(number, _MICROSECONDS))

    @override
    def _series(self, numbers: polars.Series) -> polars.Series:
        seconds = (
            numbers.to_numpy() / 10**_MICROSECONDS
        )  # polars' division by a number is not exact
        found: polars.Series = extra("polars").Series(self.name, seconds, nan_to_null=True)
        return found


class Amounts(Column):
    """Counts of 10⁻ˢᶜᵃˡᵉ: one scale for all, or one for each asset with the asset of each row."""

    def __init__(
        self,
        name: str,
        numbers: Numbers,
        unit: str,
        *,
        scales: Sequence[int],
        places: array[int] | None = None,
        missing: int | None = None,
    ) -> None:
        super().__init__(name, numbers, unit, missing=missing)
        self._scales, self._places = scales, places

    @override
    def cell(self, row: int) -> Cell:
        """The value in one row, with all digits of its scale."""
        number = self.numbers[row]
        scale = self._scales[0 if self._places is None else self._places[row]]
        return None if number == self._missing else Decimal(format_units(number, scale))

    @override
    def _series(self, numbers: polars.Series) -> polars.Series:
        frames, numpy = extra("polars"), extra("numpy")
        exact = frames.Decimal(38, max(self._scales))
        units = frames.Series([Decimal(1).scaleb(-scale) for scale in self._scales], dtype=exact)
        if self._places is not None and len(set(self._scales)) > 1:
            units = units.gather(numpy.asarray(self._places))
        else:
            units = units[:1]
        amounts: polars.Series = (numbers.cast(frames.Decimal(38, 0)) * units).cast(exact)
        return amounts.alias(self.name)


class Labels(Column):
    """Places in a list of words; the empty word means that there is none."""

    def __init__(
        self, name: str, numbers: Numbers, labels: Sequence[str], *, many: bool = False
    ) -> None:
        super().__init__(name, numbers)
        self._labels, self._many = labels, many

    @override
    def _value(self, number: int) -> Cell:
        return self._labels[number] or None

    @override
    def _series(self, numbers: polars.Series) -> polars.Series:
        frames = extra("polars")
        words = [label or None for label in self._labels]
        kind = frames.String if self._many else frames.Enum([word for word in words if word])
        series: polars.Series = frames.Series(self.name, words, dtype=kind).gather(numbers)
        return series


def extra(name: str) -> Any:
    """A library that a frame needs.

    Raises:
        ImportError: it is not installed; the message says how to.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"expected {error.name} to be installed, was not: pip install 'crypto-exchange[backtest]'"
        ) from error
