"""The worked examples of docs/settlement.md, computed here by hand; their tables are compared with
their runs where all documents are.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import OrderState
from tests.builders import coins, usd
from tests.examples import EXAMPLES, NAMES, Example, tables

DOCUMENT = Path(__file__).parents[3] / "docs/settlement.md"

# Per example and order: charged, received, refunded; by hand from the rules.
EXPECTED = {
    "quoted": {
        "A": ("3.00", "0.00004752", "0"),
        "B": ("4.00", "0.00006336", "0"),
        "C": ("2.50", "0.0000396", "0"),
        "D": ("1.10", "0.00001742", "0"),
    },
    "partial_quoted": {
        "A": ("1.79", "0.0000283", "1.21"),
        "B": ("2.39", "0.00003774", "1.61"),
        "C": ("1.49", "0.00002359", "1.01"),
        "D": ("0.66", "0.00001037", "0.44"),
    },
    "average": {
        "A": ("2.86", "0.00004524", "0.14"),
        "B": ("3.82", "0.00006031", "0.18"),
        "C": ("2.38", "0.0000377", "0.12"),
        "D": ("1.05", "0.00001659", "0.05"),
    },
    "partial_average": {
        "A": ("1.79", "0.00002827", "1.21"),
        "B": ("2.38", "0.0000377", "1.62"),
        "C": ("1.49", "0.00002356", "1.01"),
        "D": ("0.66", "0.00001037", "0.44"),
    },
    "spread": {"A": ("25.00", "0.00039405", "0")},
    "taken_along": {
        "A": ("3.00", "0.00004752", "0"),
        "B": ("4.00", "0.00006336", "0"),
        "C": ("20.00", "0.00031681", "0"),
    },
    "partial_taken_along": {
        "A": ("3.00", "0.00004752", "0"),
        "B": ("4.00", "0.00006336", "0"),
        "C": ("5.63", "0.00008912", "14.37"),
    },
    "top_up": {"A": ("3.10", "0.0000491", "0")},
    "used_first": {"A": ("3.10", "0.0000491", "0"), "B": ("12.00", "0.00019009", "0")},
}
EXPECTED |= dict.fromkeys(("coin_fee", "third_coin_fee"), EXPECTED["quoted"])

# Per example: asked for at the exchange, the house's profit or loss, its inventory afterwards.
HOUSE = {
    "quoted": ("0.00017", "-0.14239136", "0.0000021"),
    "partial_quoted": ("0.00017", "0.011688", "0"),
    "coin_fee": ("0.00017", "-0.1316597", "0.00000193"),
    "third_coin_fee": ("0.00017", "-0.1316597", "0.0000021"),
    "spread": ("0.0004", "-0.27621497", "0.00000595"),
    "average": ("0.00016", "0.0096144", "0"),
    "partial_average": ("0.00016", "0.008", "0"),
    "taken_along": ("0.00043", "-0.17193109", "0.00000231"),
    "partial_taken_along": ("0.00043", "-0.00810749", "0"),
    "top_up": ("0.00009", "-2.58714837", "0.0000409"),
    "used_first": ("0.00015", "-0.06572899", "0.00000081"),
}


@pytest.fixture(params=EXAMPLES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def example(name: str) -> Example:
    return EXAMPLES[name]()


def test_every_order_got_and_paid_what_the_rules_say(name: str, example: Example) -> None:
    found = {
        NAMES[number]: (order.charged, order.filled, order.refunded)
        for number, order in enumerate(example.orders)
    }

    assert found == {
        order: (usd(charged), coins(received), usd(refund))
        for order, (charged, received, refund) in EXPECTED[name].items()
    }


def test_the_house_bought_paid_and_kept_what_the_rules_say(name: str, example: Example) -> None:
    bought, pnl, inventory = HOUSE[name]
    sign = -1 if pnl.startswith("-") else 1

    assert example.purchase.quantity == coins(bought)
    assert example.balance("house:pnl:USD") == sign * usd(pnl.removeprefix("-"))
    assert example.balance("house:inventory:BTC") == coins(inventory)


def test_the_ledger_of_every_example_balances(example: Example) -> None:
    sums: dict[str, int] = {}
    for account, balance in example.simulation.ledger().items():
        currency = account.rpartition(":")[2]
        sums[currency] = sums.get(currency, 0) + balance
        assert balance == 0 or not account.startswith(("clearing:", "suspense:"))

    assert not any(sums.values())


def test_orders_are_whole_or_cut_short_as_their_name_says(name: str, example: Example) -> None:
    states = {order.state for order in example.orders}

    assert (OrderState.PARTIALLY_COMPLETED in states) is name.startswith("partial")
    assert all(order.charged % CENT == 0 for order in example.orders)


def test_the_document_has_every_example_as_its_run_gave_it(name: str) -> None:
    text = DOCUMENT.read_text()

    (part,) = re.findall(
        rf"<!-- example_{name}: written by make docs -->\n(.*?)\n<!-- end -->", text, re.DOTALL
    )

    assert part == tables(name), "run `make docs`"


def test_a_number_that_somebody_changed_in_the_document_would_be_noticed() -> None:
    text = DOCUMENT.read_text()

    assert tables("average") in text
    assert tables("average") not in text.replace("| 2.86 |", "| 2.87 |")
