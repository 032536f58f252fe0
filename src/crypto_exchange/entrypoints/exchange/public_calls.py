"""Calls that anybody may make: the time, the rules, the prices."""

from collections.abc import Callable

import msgspec

from crypto_exchange.entrypoints.exchange import answers
from crypto_exchange.entrypoints.exchange.answers import Answer
from crypto_exchange.entrypoints.exchange.failures import ApiError, bad_combination, illegal
from crypto_exchange.entrypoints.exchange.listing import Symbol
from crypto_exchange.entrypoints.exchange.parameters import Parameters
from crypto_exchange.entrypoints.exchange.venue import Call, Venue

_SYMBOLS = r'^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$'


def ping(_venue: Venue, _call: Call) -> Answer:
    """Nothing: the venue answers."""
    return {}


def time(venue: Venue, _call: Call) -> Answer:
    """The venue's clock."""
    return {"serverTime": venue.now_ms()}


def exchange_info(venue: Venue, call: Call) -> Answer:
    """The rules of the symbols named, or of all."""
    sets = call.parameters.choice("showPermissionSets", ("true", "false"), "true")
    symbols = _chosen(venue, call.parameters)
    return answers.exchange_info(symbols, venue.now_ms(), permission_sets=sets == "true")


def prices(venue: Venue, call: Call) -> Answer | list[Answer]:
    """The prices of the symbols named, or of all."""
    return _quoted(venue, call, answers.price)


def books(venue: Venue, call: Call) -> Answer | list[Answer]:
    """Best bid and ask of the symbols named, or of all."""
    return _quoted(venue, call, answers.book)


def days(venue: Venue, call: Call) -> Answer | list[Answer]:
    """The last 24 hours of the symbols named, or of all: nobody else trades here."""
    now_ms = venue.now_ms()
    return _quoted(venue, call, lambda symbol, price: answers.day(symbol, price, now_ms))


def _quoted(
    venue: Venue, call: Call, answer: Callable[[Symbol, int], Answer]
) -> Answer | list[Answer]:
    now_ms = venue.now_ms()
    chosen = [answer(one, venue.price(one, now_ms)) for one in _chosen(venue, call.parameters)]
    return chosen[0] if "symbol" in call.parameters else chosen


def _chosen(venue: Venue, parameters: Parameters) -> list[Symbol]:
    """The symbol or symbols named, or all."""
    if "symbol" in parameters and "symbols" in parameters:
        raise bad_combination()
    if "symbol" in parameters:
        return [venue.symbol(parameters)]
    text = parameters.text("symbols", _SYMBOLS)
    if text is None:
        return [venue.named(name) for name in venue.symbols]
    names = msgspec.json.decode(text, type=list[str])
    if not names:
        raise illegal("symbols", _SYMBOLS)
    if len(set(names)) < len(names):
        raise ApiError(-1151, "Symbol is present multiple times in the list.")
    return [venue.named(name) for name in names]
