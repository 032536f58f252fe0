"""How each kind of setting is written, and what it becomes."""

from __future__ import annotations

import enum
import re
import string
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from crypto_exchange.domain import money
from crypto_exchange.domain.policy import Pricing

V = TypeVar("V")
E = TypeVar("E", bound=enum.Enum)

_UNITS_US = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_PLACEHOLDERS = frozenset(
    {
        *("admin", "default", "example", "passw0rd", "password", "placeholder", "postgres"),
        *("redis", "root", "secret", "secret_key", "your-secret-key", "new_password"),
        *("changeme", "change-me", "change_me"),
    }
)
_SYMBOL = re.compile(r"[A-Z0-9]{1,16}")


def _mask(_secret: object) -> str:
    return "Secret(***)"


class Secret(str):
    """A text that its `repr` doesn't show."""

    __slots__ = ()
    __repr__ = _mask


class LotRule(NamedTuple):
    """Market rule of one asset: coins per lot, dollars at least, coins at most (None: any)."""

    lot_step: Decimal
    min_notional: Decimal
    max_quantity: Decimal | None


class PricingRule(NamedTuple):
    """How new orders are priced: by their asset, and those of any other."""

    otherwise: Pricing
    by_asset: Mapping[str, Pricing]


class Kind(NamedTuple):
    """What a setting must be, in words that complete "must be …", and how it is read.

    `parse` raises ValueError, whose message is not shown.
    """

    expected: str
    parse: Callable[[str], Any]


def integer(low: int, high: int, of: str = "a whole number") -> Kind:
    """A whole number in [low, high]."""
    return Kind(f"{of} from {low} to {high}", lambda text: _within(_digits(text), low, high))


def duration(low: str, high: str) -> Kind:
    """A length of time with its unit, in [low, high]; becomes microseconds."""
    return Kind(
        f'a duration with its unit (ms, s, m, h, d) from "{low}" to "{high}"',
        lambda text: _within(_microseconds(text), _microseconds(low), _microseconds(high)),
    )


def or_off(kind: Kind) -> Kind:
    """The same, or "off", which becomes None."""
    return Kind(
        f'{kind.expected}, or "off"', lambda text: None if text == "off" else kind.parse(text)
    )


def choice(values: type[E]) -> Kind:
    """One of an enumeration's values, without case."""
    return Kind(" or ".join(member.value for member in values), lambda text: values(text.lower()))


def words(*allowed: str) -> Kind:
    """One of these words, without case."""
    return Kind(" or ".join(allowed), lambda text: allowed[allowed.index(text.lower())])


def usd(low: int = 0) -> Kind:
    """Plain dollars, at least `low` and below 10¹²; becomes 10⁻⁸ dollars."""
    minimum = money.format_units(low, money.USD_SCALE, 2)
    return Kind(
        f"dollars in plain digits with at most 8 decimals, at least {minimum}",
        lambda text: _within(money.parse_units(text, money.USD_SCALE), low, 10**20),
    )


def secret(at_least: int = 1) -> Kind:
    """A text of so many bytes that isn't a well-known placeholder."""

    def parse(text: str) -> Secret:
        if weakness(text, at_least):
            raise ValueError
        return Secret(text)

    size = f" of at least {at_least} bytes" if at_least > 1 else ""
    return Kind(f"a secret{size} that is not a placeholder", parse)


def secrets(at_least: int) -> Kind:
    """One or more secrets of so many bytes each, all different; becomes a tuple."""

    def parse(text: str) -> tuple[Secret, ...]:
        parts = text.split(",")
        if weak_part(text, at_least) or len(set(parts)) < len(parts):
            raise ValueError
        return tuple(map(Secret, parts))

    one = f"a secret of at least {at_least} bytes that is not a placeholder"
    return Kind(f"{one}, or several with commas between", parse)


def weak_part(text: str, at_least: int) -> str | None:
    """What makes the first weak one of several secrets weak; None if none is."""
    return next(filter(None, (weakness(part, at_least) for part in text.split(","))), None)


