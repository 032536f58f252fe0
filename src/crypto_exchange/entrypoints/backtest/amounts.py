"""What people write for amounts, rates and times, as the integers that the domain counts with.

Amounts are text, whole numbers or Decimals, never floats: 0.1 as a float is not a tenth.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from crypto_exchange.domain.money import USD_SCALE, format_units, parse_units

Amount: TypeAlias = str | int | Decimal
"""An exact number: "10.00", 10, Decimal("10.00")."""
Duration: TypeAlias = str | timedelta
"""A length of time: "250ms", "90s", "15m", "6h", "1d", or a timedelta."""

_UNITS_US = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_DURATION = re.compile(r"([0-9]+)(us|ms|s|m|h|d)", re.ASCII)
_LARGEST = 2**63 - 1
MOST_ROWS = 100_000_000
"""More prices or orders than fit into the memory of most machines (7 GB of orders)."""
LAST_US = 253_402_300_799_999_999
"""The end of the year 9999."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def units(name: str, amount: Amount, scale: int) -> int:
    """An amount ≥ 0 as a count of 10⁻ˢᶜᵃˡᵉ; `name` is what the message calls it.

    Raises:
        TypeError: a float, or nothing that is a number.
        ValueError: negative, not plain digits, or finer than the scale.
    """
    if isinstance(amount, bool) or not isinstance(amount, str | int | Decimal):
        raise TypeError(
            f'{name}: expected an exact number such as "10.00" or Decimal("10.00"), '
            f"was {type(amount).__name__} {amount!r}"
        )
    text = format(amount, "f") if isinstance(amount, Decimal) else str(amount)
    try:
        return parse_units(text, scale)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def sized(name: str, amount: Amount, scale: int) -> int:
    """As `units`, but of less than 2⁶³ units, which is what a column can hold; ValueError for more."""
    count = units(name, amount, scale)
    if count > _LARGEST:
        most = format_units(_LARGEST, scale)
        raise ValueError(f"{name}: expected at most {most}, was {amount!s:.40}")
    return count


def dollars(name: str, amount: Amount) -> int:
    """Dollars as a count of 10⁻⁸. Raises as `sized`."""
    return sized(name, amount, USD_SCALE)


def spread(name: str, bps: Amount) -> int:
    """The whole distance between bid and ask in hundredths of a basis point. Raises as `units`;
    ValueError from 20,000 basis points on, where the bid would be 0.
    """
    count = units(name, bps, 2)
    if count >= 2_000_000:
        raise ValueError(f"{name}: expected less than 20000 basis points, was {bps}")
    return count


def whole(name: str, number: int, least: int | None = None) -> int:
    """The number. Raises ValueError if it is no whole one, or below the least."""
    given: object = number
    if (
        not isinstance(given, int)
        or isinstance(given, bool)
        or (least is not None and given < least)
    ):
        bound = "" if least is None else f" of at least {least}"
        raise ValueError(f"{name}: expected a whole number{bound}, was {given!r}")
    return number


def require_room(name: str, what: str, rows: int) -> None:
    """Refuse what would be drawn for hours, or fill the memory. Raises ValueError: above MOST_ROWS."""
    if rows > MOST_ROWS:
        raise ValueError(f"{name}: expected at most {MOST_ROWS:,} {what}, would be about {rows:,}")


def ratio(name: str, amount: Amount) -> Fraction:
    """A share between 0 and 1, exactly: ".01" or "0.01". Raises as `units`; ValueError above 1."""
    share = Fraction(
        units(name, f"0{amount}" if str(amount).startswith(".") else amount, 18), 10**18
    )
    if share > 1:
        raise ValueError(f"{name}: expected a share between 0 and 1, was {amount}")
    return share


def duration_us(name: str, length: Duration) -> int:
    """A length of time ≥ 0 in microseconds.

    Raises:
        TypeError: neither text nor a timedelta.
        ValueError: not a number with a unit, or negative.
    """
    if isinstance(length, timedelta):
        us = length // timedelta(microseconds=1)
        if us < 0:
            raise ValueError(f"{name}: expected a time of at least 0, was {length}")
        return us
    if not isinstance(length, str):
        raise TypeError(f'{name}: expected a time such as "6h" or a timedelta, was {length!r}')
    match = _DURATION.fullmatch(length)
    if match is None:
        raise ValueError(
            f"{name}: expected a time such as 250ms, 90s, 15m, 6h or 1d, was {length!r}"
        )
    return int(match[1]) * _UNITS_US[match[2]]


def format_duration(us: int) -> str:
    """The shortest of the ways to write a length of time: 6h, 90s, 250ms."""
    for unit, size in reversed(_UNITS_US.items()):
        if us and us % size == 0:
            return f"{us // size}{unit}"
    return "0s"


def time_us(moment: datetime) -> int:
    """A moment as microseconds since 1970; one without a zone is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def moment(us: int) -> datetime:
    """Microseconds since 1970 as a moment in UTC."""
    return _EPOCH + timedelta(microseconds=us)
