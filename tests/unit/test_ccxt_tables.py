"""ccxt's adapter without an exchange: amounts, market rules, names, tables, how it is chosen."""

import re
import sys
from decimal import Decimal
from typing import Any

import pytest

from crypto_exchange import bootstrap
from crypto_exchange.adapters.exchange import BinanceExchange, CcxtExchange
from crypto_exchange.adapters.exchange import ccxt_refusals as refusals
from crypto_exchange.adapters.exchange.ccxt_amounts import (
    exact,
    rounded_down,
    rounded_up,
    whole_units,
)
from crypto_exchange.adapters.exchange.ccxt_markets import fee_ppm, market_rule
from crypto_exchange.adapters.exchange.ccxt_orders import conclude
from crypto_exchange.adapters.exchange.ccxt_venues import VENUES, Expiry, Pages, venue_of
from crypto_exchange.bootstrap.exchange import make_exchange
from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.purchase import Filled, Purchase, Rejected, RejectionKind
from crypto_exchange.entrypoints.cli.main import _missing_extra
from crypto_exchange.settings import InvalidSettingsError, Settings

DECIMAL_PLACES, TICK_SIZE = 2, 4
KEYS = {"EXCHANGE_API_KEY": "a-key", "EXCHANGE_API_SECRET": "signs-requests"}
PURCHASE = Purchase(
    batch="0123456789abcdef01234567",
    attempt=12,
    asset="BTC",
    scale=8,
    quantity=21_000,
    timestamp_ms=1_760_000_000_123,
    window_ms=5_000,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.00021", 21 * 10**25),
        ("1e-8", 10**22),
        ("2E+3", 2_000 * 10**30),
        (7, 7 * 10**30),
        ("-1.50", -(15 * 10**29)),
        ("123456789012345678901234567890.5", 1234567890123456789012345678905 * 10**29),
    ],
)
def test_an_amount_is_read_exactly(text: object, expected: int) -> None:
    assert exact(text) == expected


@pytest.mark.parametrize("wrong", [0.1, Decimal("0.1"), True, None, "", "nan", "Infinity", "1,5"])
def test_what_may_have_lost_digits_or_is_no_number_is_no_amount(wrong: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        exact(wrong)


def test_amounts_finer_than_our_units_are_rounded_on_purpose_or_refused() -> None:
    assert rounded_up("0.000000011", 8) == 2
    assert rounded_down("0.000000019", 8) == 1
    assert whole_units("0.00000001", 8) == 1
    with pytest.raises(ValueError, match="at most 8 decimals"):
        whole_units("0.000000011", 8)


def market(precision: object, **limits: Any) -> dict[str, Any]:
    return {
        "spot": True,
        "active": True,
        "precision": {"amount": precision},
        "limits": {"amount": {"min": None, "max": None}, "cost": {"min": None}, **limits},
    }


@pytest.mark.parametrize(
    ("precision", "mode", "lot_step"),
    [
        ("0.00001", TICK_SIZE, 1_000),
        ("1e-8", TICK_SIZE, 1),
        ("1", TICK_SIZE, 10**8),
        ("0.25", TICK_SIZE, 25 * 10**6),
        (3, DECIMAL_PLACES, 10**5),
        ("8", DECIMAL_PLACES, 1),
        ("10", DECIMAL_PLACES, 1),
    ],
)
def test_the_lot_step_follows_from_the_precision(
    precision: object, mode: int, lot_step: int
) -> None:
    rule = market_rule(market(precision), precision_mode=mode, scale=8, fee_ppm=1_000)

    assert rule == MarketRule(lot_step=lot_step, min_notional=0, fee_ppm=1_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"active": False},
        {"spot": False},
        {"precision": {"amount": None}},
        {"precision": {"amount": "0.000000001"}},
        {"precision": {"amount": "0"}},
        {"limits": {"amount": {"min": "2", "max": "1"}}},
    ],
)
def test_what_does_not_trade_or_has_no_usable_step_has_no_rule(changes: dict[str, Any]) -> None:
    row = {**market("0.01"), **changes}

    assert market_rule(row, precision_mode=TICK_SIZE, scale=8, fee_ppm=0) is None


def test_limits_are_rounded_to_whole_steps_so_that_we_never_ask_for_more_than_is_allowed() -> None:
    row = market(
        "0.03",
        amount={"min": "0.05", "max": "100"},
        market={"min": "0", "max": "10"},
        cost={"min": "5.000000001"},
    )

    rule = market_rule(row, precision_mode=TICK_SIZE, scale=2, fee_ppm=0)

    assert rule == MarketRule(
        lot_step=3, min_notional=500_000_001, min_quantity=6, max_quantity=999
    )


