"""Edges: amounts that aim at the places where a rule changes its mind, computed from what there is."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from crypto_exchange.domain.money import BPS, CENT, DOLLAR, ceil_div, quantity_worth, value_of
from crypto_exchange.domain.policy import Policy
from crypto_exchange.entrypoints.testing.strategies.amounts import quantity, usd

_RESERVE_BPS = Policy().minimum_reserve_bps


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """What the edges are computed from: a wallet, an asset, and what waits of it.

    `balance`, `threshold`, `waiting_total` and `min_notional` in 10⁻⁸ dollars, `price` in 10⁻¹² dollars
    a coin, `lot_step` and `max_quantity` (0: no limit) in units of `scale` digits.
    """

    balance: int
    threshold: int = 10 * DOLLAR
    waiting_total: int = 0
    price: int
    scale: int = 8
    lot_step: int = 1
    min_notional: int = 5 * DOLLAR
    max_quantity: int = 0


def near(state: Edge) -> st.SearchStrategy[int]:
    """Dollars (10⁻⁸, whole cents, at least one) that aim at an edge half of the time.

    Which edges there are, `list_edges` says. Half of the draws are ordinary dollars. Nothing says that
    an amount is accepted: a cent more than the balance is not.
    """
    edges = sorted(set(list_edges(state).values()))
    return st.one_of(st.sampled_from(edges), usd())


def near_quantity(state: Edge) -> st.SearchStrategy[int]:
    """Units (at least one) that aim at an edge half of the time: see `list_quantity_edges`."""
    edges = sorted(set(list_quantity_edges(state).values()))
    return st.one_of(st.sampled_from(edges), quantity(scale=state.scale))


def list_edges(state: Edge) -> dict[str, int]:
    """Dollars by the edge that they aim at, those of at least a cent.

    The balance; the threshold, also less what waits already, and 0.1 % beside it; the exchange's
    minimum with 5 % reserve and its maximum, each also with a cent less and more. The smallest
    amounts; thirds that leave a remainder; a unit more than whole lots are worth.
    """
    lot, unit = _worth(state, state.lot_step), _worth(state, 1)
    edges = {
        **_beside("balance", state.balance),
        **_beside("threshold", state.threshold),
        **_beside("missing to the threshold", state.threshold - state.waiting_total),
        "threshold × 0.999": _to_cent(state.threshold * 999 // 1_000),
        "threshold × 1.001": _to_cent(state.threshold * 1_001 // 1_000),
        **_beside("minimum with reserve", state.min_notional * _RESERVE_BPS // BPS),
        "one cent": CENT,
        "one unit": unit,
        "one lot": lot,
        "one lot and one unit": _worth(state, state.lot_step + 1),
        "a third of the threshold": _to_cent(state.threshold // 3),
        "a third of the balance": _to_cent(state.balance // 3),
    }
    if state.max_quantity:
        edges |= _beside("maximum", _worth(state, state.max_quantity))
    return {name: amount for name, amount in edges.items() if amount > 0}


def list_quantity_edges(state: Edge) -> dict[str, int]:
    """Units by the edge that they aim at, those of at least one.

    What the edges in dollars buy, one unit less and more; whole lots, and a unit beside them; the
    exchange's maximum, and a lot beside it.
    """
    dollars = {
        "balance": state.balance,
        "threshold": state.threshold,
        "missing to the threshold": state.threshold - state.waiting_total,
        "minimum with reserve": state.min_notional * _RESERVE_BPS // BPS,
    }
    edges = {"one unit": 1, "seven units": 7, "three lots and one unit": 3 * state.lot_step + 1}
    aims = {name: quantity_worth(usd, state.price, state.scale) for name, usd in dollars.items()}
    aims["one lot"] = state.lot_step
    if state.max_quantity:
        aims["maximum"] = state.max_quantity
        edges["maximum − one lot"] = state.max_quantity - state.lot_step
        edges["maximum + one lot"] = state.max_quantity + state.lot_step
    for name, units in aims.items():
        edges |= {f"{name} − 1": units - 1, name: units, f"{name} + 1": units + 1}
    return {name: units for name, units in edges.items() if units > 0}


def _beside(name: str, amount: int) -> dict[str, int]:
    cents = _to_cent(amount)
    return {f"{name} − 0.01": cents - CENT, name: cents, f"{name} + 0.01": cents + CENT}


def _worth(state: Edge, units: int) -> int:
    return _to_cent(value_of(units, state.price, state.scale))


def _to_cent(amount: int) -> int:
    return ceil_div(amount, CENT) * CENT
