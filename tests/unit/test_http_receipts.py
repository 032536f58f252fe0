"""Receipts as the kit's HTTP level checks them: the tables of docs/settlement.md, and every lie."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from msgspec.structs import replace

from crypto_exchange.entrypoints.testing.http.breaches import Broken
from crypto_exchange.entrypoints.testing.http.ledger import Ledger, require_coherent
from crypto_exchange.entrypoints.testing.http.receipts import read_receipt, verify
from crypto_exchange.entrypoints.testing.http.rows import OrderRow

BATCH = "0123456789abcdef01234567"
ASKED = ((300, 4752), (400, 6336), (250, 3960), (110, 1742))
ONE_TRADE = [("0.0001", "6.312", "0.006312", "USD")]
TWO_TRADES = [
    ("0.0001", "6.312", "0.0000001", "BTC"),
    ("0.00006", "3.7883856", "0.00000006", "BTC"),
]
QUOTED = ((179, 2830), (239, 3774), (149, 2359), (66, 1037))
AVERAGE = ((286, 4524), (382, 6031), (238, 3770), (105, 1659))
TAKEN_ALONG = ((300, 4752), (400, 6336), (563, 8912))


def order(place: int, asked: tuple[int, int], got: tuple[int, int], state: str) -> OrderRow:
    return OrderRow(
        id=place + 1,
        crypto="BTC",
        amount=asked[1],
        unit_price=63_127_410_000_000_000,
        total=asked[0],
        state=state,
        filled=got[1],
        refunded=asked[0] - got[0],
        reason=None,
        created_at=datetime(2026, 1, 31, tzinfo=UTC),
    )


def receipt(
    place: int,
    asked: tuple[tuple[int, int], ...],
    got: tuple[int, int],
    fills: list[tuple[str, str, str, str]],
    *,
    pricing: str = "quoted",
    direct: int = -1,
) -> dict[str, Any]:
    names = [sha256(f"{BATCH}|{number}".encode()).hexdigest() for number in range(1, 5)]
    return {
        "order_id": place + 1,
        "batch": BATCH,
        "rule": 1,
        "asset": "BTC",
        "scale": 8,
        "pricing": pricing,
        "bought": Decimal("0.00016"),
        "inventory_used": 0,
        "members": [
            {
                "id": names[index],
                "quantity": Decimal(units) / 10**8,
                "total": Decimal(cents) / 100,
                "direct": index == direct,
            }
            for index, (cents, units) in enumerate(asked)
        ],
        "fills": [
            {
                "trade_id": str(number),
                "quantity": Decimal(quantity),
                "cost": Decimal(cost),
                "fee": Decimal(fee),
                "fee_currency": currency,
            }
            for number, (quantity, cost, fee, currency) in enumerate(fills)
        ],
        "index": place,
        "quantity": Decimal(got[1]) / 10**8,
        "charge": Decimal(got[0]) / 100,
        "refund": Decimal(asked[place][0] - got[0]) / 100,
    }


def check(body: dict[str, Any], row: OrderRow) -> None:
    verify(read_receipt(body), row, 1_000, overdue=False)


@pytest.mark.parametrize("place", range(4))
def test_a_partial_fill_is_shared_as_the_documents_say(place: int) -> None:
    row = order(place, ASKED[place], QUOTED[place], "partially_completed")

    check(receipt(place, ASKED, QUOTED[place], ONE_TRADE), row)


@pytest.mark.parametrize("place", range(4))
def test_average_prices_are_shared_as_the_documents_say(place: int) -> None:
    row = order(place, ASKED[place], AVERAGE[place], "completed")

    check(receipt(place, ASKED, AVERAGE[place], TWO_TRADES, pricing="average"), row)


@pytest.mark.parametrize("place", range(3))
def test_small_orders_are_served_before_the_one_that_took_them_along(place: int) -> None:
    asked = (*ASKED[:2], (2_000, 31_681))
    fills = [("0.0002", "12.625482", "0.01262549", "USD")]
    state = "partially_completed" if place == 2 else "completed"
    row = order(place, asked[place], TAKEN_ALONG[place], state)

    check(receipt(place, asked, TAKEN_ALONG[place], fills, direct=2), row)


LIES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another order": (lambda body: body["members"][0].update(id="0" * 64), "R1 receipt"),
    "a member twice": (lambda body: body["members"].append(body["members"][1]), "R1 receipt"),
    "no such place": (lambda body: body.update(index=4), "R1 receipt"),
    "another total": (lambda body: body["members"][0].update(total=Decimal("3.01")), "R1 receipt"),
    "another charge": (lambda body: body.update(charge=Decimal("1.80")), "R1 receipt"),
    "unknown rules": (lambda body: body.update(rule=2), "R1 receipt"),
    "no batch": (lambda body: body.pop("batch"), "X5 known fields"),
    "too few coins": (lambda body: body["fills"][0].update(quantity=0), "I5 fair shares"),
    "a fee above all": (lambda body: body["fills"].append(
        {"trade_id": "x", "quantity": 0, "cost": 0, "fee": 1, "fee_currency": "BTC"}), "R1 receipt"),
    "a large order": (lambda body: body["members"][0].update(direct=True), "I5 fair shares"),
    "a fraction of a unit": (lambda body: body.update(quantity=Decimal("1e-9")), "X1 exact amounts"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_what_does_not_follow_from_a_receipt_is_noticed(lie: str) -> None:
    tell, check_name = LIES[lie]
    body = receipt(0, ASKED, QUOTED[0], ONE_TRADE)
    tell(body)

    with pytest.raises(Broken) as broken:
        check(body, order(0, ASKED[0], QUOTED[0], "partially_completed"))

    assert broken.value.violation.check == check_name


def test_a_batch_below_the_threshold_is_noticed_unless_it_was_overdue() -> None:
    row = order(0, ASKED[0], ASKED[0], "completed")
    alone = read_receipt(receipt(0, ASKED[:1], ASKED[0], [("0.0001", "6.31", "0", "USD")]))

    verify(alone, row, 1_000, overdue=True)
    with pytest.raises(Broken, match="I8 routing"):
        verify(alone, row, 1_000, overdue=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"refunded": 301},
        {"refunded": -1},
        {"filled": 1, "state": "pending"},
        {"filled": 1, "state": "failed", "reason": "deadline"},
        {"state": "cancelled", "reason": "deadline", "filled": 0, "refunded": 300},
        {"filled": 0},
    ],
)
def test_an_order_with_two_outcomes_is_noticed(wrong: dict[str, Any]) -> None:
    row = order(0, ASKED[0], ASKED[0], "completed")
    require_coherent(row)

    with pytest.raises(Broken, match=r"I2 nothing negative|I3 one outcome"):
        require_coherent(replace(row, **wrong))


def test_what_has_ended_stays_as_it_is() -> None:
    ledger, row = Ledger(), order(0, ASKED[0], QUOTED[0], "partially_completed")
    ledger.saw(row)
    ledger.saw(row)

    with pytest.raises(Broken, match="I9 final states are final"):
        ledger.saw(replace(row, filled=row.filled + 1))
    with pytest.raises(Broken, match="I9 what is quoted stands"):
        ledger.saw(replace(row, total=row.total + 1))
