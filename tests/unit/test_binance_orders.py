"""Which order is ours, and what came of it."""

import logging
from typing import Any

import httpx
import msgspec
import pytest

from crypto_exchange.adapters.exchange.binance_orders import (
    conclude,
    is_asked_for,
    is_ours,
    order_parameters,
)
from crypto_exchange.adapters.exchange.binance_wire import FoundOrder, NewFill, NewOrder, Trade
from crypto_exchange.adapters.exchange.signing import hide_signature, sign
from crypto_exchange.domain.purchase import Fill, Filled, Purchase, Rejected, RejectionKind

PURCHASE = Purchase(
    batch="a" * 24,
    attempt=2,
    asset="BTC",
    scale=8,
    quantity=21_000,
    timestamp_ms=1_700_000_000_000,
    window_ms=5_000,
)


def found(**changes: Any) -> FoundOrder:
    values: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "order_id": 1,
        "client_order_id": PURCHASE.client_order_id,
        "side": "BUY",
        "status": "FILLED",
        "orig_qty": "0.00021000",
        "executed_qty": "0.00021000",
        "time": PURCHASE.timestamp_ms,
    }
    return FoundOrder(**{**values, **changes})


def fill(**changes: Any) -> NewFill:
    values: dict[str, Any] = {
        "price": "50000.00000000",
        "qty": "0.00021000",
        "commission": "0.01050000",
        "commission_asset": "USDT",
        "trade_id": 1,
    }
    return NewFill(**{**values, **changes})


def test_an_order_is_asked_for_with_the_times_of_its_intent() -> None:
    assert order_parameters(PURCHASE, "USDT") == {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "MARKET",
        "quantity": "0.00021",
        "newClientOrderId": f"{'a' * 24}-2",
        "newOrderRespType": "FULL",
        "recvWindow": 5_000,
        "timestamp": 1_700_000_000_000,
    }


@pytest.mark.parametrize(
    ("quantity", "scale", "text"),
    [(1, 18, "0.000000000000000001"), (300, 2, "3"), (10**20, 8, "1000000000000"), (7, 0, "7")],
)
def test_a_quantity_is_written_plainly(quantity: int, scale: int, text: str) -> None:
    purchase = msgspec.structs.replace(PURCHASE, quantity=quantity, scale=scale)

    assert order_parameters(purchase, "USDT")["quantity"] == text


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ETHUSDT"},
        {"side": "SELL"},
        {"orig_qty": "0.00021001"},
        {"orig_qty": "0.000210000000000001"},
        {"client_order_id": f"{'a' * 24}-1"},
        {"time": PURCHASE.timestamp_ms - 1},
        {"time": PURCHASE.window_end_ms + 30_001},
    ],
)
def test_an_order_that_differs_in_anything_is_not_ours(changes: dict[str, Any]) -> None:
    assert is_ours(found(), PURCHASE, "USDT")
    assert is_ours(found(time=PURCHASE.window_end_ms + 30_000), PURCHASE, "USDT")
    assert not is_ours(found(**changes), PURCHASE, "USDT")


def test_an_order_whose_quantity_is_no_number_proves_nothing() -> None:
    with pytest.raises(ValueError, match="expected plain digits"):
        is_asked_for(found(orig_qty="many"), PURCHASE, "USDT")


def test_a_full_fill_has_quantity_cost_and_fee_in_our_units() -> None:
    outcome = conclude(PURCHASE, found(), [fill()], "USDT")

    assert outcome == Filled(
        fills=(Fill(trade_id="1", quantity=21_000, cost=10_50000000, fee=1_050_000),)
    )


@pytest.mark.parametrize(
    ("commission", "asset", "scale", "fee", "currency"),
    [
        ("0.0105", "USDT", 8, 1_050_000, "USD"),
        ("0.000000001", "USDT", 8, 1, "USD"),
        ("0.00000021", "BTC", 8, 21, "BTC"),
        ("0.00000021", "BTC", 5, 1, "BTC"),
        ("0.00000021", "BTC", 18, 21 * 10**10, "BTC"),
        ("0.000012345", "BNB", 5, 1_235, "BNB"),
        ("0", "BNB", 8, 0, "BNB"),
    ],
)
def test_a_fee_is_booked_in_its_own_currency_and_rounded_up(
    commission: str, asset: str, scale: int, fee: int, currency: str
) -> None:
    purchase = msgspec.structs.replace(PURCHASE, scale=scale, quantity=21 * 10 ** (scale - 5))
    made = fill(commission=commission, commission_asset=asset)

    outcome = conclude(purchase, found(), [made], "USDT")

    assert isinstance(outcome, Filled)
    assert (outcome.fills[0].fee, outcome.fills[0].fee_currency) == (fee, currency)


