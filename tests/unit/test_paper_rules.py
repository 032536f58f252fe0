import hashlib
import hmac
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crypto_exchange.entrypoints.exchange.amounts import ONE, units
from crypto_exchange.entrypoints.exchange.config import PaperConfig, PaperRule
from crypto_exchange.entrypoints.exchange.failures import ApiError
from crypto_exchange.entrypoints.exchange.listing import Symbol, list_symbols
from crypto_exchange.entrypoints.exchange.parameters import read_parameters
from crypto_exchange.entrypoints.exchange.signing import (
    Window,
    check_key,
    check_signature,
    read_window,
)
from crypto_exchange.entrypoints.exchange.venue import charged_in, fee_rate

KNOWN = frozenset({"symbol", "quantity", "limit", "timestamp", "recvWindow", "signature"})
SECRET = "paper-secret"


def configure(**changes: Any) -> PaperConfig:
    values = {"prices": {}, "candles": {}, "rules": {}, "port": 1, "data_dir": Path()}
    return PaperConfig(**{**values, "api_key": "key", "api_secret": SECRET, **changes})


def bitcoin() -> Symbol:
    rule = PaperRule(Decimal("0.001"), Decimal("5.00"), Decimal(20_000))
    return list_symbols(configure(rules={"BTC": rule}))["BTCUSDT"]


@pytest.mark.parametrize(
    ("quantity", "price", "message"),
    [
        ("0.001", "5000", None),
        ("20000", "5000", None),
        ("0", "5000", "Invalid quantity."),
        ("0.0005", "50000", "Filter failure: LOT_SIZE"),
        ("0.0015", "50000", "Filter failure: LOT_SIZE"),
        ("20000.001", "50000", "Filter failure: LOT_SIZE"),
        ("0.001", "4999.99999999", "Filter failure: NOTIONAL"),
    ],
)
def test_an_order_passes_the_filters_or_names_the_first_that_fails(
    quantity: str, price: str, message: str | None
) -> None:
    amount = units(Decimal(quantity), "quantity") if quantity != "0" else 0
    at = units(Decimal(price), "price")

    if message is None:
        bitcoin().check(amount, at)
        return
    with pytest.raises(ApiError) as refused:
        bitcoin().check(amount, at)

    assert (refused.value.code, refused.value.message) == (-1013, message)


def test_the_largest_market_order_is_a_filter_of_its_own() -> None:
    rule = PaperRule(Decimal("0.001"), Decimal("5.00"), Decimal(2))
    symbol = list_symbols(configure(rules={"BTC": rule}))["BTCUSDT"]

    with pytest.raises(ApiError, match="MARKET_LOT_SIZE"):
        symbol.check(3 * ONE, ONE * 100)


def test_a_quote_amount_buys_whole_lots_rounded_down() -> None:
    price = units(Decimal("63127.41"), "price")

    quantity = bitcoin().quantity_worth(units(Decimal("199.99"), "amount"), price)

    assert quantity == units(Decimal("0.003"), "quantity")


def test_a_quote_amount_below_the_minimum_is_refused() -> None:
    with pytest.raises(ApiError, match="Filter failure: NOTIONAL"):
        bitcoin().quantity_worth(units(Decimal("4.99"), "amount"), ONE)


def test_named_coins_are_listed_beside_the_three_that_always_are() -> None:
    config = configure(
        quote="USDC",
        prices={"SOL": Decimal(150)},
        rules={"XRP": PaperRule(Decimal(1), Decimal(10))},
    )

    symbols = list_symbols(config)

    assert list(symbols) == ["ABANUSDC", "BTCUSDC", "ETHUSDC", "SOLUSDC", "XRPUSDC"]
    assert symbols["ABANUSDC"].prices.price_at(0) == 20 * ONE
    assert ONE % symbols["ABANUSDC"].lot_step == 0
    assert symbols["XRPUSDC"].min_notional == 10 * ONE


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prices": {"btc": Decimal(1)}}, "A coin must be 1 to 12 of A-Z and 0-9, it is 'btc'"),
        ({"prices": {"USDT": Decimal(1)}}, "must differ from the quote currency, it is USDT"),
        ({"prices": {"BTC": Decimal(0)}}, "The price of BTC must be a positive number, it is 0"),
        (
            {"prices": {"BTC": Decimal(1)}, "candles": {"BTC": Path("btc.csv")}},
            "BTC must have a fixed price or candles, it has both",
        ),
        (
            {"rules": {"BTC": PaperRule(Decimal(0), Decimal(5))}},
            "The lot step of BTC must be a positive number, it is 0",
        ),
        (
            {"rules": {"BTC": PaperRule(Decimal(1), Decimal(5), Decimal("0.5"))}},
            "The maximum quantity of BTC must be at least its lot step 1, it is 0.5",
        ),
    ],
)
def test_a_wrong_configuration_is_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        list_symbols(configure(**changes))


