"""Receipts: anybody can compute again what an order got, and finds what was changed."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain.batch import BatchKind
from crypto_exchange.domain.errors import InvariantViolation, NotFound
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.policy import Pricing
from crypto_exchange.domain.purchase import Fill, Filled
from crypto_exchange.domain.receipt import Receipt, list_faults, make_receipt
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.statement import RULE, Member, Statement, hashed_id
from tests.builders import KEY, NOW_US, a_fill, an_open_batch, an_order, coins, usd


def settled(
    pricing: Pricing = Pricing.QUOTED, filled: Filled | None = None
) -> tuple[list[Order], Statement]:
    """Three orders, one of them large, of which a part was bought."""
    orders = [
        an_order("20", "0.0004", direct=True, pricing=pricing),
        an_order("4", "0.00008", pricing=pricing, user_id=2),
        an_order("6", "0.00012", pricing=pricing, user_id=3),
    ]
    used = "0" if pricing is Pricing.AVERAGE else "0.0001"
    kind = BatchKind.AGGREGATED if pricing is Pricing.AVERAGE else BatchKind.DIRECT
    opened = an_open_batch(*orders, buy="0.0005", used=used, kind=kind, pricing=pricing)
    change = settle(opened, filled or a_fill("0.0003", "15.05", 300, "BTC"), at_us=NOW_US)
    (statement,) = change.new_statements
    return [move.after for move in change.orders], statement


def a_receipt(pricing: Pricing = Pricing.QUOTED, index: int = 0) -> Receipt:
    orders, statement = settled(pricing)
    return make_receipt(orders[index], statement)


def changed(receipt: Receipt, **fields: object) -> Receipt:
    return msgspec.structs.replace(receipt, **fields)


def with_statement(receipt: Receipt, **fields: object) -> Receipt:
    return changed(receipt, statement=msgspec.structs.replace(receipt.statement, **fields))


@pytest.mark.parametrize("pricing", Pricing)
def test_every_members_receipt_is_what_the_rules_give(pricing: Pricing) -> None:
    orders, statement = settled(pricing)

    for index, order in enumerate(orders):
        receipt = make_receipt(order, statement)
        assert (receipt.order_id, receipt.index) == (order.id, index)
        assert (receipt.filled, receipt.charged) == (order.filled, order.charged)
        assert receipt.refunded == order.total - order.charged
        assert list(list_faults(receipt)) == []


def test_a_statement_says_what_was_asked_for_bought_and_used_but_not_whose_it_was() -> None:
    orders, statement = settled()

    assert (statement.batch, statement.asset, statement.scale) == (KEY, "BTC", 8)
    assert (statement.rule, statement.pricing) == (RULE, Pricing.QUOTED)
    assert (statement.bought, statement.used) == (coins("0.0005"), coins("0.0001"))
    assert (statement.filled, statement.available) == (coins("0.0003"), coins("0.0004") - 300)
    assert statement.cost == usd("15.05")
    assert statement.members[1] == Member(
        hashed_id(KEY, orders[1].id), coins("0.00008"), usd("4"), direct=False
    )
    assert len(statement.members[0].hashed_id) == 64


def test_a_fee_in_dollars_is_part_of_the_cost_and_a_third_coin_of_nothing() -> None:
    fills = (
        Fill(trade_id="1", quantity=10, cost=100, fee=3),
        Fill(trade_id="2", quantity=10, cost=100, fee=5, fee_currency="BNB"),
    )

    _, statement = settled(filled=Filled(fills=fills))

    assert (statement.cost, statement.filled) == (203, 20)
    assert statement.available == coins("0.0001") + 20


def test_an_order_that_was_no_member_has_no_receipt() -> None:
    _, statement = settled()

    with pytest.raises(NotFound):
        make_receipt(an_order("5"), statement)


# ---- what was changed is found -------------------------------------------------------------------


@pytest.mark.parametrize("pricing", Pricing)
@pytest.mark.parametrize("field", ["order_id", "index", "filled", "charged", "refunded"])
def test_a_changed_result_is_found(field: str, pricing: Pricing) -> None:
    receipt = a_receipt(pricing)

    tampered = changed(receipt, **{field: getattr(receipt, field) + 1})

    assert list(list_faults(tampered))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch", "f" * 24),
        ("asset", "ETH"),
        ("pricing", Pricing.AVERAGE),
        ("used", coins("0.00009")),
        ("members", ()),
        ("fills", ()),
        ("rule", RULE + 1),
    ],
)
def test_a_changed_statement_is_found(field: str, value: object) -> None:
    assert list(list_faults(with_statement(a_receipt(), **{field: value})))


@pytest.mark.parametrize("pricing", Pricing)
@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("field", ["hashed_id", "quantity", "total", "direct"])
def test_a_changed_weight_of_ones_own_is_found(field: str, index: int, pricing: Pricing) -> None:
    receipt = a_receipt(pricing, index)
    own = receipt.statement.members[index]
    if field == "hashed_id":
        other: object = "0" * 64
    elif field == "direct":
        other = not own.direct
    else:
        other = getattr(own, field) * 2
    members = list(receipt.statement.members)
    members[index] = msgspec.structs.replace(own, **{field: other})

    tampered = with_statement(receipt, members=tuple(members))

    inert = pricing is Pricing.AVERAGE and field in {"quantity", "direct"}
    assert bool(list(list_faults(tampered))) is not inert, "average goes by the totals alone"


@pytest.mark.parametrize(
    ("pricing", "field"),
    [
        (Pricing.QUOTED, "quantity"),
        (Pricing.QUOTED, "fee"),
        (Pricing.QUOTED, "fee_currency"),
        (Pricing.AVERAGE, "quantity"),
        (Pricing.AVERAGE, "cost"),
        (Pricing.AVERAGE, "fee"),
        (Pricing.AVERAGE, "fee_currency"),
    ],
)
def test_a_changed_fill_is_found(pricing: Pricing, field: str) -> None:
    receipt = a_receipt(pricing)
    (fill,) = receipt.statement.fills
    more = "BNB" if field == "fee_currency" else getattr(fill, field) + usd("0.00005")

    tampered = with_statement(receipt, fills=(msgspec.structs.replace(fill, **{field: more}),))

    assert list(list_faults(tampered))


# ---- what nobody would write ---------------------------------------------------------------------


@pytest.mark.parametrize("index", [-1, 3])
def test_a_place_among_the_members_that_there_is_not_is_named(index: int) -> None:
    (fault,) = list_faults(changed(a_receipt(), index=index))

    assert fault == f"expected an index below 3, was {index}"


def test_another_version_of_the_rules_is_not_computed() -> None:
    (fault,) = list_faults(with_statement(a_receipt(), rule=2))

    assert fault == "expected rule version 1, was 2"


def test_a_member_that_is_named_twice_is_found() -> None:
    receipt = a_receipt()
    members = (*receipt.statement.members, receipt.statement.members[0])

    assert list(list_faults(with_statement(receipt, members=members))) == [
        "expected every member once, was one of them named twice"
    ]


@pytest.mark.parametrize(
    "statement",
    [
        {"fills": (Fill(trade_id="1", quantity=1, cost=1, fee=coins("1"), fee_currency="BTC"),)},
        {"members": (Member("a" * 64, 0, 0, direct=True),), "used": 0, "fills": ()},
    ],
    ids=["more fees than coins", "members of nothing"],
)
def test_a_batch_that_cannot_be_shared_out_is_a_fault_and_no_crash(
    statement: dict[str, object],
) -> None:
    *_, fault = list_faults(with_statement(a_receipt(), **statement))

    assert fault.startswith("expected a batch that can be shared out: ")


def test_more_fees_than_coins_stop_a_settlement() -> None:
    with pytest.raises(InvariantViolation, match="its fee is more than its fill"):
        settled(filled=a_fill("0.0001", "5", coins("0.0003"), "BTC"))


@given(
    pricing=st.sampled_from(Pricing),
    bought=st.integers(0, 60_000),
    cost=st.integers(0, usd("40")),
    index=st.integers(0, 2),
    more=st.integers(-10, 10).filter(bool),
    field=st.sampled_from(["filled", "charged", "refunded"]),
)
def test_whatever_was_bought_the_receipt_is_right_and_a_unit_more_is_not(
    pricing: Pricing, bought: int, cost: int, index: int, more: int, field: str
) -> None:
    fills = Filled(fills=(Fill(trade_id="1", quantity=bought, cost=cost),))
    orders, statement = settled(pricing, fills)
    receipt = make_receipt(orders[index], statement)

    assert list(list_faults(receipt)) == []
    assert len(list(list_faults(changed(receipt, **{field: getattr(receipt, field) + more})))) == 1
