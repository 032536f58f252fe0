"""Answers of Binance's spot REST protocol, as far as we read them.

Amounts are kept as the strings that they are sent as; one sent as a JSON number is refused, because
it may have lost digits.
"""

from __future__ import annotations

import msgspec


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """An answer; fields that are not named here are ignored."""


class Refusal(Wire, frozen=True):
    """An error with its code: the exchange understood the request and did not do it."""

    code: int
    msg: str


class ServerTime(Wire, frozen=True):
    """The exchange's clock, in milliseconds."""

    server_time: int


class Price(Wire, frozen=True):
    """The last price of a symbol."""

    symbol: str
    price: str


class Filter(Wire, frozen=True):
    """One market rule; which fields it has depends on its type."""

    filter_type: str
    min_qty: str = "0"
    max_qty: str = "0"
    step_size: str = "0"
    min_notional: str = "0"
    apply_to_market: bool = False
    apply_min_to_market: bool = False


class Market(Wire, frozen=True):
    """One symbol with its rules."""

    symbol: str
    status: str
    base_asset_precision: int
    order_types: list[str]
    filters: list[Filter]
    is_spot_trading_allowed: bool = True


class ExchangeInfo(Wire, frozen=True):
    """The symbols asked for."""

    symbols: list[Market]


class Rates(Wire, frozen=True):
    """Parts of the fee; what takes liquidity in order to buy pays the sum of these two."""

    taker: str
    buyer: str = "0"


class Balance(Wire, frozen=True):
    """What the account holds of one currency."""

    asset: str
    free: str
    locked: str


class Account(Wire, frozen=True):
    """Balances and fees."""

    commission_rates: Rates
    balances: list[Balance]


class Execution(Wire, frozen=True):
    """What a fill in an order's answer and a trade that is looked up have in common."""

    price: str
    qty: str
    commission: str
    commission_asset: str


class NewFill(Execution, frozen=True):
    """A fill in the answer to a new order."""

    trade_id: int


class Trade(Execution, frozen=True):
    """A trade that was looked up."""

    trade_id: int = msgspec.field(name="id")
    order_id: int
    is_buyer: bool


class Order(Wire, frozen=True):
    """An order that was made or looked up."""

    symbol: str
    order_id: int
    client_order_id: str
    side: str
    status: str
    orig_qty: str
    executed_qty: str


class NewOrder(Order, frozen=True):
    """The answer to a new order, in full detail."""

    fills: list[NewFill]


class FoundOrder(Order, frozen=True):
    """An order that was looked up; `time` is when the exchange accepted it, in milliseconds."""

    time: int
