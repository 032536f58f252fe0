"""Amounts near a state aim at the places where a rule changes its mind."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_exchange.domain.money import CENT, DOLLAR, format_units
from crypto_exchange.entrypoints.testing import strategies
from crypto_exchange.entrypoints.testing.strategies import Edge

STATE = Edge(
    balance=25 * DOLLAR + 37 * CENT,
    waiting_total=4 * DOLLAR + 13 * CENT,
    price=50_000 * 10**12,
    lot_step=1_000,
    max_quantity=10**8,
)


def test_edges_in_dollars_are_where_the_rules_change_their_mind() -> None:
    edges = strategies.list_edges(STATE)

    assert {name: format_units(amount, 8, 2) for name, amount in edges.items()} == {
        "balance − 0.01": "25.36",
        "balance": "25.37",
        "balance + 0.01": "25.38",
        "threshold − 0.01": "9.99",
        "threshold": "10.00",
        "threshold + 0.01": "10.01",
        "missing to the threshold − 0.01": "5.86",
        "missing to the threshold": "5.87",
        "missing to the threshold + 0.01": "5.88",
        "threshold × 0.999": "9.99",
        "threshold × 1.001": "10.01",
        "minimum with reserve − 0.01": "5.24",
        "minimum with reserve": "5.25",
        "minimum with reserve + 0.01": "5.26",
        "one cent": "0.01",
        "one unit": "0.01",
        "one lot": "0.50",
        "one lot and one unit": "0.51",
        "a third of the threshold": "3.34",
        "a third of the balance": "8.46",
        "maximum − 0.01": "49999.99",
        "maximum": "50000.00",
        "maximum + 0.01": "50000.01",
    }


def test_edges_in_units_are_a_unit_beside_what_dollars_buy() -> None:
    edges = strategies.list_quantity_edges(STATE)

    assert edges["threshold"] == 20_000
    assert edges["threshold − 1"] == 19_999
    assert edges["balance + 1"] == 50_741
    assert edges["missing to the threshold"] == 11_740
    assert edges["minimum with reserve"] == 10_500
    assert edges["three lots and one unit"] == 3_001
    assert edges["maximum − one lot"] == 10**8 - 1_000
    assert min(edges.values()) == 1


def test_a_state_with_nothing_has_edges_too() -> None:
    nothing = Edge(balance=0, waiting_total=20 * DOLLAR, price=1, min_notional=0)

    assert min(strategies.list_edges(nothing).values()) == CENT
    assert min(strategies.list_quantity_edges(nothing).values()) == 1


@pytest.mark.parametrize(
    ("near", "edges"),
    [
        (strategies.near(STATE), strategies.list_edges(STATE)),
        (strategies.near_quantity(STATE), strategies.list_quantity_edges(STATE)),
    ],
    ids=["dollars", "units"],
)
def test_amounts_near_a_state_hit_every_edge_and_are_ordinary_too(
    near: st.SearchStrategy[int], edges: dict[str, int]
) -> None:
    drawn: Counter[int] = Counter()

    @settings(max_examples=1_500, database=None)
    @given(near)
    def draw(amount: int) -> None:
        drawn[amount] += 1

    draw()

    assert {name for name, amount in edges.items() if not drawn[amount]} == set()
    assert len(set(drawn) - set(edges.values())) > len(edges)
    assert min(drawn) > 0
