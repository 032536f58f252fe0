"""Strategies: Hypothesis strategies for every public type of the domain, realistic by default.

Whatever is drawn is consistent within itself. Dollars are 10⁻⁸, quantities units of their asset,
prices 10⁻¹² dollars a coin, times microseconds unless a name ends in `_ms`: all of them integers.
"""

from crypto_exchange.entrypoints.testing.strategies.amounts import moment, price, quantity, usd
from crypto_exchange.entrypoints.testing.strategies.books import (
    account,
    break_record,
    difference,
    transfer,
)
from crypto_exchange.entrypoints.testing.strategies.edges import (
    Edge,
    list_edges,
    list_quantity_edges,
    near,
    near_quantity,
)
from crypto_exchange.entrypoints.testing.strategies.facts import change, event
from crypto_exchange.entrypoints.testing.strategies.market import (
    asset,
    inventory,
    market_rule,
    policy,
    symbol,
)
from crypto_exchange.entrypoints.testing.strategies.orders import batch, order
from crypto_exchange.entrypoints.testing.strategies.people import (
    second_factor,
    session,
    user,
    wallet,
)
from crypto_exchange.entrypoints.testing.strategies.purchases import (
    fill,
    filled,
    purchase,
    rejected,
    statement,
)
from crypto_exchange.entrypoints.testing.strategies.registry import find_strategy
from crypto_exchange.entrypoints.testing.strategies.streams import (
    execution,
    fault,
    fault_script,
    fill_plan,
    order_stream,
    price_path,
)

__all__ = [
    "Edge",
    "account",
    "asset",
    "batch",
    "break_record",
    "change",
    "difference",
    "event",
    "execution",
    "fault",
    "fault_script",
    "fill",
    "fill_plan",
    "filled",
    "find_strategy",
    "inventory",
    "list_edges",
    "list_quantity_edges",
    "market_rule",
    "moment",
    "near",
    "near_quantity",
    "order",
    "order_stream",
    "policy",
    "price",
    "price_path",
    "purchase",
    "quantity",
    "rejected",
    "second_factor",
    "session",
    "statement",
    "symbol",
    "transfer",
    "usd",
    "user",
    "wallet",
]