def test_a_rule_with_a_float_in_it_is_refused() -> None:
    with pytest.raises(ValueError, match="as text"):
        market_rule(market(0.01), precision_mode=TICK_SIZE, scale=8, fee_ppm=0)


@pytest.mark.parametrize(
    ("rate", "ppm"), [("0.001", 1_000), (0.0026, 2_600), ("0.00000051", 1), ("-0.0001", 0)]
)
def test_a_fee_is_parts_per_million_rounded_up(rate: object, ppm: int) -> None:
    assert fee_ppm(rate) == ppm


def order(**changes: Any) -> dict[str, Any]:
    return {"status": "closed", "filled": "0.00021", **changes}


def trade(name: str, amount: str, **changes: Any) -> dict[str, Any]:
    fee = {"cost": "0.0105", "currency": "USDT"}
    return {"id": name, "amount": amount, "cost": "10.5", "fee": fee, **changes}


def test_a_trade_that_is_listed_twice_counts_once() -> None:
    trades = [trade("1", "0.0002"), trade("2", "0.00001"), trade("1", "0.0002")]

    outcome = conclude(PURCHASE, order(), trades, "USDT")

    assert isinstance(outcome, Filled)
    assert [fill.quantity for fill in outcome.fills] == [20_000, 1_000]


@pytest.mark.parametrize(
    ("found", "trades"),
    [
        (order(status="open"), [trade("1", "0.00021")]),
        (order(), [trade("1", "0.0002")]),
        (order(), []),
        (order(filled="0.00022"), [trade("1", "0.00022")]),
    ],
)
def test_nothing_is_concluded_until_trades_add_up_to_what_was_filled(
    found: dict[str, Any], trades: list[dict[str, Any]]
) -> None:
    assert conclude(PURCHASE, found, trades, "USDT") is None


def test_an_order_that_ended_with_nothing_is_a_fill_of_nothing_unless_it_was_rejected() -> None:
    assert conclude(PURCHASE, order(status="canceled", filled="0"), [], "USDT") == Filled(fills=())
    rejected = conclude(PURCHASE, order(status="rejected", filled="0"), [], "USDT")
    assert isinstance(rejected, Rejected)


@pytest.mark.parametrize(
    ("fees", "expected"),
    [
        ({"fee": None}, (0, "USD")),
        ({"fee": {"cost": "0.000000001", "currency": "BTC"}}, (1, "BTC")),
        ({"fees": [{"cost": "0.5", "currency": "BNB"}]}, (50_000_000, "BNB")),
        ({"fee": {"cost": "-0.01", "currency": "USDT"}}, (0, "USD")),
    ],
)
def test_a_fee_is_booked_in_what_it_was_taken_in(
    fees: dict[str, Any], expected: tuple[int, str]
) -> None:
    outcome = conclude(PURCHASE, order(), [trade("1", "0.00021", **fees)], "USDT")

    assert isinstance(outcome, Filled)
    assert (outcome.fills[0].fee, outcome.fills[0].fee_currency) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"fee": {"cost": "0.1", "currency": None}},
        {"fees": [{"cost": "1", "currency": "A"}, {"cost": "1", "currency": "B"}]},
        {"cost": 10.5},
        {"cost": None},
    ],
)
def test_a_trade_that_cannot_be_booked_exactly_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        conclude(PURCHASE, order(), [trade("1", "0.00021", **wrong)], "USDT")


def test_names_are_what_exchanges_take_and_never_the_same_for_two_attempts() -> None:
    first = PURCHASE
    names = {name: venue.name(first) for name, venue in VENUES.items()}

    assert names["okx"] == names["kraken"] == "0123456789abcdef012345670000000c"
    assert names["coinbase"] == "01234567-89ab-cdef-0123-45670000000c"
    assert names["binance"] == names["bybit"] == names["kucoin"] == first.client_order_id
    assert re.fullmatch("[0-9a-f]{32}", venue_of("another").name(first))


def test_only_an_exchange_whose_orders_expire_can_prove_that_one_is_absent() -> None:
    expiring = {name for name, venue in VENUES.items() if venue.expiry is not Expiry.NONE}

    assert expiring == {"binance", "binanceus", "kraken"}
    assert all(VENUES[name].pages is not Pages.NONE for name in expiring)
    assert venue_of("another").expiry is Expiry.NONE
    assert venue_of("another").refusals.table == ()


