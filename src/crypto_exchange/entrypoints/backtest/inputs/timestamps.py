"""Times as people's files write them, as microseconds since 1970."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_exchange.entrypoints.backtest.amounts import LAST_US, time_us
from crypto_exchange.entrypoints.backtest.inputs.frames import Value

_DATES = range(1900_01_01, 2100_01_01)
"""Eight digits that are read as a date and not as seconds of the year 1970."""


def clock(tz: str) -> Callable[[Value], int]:
    """What reads one time: ISO text, a count of s, ms, µs or ns since 1970, a date or a datetime.

    A time without a zone is one of `tz`. A count is told by its size: seconds below 10¹¹, milliseconds
    below 10¹⁴, microseconds below 10¹⁷, nanoseconds above, all rounded down to the microsecond; eight
    digits are a date (20211229).

    Raises:
        ValueError: `tz` is not a zone; and, by what is returned: not a time.
    """
    zone = _zone(tz)

    def read(value: Value) -> int:
        if isinstance(value, str):
            return _written(value.strip(), zone)
        if isinstance(value, datetime):
            return _moment_us(value, zone)
        if isinstance(value, date):
            return _moment_us(datetime.combine(value, time()), zone)
        if isinstance(value, bool) or value is None:
            raise ValueError(f"expected a time, was {value!r}")
        return _written(str(value), zone)

    return read


def _zone(tz: str) -> tzinfo:
    if tz == "UTC":
        return UTC
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f'tz: expected the name of a zone such as "Europe/London", was {tz!r}'
        ) from None


def _written(text: str, zone: tzinfo) -> int:
    if text.isdecimal() and int(text) not in _DATES:
        return _counted(int(text))
    try:
        iso = f"{text[:-4]}Z" if text.endswith(" UTC") else text
        return _moment_us(datetime.fromisoformat(iso), zone)
    except ValueError:
        return _counted(_number(text))


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"expected a time, was {text[:40]!r}")
    return number


def _moment_us(moment: datetime, zone: tzinfo) -> int:
    return time_us(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def _counted(number: int | Decimal) -> int:
    size = abs(int(number))
    if size < 10**11:
        us = int(number * 1_000_000 // 1)
    elif size < 10**14:
        us = int(number * 1_000 // 1)
    else:
        us = int(number // (1 if size < 10**17 else 1_000))
    if abs(us) > LAST_US:
        raise ValueError(f"expected a time before the year 10000, was {number}")
    return us
