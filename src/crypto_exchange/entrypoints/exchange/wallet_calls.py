"""Calls beside spot trading that ccxt's client makes, most of them when it loads the markets."""

from crypto_exchange.entrypoints.exchange import answers
from crypto_exchange.entrypoints.exchange.answers import Answer
from crypto_exchange.entrypoints.exchange.venue import Call, Venue


def coins(venue: Venue, _call: Call) -> list[Answer]:
    """Every coin that is listed or held, with what is held of it; none can be sent away."""
    return [answers.coin(name, free) for name, free in sorted(venue.holdings().items())]


def fees(venue: Venue, call: Call) -> list[Answer]:
    """The fee for one symbol, or for each."""
    chosen = [venue.symbol(call.parameters).name] if "symbol" in call.parameters else venue.symbols
    return [answers.trade_fee(name, venue.rate) for name in chosen]


def margin_pairs(_venue: Venue, _call: Call) -> list[Answer]:
    """None: nothing is lent here."""
    return []


def no_contracts(venue: Venue, _call: Call) -> Answer:
    """Rules of an exchange for futures that lists none."""
    return answers.exchange_info((), venue.now_ms(), permission_sets=False)