def test_binances_refusals_are_those_of_our_own_adapter() -> None:
    told, rejected = refusals.classify_binance(400, {"code": -2010, "msg": "Duplicate order sent."})
    assert (told.code, rejected) == ("-2010", None)

    _, rejected = refusals.classify_binance(400, {"code": -1013, "msg": "Filter failure: NOTIONAL"})
    assert rejected is not None
    assert rejected.kind is RejectionKind.RULES
    for status, answer in (
        (500, {"code": -1013, "msg": ""}),
        (400, "text"),
        (200, {"code": -1013}),
    ):
        assert refusals.classify_binance(status, answer)[1] is None


@pytest.mark.parametrize("status", [408, 500, 503, 100])
def test_with_a_status_that_settles_nothing_no_refusal_is_definite(status: int) -> None:
    answer = {"error": ["EOrder:Insufficient funds"]}

    assert refusals.classify(refusals.KRAKEN, status, answer)[1] is None
    assert refusals.classify(refusals.KRAKEN, 200, answer)[1] is not None


@pytest.mark.parametrize("answer", [None, [], "text", {}, {"error": {}}, {"error": [1, 2]}])
def test_an_answer_of_another_shape_is_no_refusal(answer: object) -> None:
    told, rejected = refusals.classify(refusals.KRAKEN, 200, answer)

    assert (told.code, rejected) == ("", None)


@pytest.mark.parametrize("text", ["kraken", "ccxt:", "ccxt:Kraken", "binance:x", "ccxt:a b"])
def test_an_exchange_is_named_as_it_must_be(text: str) -> None:
    with pytest.raises(InvalidSettingsError, match='EXCHANGE_ID must be "binance", or "ccxt:"'):
        Settings.from_env(KEYS | {"EXCHANGE_ID": text})


def test_an_exchange_through_ccxt_is_real_and_needs_keys() -> None:
    with pytest.raises(InvalidSettingsError) as wrong:
        Settings.from_env({"EXCHANGE_ID": "ccxt:kraken"})

    names = [error.name for error in wrong.value.errors]
    assert names == ["EXCHANGE_API_KEY", "EXCHANGE_API_SECRET"]
    assert Settings.from_env({"EXCHANGE_ID": "binance"}).embedded_exchange
    assert not Settings.from_env(KEYS | {"EXCHANGE_ID": "ccxt:kraken"}).embedded_exchange


def test_the_settings_choose_the_exchange() -> None:
    ours = make_exchange(Settings.from_env({}))
    through_ccxt = make_exchange(Settings.from_env(KEYS | {"EXCHANGE_ID": "ccxt:kraken"}))

    assert isinstance(ours, BinanceExchange)
    assert isinstance(through_ccxt, CcxtExchange)
    assert through_ccxt._client.api.id == "kraken"


@pytest.mark.parametrize(
    ("exchange_id", "told"),
    [("nosuch", "an exchange that ccxt knows, but was 'nosuch'"), ("gate", "'gate', where it is")],
)
def test_an_exchange_that_will_not_do_is_a_wrong_setting(exchange_id: str, told: str) -> None:
    settings = Settings.from_env(KEYS | {"EXCHANGE_ID": f"ccxt:{exchange_id}"})

    with pytest.raises(InvalidSettingsError, match=f"EXCHANGE_ID must be .*{told}"):
        bootstrap.check_exchange(settings)


def test_addresses_are_overridden_so_that_nothing_else_is_asked() -> None:
    texts = KEYS | {"EXCHANGE_ID": "ccxt:binance", "EXCHANGE_URL": "http://127.0.0.1:9"}

    exchange = make_exchange(Settings.from_env(texts))

    assert isinstance(exchange, CcxtExchange)
    addresses = exchange._client.api.urls["api"].values()
    assert all(address.startswith("http://127.0.0.1:9/") for address in addresses)


def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ccxt.async_support", None)

    with pytest.raises(ModuleNotFoundError) as missing:
        bootstrap.check_exchange(Settings.from_env(KEYS | {"EXCHANGE_ID": "ccxt:kraken"}))

    assert _missing_extra(missing.value) == 2
    assert "pip install 'crypto-exchange[ccxt]'" in capsys.readouterr().err
