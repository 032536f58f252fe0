"""What a refusal of a new order means.

Definite is only what this table lists by code and beginning of the message: then the order was not
executed and never will be. Whatever it does not list is unknown and has to be looked up. Left out on
purpose: -1000, -1001, -1006 and -1007 (the exchange itself does not know), -2010 "Duplicate order
sent." (something exists under this name) and everything with HTTP status 408 or 5xx.

Codes and messages: github.com/binance/binance-spot-api-docs, errors.md.
"""

from __future__ import annotations

from typing import NamedTuple

from crypto_exchange.adapters.exchange.binance_wire import Refusal
from crypto_exchange.domain.purchase import Rejected, RejectionKind

OUTSIDE_WINDOW = -1021
INVALID_SYMBOL = -1121
ILLEGAL_CHARACTERS = -1100
NO_SUCH_ORDER = -2013

_VENUE, _RULES, _FINAL = RejectionKind.VENUE, RejectionKind.RULES, RejectionKind.FINAL


class Row(NamedTuple):
    """Messages that begin like this mean that; the first row that fits counts."""

    code: int
    beginning: str
    kind: RejectionKind
    why: str


TABLE: tuple[Row, ...] = (
    Row(-1002, "", _VENUE, "our key may not do this: the house's fault, nobody's order's"),
    Row(-1003, "", _VENUE, "too many requests (429, 418): turned away before the engine"),
    Row(-1013, "Market is closed", _VENUE, "the symbol does not trade now"),
    Row(-1013, "Filter failure: MAX_POSITION", _VENUE, "the house holds too many of these coins"),
    Row(-1013, "Filter failure: MAX_NUM_ORDERS", _VENUE, "the house has too many open orders"),
    Row(-1013, "Filter failure: EXCHANGE_MAX", _VENUE, "the house has too many open orders"),
    Row(-1013, "", _RULES, "never reaches the engine: LOT_SIZE, NOTIONAL … differ from ours"),
    Row(-1014, "", _FINAL, "no such combination of parameters: it would never be accepted"),
    Row(-1015, "", _VENUE, "too many new orders (429): turned away before the engine"),
    Row(-1020, "", _VENUE, "no such call there: wrong address, the house's fault"),
    Row(OUTSIDE_WINDOW, "", _VENUE, "came outside its window: a slow wire, or clocks differ"),
    Row(-1022, "", _VENUE, "our secret is wrong: the house's fault"),
    Row(ILLEGAL_CHARACTERS, "", _FINAL, "malformed request: it would never be accepted"),
    Row(-1101, "", _FINAL, "malformed request"),
    Row(-1102, "", _FINAL, "malformed request"),
    Row(-1103, "", _FINAL, "malformed request"),
    Row(-1104, "", _FINAL, "malformed request"),
    Row(-1105, "", _FINAL, "malformed request"),
    Row(-1106, "", _FINAL, "malformed request"),
    Row(-1108, "", _FINAL, "malformed request: a number overflows"),
    Row(-1111, "", _RULES, "more decimals than the symbol has: our rules are out of date"),
    Row(-1112, "", _VENUE, "nobody sells now"),
    Row(-1116, "", _RULES, "no market orders there: reloaded rules will halt the asset"),
    Row(-1117, "", _FINAL, "malformed request"),
    Row(INVALID_SYMBOL, "", _VENUE, "not listed: reloaded rules will halt the asset"),
    Row(-1128, "", _FINAL, "malformed request"),
    Row(-1130, "", _FINAL, "malformed request"),
    Row(-1131, "", _VENUE, "window too long: the house's setting"),
    Row(-2010, "Account has insufficient balance", _VENUE, "the house is out of funds"),
    Row(-2010, "Market is closed", _VENUE, "the symbol does not trade now"),
    Row(-2010, "This symbol is not permitted", _VENUE, "closed to the house's account"),
    Row(-2010, "This symbol is restricted", _VENUE, "closed to the house's account"),
    Row(-2010, "This action is disabled", _VENUE, "closed to the house's account"),
    Row(-2010, "This account may not place", _VENUE, "closed to the house's account"),
    Row(-2010, "Rest API trading is not enabled", _VENUE, "closed to this way in"),
    Row(-2010, "Order book liquidity is less", _VENUE, "nobody sells now"),
    Row(-2010, "Market orders are not supported", _RULES, "reloaded rules will halt the asset"),
    Row(-2010, "Price * QTY is zero or less", _RULES, "too small: our rules are out of date"),
    Row(-2010, "Filter failure: MAX_POSITION", _VENUE, "the house holds too many of these coins"),
    Row(-2010, "Filter failure", _RULES, "our rules are out of date"),
    Row(-2010, "Unsupported order combination", _FINAL, "it would never be accepted"),
    Row(-2014, "", _VENUE, "our key is malformed: the house's fault"),
    Row(-2015, "", _VENUE, "our key, address or permission is wrong: the house's fault"),
)


def classify(refusal: Refusal) -> Rejected | None:
    """The rejection that this refusal surely is, or None: unknown."""
    for row in TABLE:
        if row.code == refusal.code and refusal.msg.startswith(row.beginning):
            return Rejected(kind=row.kind, code=str(refusal.code), message=refusal.msg)
    return None