def test_the_fee_is_read_as_an_exact_rate_and_its_currency() -> None:
    assert fee_rate(configure(fee_bps=Decimal("7.5"))) == 75_000
    assert charged_in(configure(fee_in="USDT")) == "quote"
    assert charged_in(configure(fee_in="coin")) == "received"
    assert charged_in(configure(fee_in="BNB")) == "BNB"


@pytest.mark.parametrize("fee", ["-1", "10000", "0.00001", "NaN"])
def test_a_fee_outside_its_range_is_refused(fee: str) -> None:
    with pytest.raises(ValueError, match="fee in basis points must be at least 0 and below 10000"):
        fee_rate(configure(fee_bps=Decimal(fee)))


def test_a_fee_currency_that_is_no_symbol_is_refused() -> None:
    with pytest.raises(ValueError, match="The fee currency, unless quote or coin, must be"):
        charged_in(configure(fee_in="third coin"))


@pytest.mark.parametrize(
    ("sent", "code"), [(None, -2014), ("", -2014), ("with space", -2014), ("other", -2015)]
)
def test_a_malformed_key_differs_from_a_wrong_one(sent: str | None, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        check_key(sent, "key")

    assert (refused.value.code, refused.value.status) == (code, 401)


@pytest.mark.parametrize(
    ("query", "body", "signed"),
    [
        (b"symbol=BTCUSDT&timestamp=1&signature=%s", b"", b"symbol=BTCUSDT&timestamp=1"),
        (b"", b"symbol=BTCUSDT&timestamp=1&signature=%s", b"symbol=BTCUSDT&timestamp=1"),
        (b"symbol=BTC", b"timestamp=1&signature=%s", b"symbol=BTCtimestamp=1"),
        (b"signature=%s&timestamp=1", b"", b"timestamp=1"),
    ],
)
def test_the_signature_covers_query_and_body_without_itself(
    query: bytes, body: bytes, signed: bytes
) -> None:
    signature = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest().encode()
    query, body = query.replace(b"%s", signature), body.replace(b"%s", signature)

    parameters = read_parameters(query, body, KNOWN)

    check_signature(query, body, parameters, SECRET)
    with pytest.raises(ApiError, match="Signature for this request is not valid"):
        check_signature(query + b"&limit=1", body, parameters, SECRET)


def test_a_window_holds_to_its_last_millisecond_and_less_than_a_second_ahead() -> None:
    window = Window(timestamp=10_000, length_us=5_000_000)

    window.check(9_001)
    window.check(15_000)

    with pytest.raises(ApiError, match="1000ms ahead of the server's time"):
        window.check(9_000)
    with pytest.raises(ApiError, match="outside of the recvWindow"):
        window.check(15_001)


@pytest.mark.parametrize(
    ("sent", "length_us"),
    [(b"", 5_000_000), (b"&recvWindow=60000", 60_000_000), (b"&recvWindow=1.25", 1_250)],
)
def test_the_window_is_five_seconds_unless_told(sent: bytes, length_us: int) -> None:
    assert read_window(read_parameters(b"timestamp=7" + sent, b"", KNOWN)) == Window(7, length_us)


def test_a_window_of_more_than_a_minute_is_refused() -> None:
    with pytest.raises(ApiError) as refused:
        read_window(read_parameters(b"timestamp=7&recvWindow=60000.001", b"", KNOWN))

    assert refused.value.code == -1131


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (b"quantity=1&quantity=2", -1101),
        (b"quantity=1&unknown=2", -1104),
        (b"quantity=", -1105),
        (b"quantity=1e3", -1100),
        (b"quantity=-1", -1100),
        (b"quantity=1.000000000", -1111),
    ],
)
def test_a_malformed_amount_is_refused(query: bytes, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        read_parameters(query, b"", KNOWN).amount("quantity")

    assert refused.value.code == code


def test_the_query_string_counts_where_the_body_has_the_same_parameter() -> None:
    assert read_parameters(b"quantity=1", b"quantity=2", KNOWN).amount("quantity") == ONE


@pytest.mark.parametrize("limit", [b"0", b"1001"])
def test_a_limit_is_from_1_to_1000(limit: bytes) -> None:
    with pytest.raises(ApiError, match="Data sent for parameter 'limit' is not valid"):
        read_parameters(b"limit=" + limit, b"", KNOWN).limit()