def weakness(text: str, at_least: int = 32) -> str | None:
    """Say what makes a secret weak without showing it; None if nothing does."""
    size = len(text.encode())
    if text.strip().lower() in _PLACEHOLDERS or len(set(text)) < min(size, 2):
        return "a well-known placeholder"
    if size < at_least:
        return f"{size} bytes long"
    if at_least >= 32 and len(set(text)) < 8:
        return "a repetition of few characters"
    return None


def mapping(of: str, parse: Callable[[str], V]) -> Kind:
    """`SYMBOL=…,SYMBOL=…`, each symbol once; becomes a dict."""
    return Kind(
        f"SYMBOL={of} for each asset, with commas between", lambda text: _mapping(text, parse)
    )


def parse_amount(text: str) -> Decimal:
    """Plain digits above 0 with at most 8 decimals."""
    return Decimal(money.format_units(_within(money.parse_units(text, 8), 1, 10**26), 8, 0))


def parse_file(text: str) -> Path:
    """The path of a file that exists; becomes absolute."""
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise ValueError
    return path


def parse_rule(text: str) -> LotRule:
    """`lot step:minimum notional[:maximum quantity]`."""
    parts = text.split(":")
    if len(parts) == 2:
        return LotRule(parse_amount(parts[0]), parse_amount(parts[1]), None)
    step, minimum, maximum = map(parse_amount, parts)
    return LotRule(step, minimum, maximum)


def _digits(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError
    return int(text)


def _within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise ValueError
    return value


def _microseconds(text: str) -> int:
    number = text.rstrip(string.ascii_letters)
    unit = text[len(number) :]
    if unit not in _UNITS_US:
        raise ValueError
    return _digits(number) * _UNITS_US[unit]


def _switch(text: str) -> bool:
    return {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}[
        text.lower()
    ]


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:%-]+", text):
        raise ValueError
    return text


def _name(text: str) -> str:
    if any(character.isspace() for character in text):
        raise ValueError
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError
    if parts.query or parts.fragment or parts.port == 0:
        raise ValueError
    return text.rstrip("/")


def _symbol(text: str) -> str:
    if not _SYMBOL.fullmatch(text):
        raise ValueError
    return text


def _exchange(text: str) -> str:
    if not re.fullmatch(r"binance|ccxt:[a-z0-9_]{1,40}", text):
        raise ValueError
    return text


def _mapping(text: str, parse: Callable[[str], V]) -> Mapping[str, V]:
    values: dict[str, V] = {}
    for pair in text.split(","):
        symbol, equals, value = pair.strip().partition("=")
        if not equals or symbol in values:
            raise ValueError
        values[_symbol(symbol)] = parse(value)
    return values


def _list(text: str) -> tuple[str, ...]:
    items = tuple(item.strip() for item in text.split(","))
    if not all(items):
        raise ValueError
    return items


def _pricing(text: str) -> PricingRule:
    if "=" in text:
        return PricingRule(Pricing.QUOTED, _mapping(text, Pricing))
    return PricingRule(Pricing(text), {})


def _currency(text: str) -> str:
    return text.lower() if text.lower() in {"quote", "coin"} else _symbol(text)


SWITCH = Kind("on or off", _switch)
HOST = Kind("a host name or an address", _host)
PORT = integer(1, 65_535, "a port")
BPS = integer(0, money.BPS, "basis points")
URL = Kind("an http:// or https:// address without a user, query or fragment", _url)
SYMBOL = Kind("a symbol of at most 16 capital letters and digits", _symbol)
EXCHANGE = Kind('"binance", or "ccxt:" and the name that ccxt has for an exchange', _exchange)
DIRECTORY = Kind("a path", lambda text: Path(text).expanduser().absolute())
FILE = Kind("the path of a file that exists", parse_file)
LIST = Kind("names with commas between", _list)
NAME = Kind("a name without spaces", _name)
AMOUNT = Kind("a number above 0 in plain digits with at most 8 decimals", parse_amount)
PAPER_FEE = Kind(
    "basis points from 0 to 10000 with at most 8 decimals",
    lambda text: Decimal(_within(money.parse_units(text, 8), 0, money.BPS * 10**8)).scaleb(-8),
)
CURRENCY = Kind("quote, coin, or the symbol of a third coin", _currency)
API_KEY = Kind("the key that the exchange gave out", Secret)
PRICING = Kind("quoted, average, or SYMBOL=average for some, with commas between", _pricing)
