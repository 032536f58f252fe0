"""Orders that people place: the columns that an engine reads, and what can make them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Protocol

import msgspec

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.entrypoints.backtest.series import PriceSeries
from crypto_exchange.entrypoints.override import override


class OrderColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Orders by time (`at_us`, µs since 1970, never falling), one per place in all arrays.

    `users` are numbers from 1, `assets` places in `symbols`. Either `spends` (10⁻⁸ dollars) or `amounts`
    (10⁻⁸ coins) is above 0, the other is 0. `names` are the users' names in the source, if it has any
    (user n's at place n − 1).
    """

    at_us: array[int]
    users: array[int]
    assets: array[int]
    spends: array[int]
    amounts: array[int]
    symbols: tuple[Symbol, ...]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.at_us)

    @override
    def __repr__(self) -> str:
        return f"OrderColumns({len(self):,} orders of {', '.join(self.symbols)})"

    def rows(self) -> Iterator[tuple[int, int, int, int, int]]:
        """(at_us, user, asset, spend, amount) of each order."""
        return zip(self.at_us, self.users, self.assets, self.spends, self.amounts, strict=True)

    def fingerprint(self) -> str:
        """SHA-256 of all orders."""
        digest = sha256(repr((self.symbols, self.names)).encode())
        for column in (self.at_us, self.users, self.assets, self.spends, self.amounts):
            digest.update(array("q", column).tobytes())
        return digest.hexdigest()


def require_sound(flow: OrderColumns) -> OrderColumns:
    """Refuse columns that are no orders; the first place (from 1) that is wrong is named.

    Raises:
        ValueError: columns of different lengths, times that fall, users below 1, unknown assets, or both
            spend and amount. What is no amount to spend, the engine refuses in the order's row.
    """
    columns = (flow.users, flow.assets, flow.spends, flow.amounts)
    if any(len(column) != len(flow) for column in columns):
        raise ValueError("orders: expected columns of one length, was not")
    size, before_us = len(flow.symbols), flow.at_us[0] if flow.at_us else 0
    for place, (at_us, user, asset, spend, amount) in enumerate(flow.rows(), 1):
        if at_us < before_us:
            raise ValueError(f"orders: expected times that never fall, fell at order {place}")
        before_us = at_us
        if user < 1 or not 0 <= asset < size or (spend and amount):
            raise ValueError(
                f"order {place}: expected a user from 1, an asset from 0 to {size - 1}, and only one of "
                f"spend and amount, was user {user}, asset {asset}, spend {spend}, amount {amount}"
            )
    return flow


class OrderFlow(Protocol):
    """Whatever can say which orders are placed while the prices last."""

    def columns(self, prices: Mapping[Symbol, PriceSeries]) -> OrderColumns:
        """The orders, the same each time."""
        ...


def merge(flows: Sequence[OrderColumns]) -> OrderColumns:
    """Several flows as one, by time; at the same moment those of an earlier flow come first.

    User n is the same person in all of them. If any flow has names, a name is, and user n of a flow
    without names is called "n".
    """
    symbols = tuple(dict.fromkeys(symbol for flow in flows for symbol in flow.symbols))
    named = any(flow.names for flow in flows)
    names = tuple(dict.fromkeys(name for flow in flows for name in _names(flow))) if named else ()
    numbers = {name: number for number, name in enumerate(names, 1)}
    users, assets = array("i"), array("h")
    for flow in flows:
        known = {n: numbers[name] for n, name in enumerate(_names(flow), 1)} if named else {}
        users.extend(map(known.__getitem__, flow.users) if named else flow.users)
        places = [symbols.index(symbol) for symbol in flow.symbols]
        assets.extend(map(places.__getitem__, flow.assets))
    at_us = array("q", [at_us for flow in flows for at_us in flow.at_us])
    order = sorted(range(len(at_us)), key=at_us.__getitem__)

    def by_time(column: array[int]) -> array[int]:
        return array(column.typecode, map(column.__getitem__, order))

    return OrderColumns(
        at_us=by_time(at_us),
        users=by_time(users),
        assets=by_time(assets),
        spends=by_time(array("q", [spend for flow in flows for spend in flow.spends])),
        amounts=by_time(array("q", [amount for flow in flows for amount in flow.amounts])),
        symbols=symbols,
        names=names,
    )


def _names(flow: OrderColumns) -> Sequence[str]:
    return flow.names or [str(number) for number in range(1, max(flow.users, default=0) + 1)]