def test_a_cost_finer_than_our_unit_is_rounded_up() -> None:
    outcome = conclude(PURCHASE, found(), [fill(price="0.00010001")], "USDT")

    assert isinstance(outcome, Filled)
    assert outcome.fills[0].cost == 3


def test_an_order_that_ended_with_less_is_filled_with_what_it_got() -> None:
    partly = found(status="EXPIRED", executed_qty="0.0001")
    nothing = found(status="EXPIRED", executed_qty="0")
    half = [fill(qty="0.00004"), fill(qty="0.00006", trade_id=2)]

    assert conclude(PURCHASE, nothing, [], "USDT") == Filled(fills=())
    outcome = conclude(PURCHASE, partly, half, "USDT")
    assert isinstance(outcome, Filled)
    assert [each.quantity for each in outcome.fills] == [4_000, 6_000]


def test_an_order_that_the_exchange_lists_as_rejected_is() -> None:
    outcome = conclude(PURCHASE, found(status="REJECTED", executed_qty="0.0"), [], "USDT")

    assert isinstance(outcome, Rejected)
    assert (outcome.kind, outcome.code) == (RejectionKind.RULES, "REJECTED")


@pytest.mark.parametrize(
    ("order", "fills"),
    [
        (found(status="NEW", executed_qty="0"), []),
        (found(status="PARTIALLY_FILLED", executed_qty="0.00021"), [fill()]),
        (found(status="PENDING_NEW", executed_qty="0"), []),
        (found(status="filled"), [fill()]),
        (found(executed_qty="0.0002"), [fill(qty="0.0002")]),
        (found(executed_qty="0.00022"), [fill(qty="0.00022")]),
        (found(), []),
        (found(), [fill(qty="0.0002")]),
        (found(), [fill(qty="0.000105"), fill(qty="0.000105")]),
        (found(status="EXPIRED", executed_qty="0"), [fill()]),
    ],
)
def test_what_is_not_final_or_does_not_add_up_is_unknown(
    order: FoundOrder, fills: list[NewFill]
) -> None:
    assert conclude(PURCHASE, order, fills, "USDT") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"qty": "0.000210000000001"},
        {"qty": "2.1e-4"},
        {"price": "-1"},
        {"price": "NaN"},
        {"commission": "-0.1"},
    ],
)
def test_amounts_that_are_not_plain_decimals_are_an_error(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        conclude(PURCHASE, found(), [fill(**changes)], "USDT")


def test_numbers_on_the_wire_are_refused_because_they_may_have_lost_digits() -> None:
    trade = (
        b'{"id": 1, "orderId": 2, "isBuyer": true, "price": %s, "qty": "1", "commission": "0",'
        b' "commissionAsset": "BNB", "new": {}}'
    )

    assert msgspec.json.decode(trade % b'"0.1"', type=Trade).trade_id == 1
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(trade % b"0.1", type=Trade)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b"[]", type=NewOrder)


def test_a_signature_covers_the_parameters_as_they_are_sent() -> None:
    """The example of the protocol's own documentation."""
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    parameters: dict[str, str | int] = {
        "symbol": "LTCBTC",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "0.1",
        "recvWindow": 5000,
        "timestamp": 1499827319559,
    }

    payload, signature = sign(parameters, secret).split("&signature=")

    assert payload.startswith("symbol=LTCBTC&side=BUY&")
    assert signature == "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


def test_a_logged_address_has_no_signature() -> None:
    url = httpx.URL("http://127.0.0.1/api/v3/account?timestamp=1&signature=0123abcd")
    record = logging.LogRecord("httpx", logging.INFO, "", 0, "%s %s %d", ("GET", url, 200), None)

    assert hide_signature(record)
    assert record.getMessage().endswith("timestamp=1&signature=*** 200")
    assert hide_signature(logging.LogRecord("httpx", logging.INFO, "", 0, "closed", None, None))
