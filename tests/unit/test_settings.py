"""Settings: what each may be, and the sentence that a wrong one gets."""

from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path

import pytest

from crypto_exchange.domain.policy import FeeIn, OnDeadline, Pricing
from crypto_exchange.domain.risk_policy import RiskMode
from crypto_exchange.settings import (
    SETTINGS,
    InvalidSettingsError,
    LotRule,
    PricingRule,
    Rate,
    Settings,
)

KEY = "0123456789abcdef0123456789abcdef"
OUTSIDE = {
    "POSTGRES_HOST": "db",
    "POSTGRES_PASSWORD": "correct horse",
    "SECRET_KEY": KEY,
    "JWT_SECRET_KEY": KEY[::-1],
}


def read(**texts: str) -> Settings:
    return Settings.from_env(texts)


def sentences(texts: dict[str, str]) -> list[str]:
    with pytest.raises(InvalidSettingsError) as caught:
        Settings.from_env(texts)
    assert str(caught.value).splitlines() == [str(error) for error in caught.value.errors]
    return str(caught.value).splitlines()


def test_an_empty_environment_gives_the_defaults_of_the_embedded_mode() -> None:
    settings = read()

    assert (settings.host, settings.port, settings.data_dir) == (
        "127.0.0.1",
        8000,
        Path.cwd() / ".data",
    )
    assert settings.embedded_postgres
    assert settings.embedded_redis
    assert not settings.port_given
    assert settings.aggregation_threshold == settings.inventory_cap == 10 * 10**8
    assert settings.max_wait == 24 * 3600 * 10**6
    assert settings.price_max_age == 180 * 10**6
    assert settings.exchange_window == 5 * 10**6
    assert settings.step_up_withdrawal == 1_000 * 10**8
    assert settings.adjustment_max == 10_000 * 10**8
    assert settings.fraud_rules is RiskMode.OBSERVE
    assert settings.scan_interval == 10**6
    assert (settings.spread_bps, settings.price_tolerance_bps) == (0, 200)
    assert settings.on_deadline is OnDeadline.REFUND
    assert settings.exchange_fee is FeeIn.QUOTE
    assert settings.take_along
    assert [settings.secret_key, settings.exchange_url, settings.paper_port] == [None] * 3
    assert [settings.paper_prices, settings.paper_candles, settings.paper_rules] == [{}] * 3
    assert settings.rate_limit_user == Rate(1000, 3600)
    assert settings.trusted_proxies == ()
    assert settings.environment == {}


def test_every_setting_has_a_description_and_a_default_that_it_accepts() -> None:
    assert len(SETTINGS) == 72
    for name, setting in SETTINGS.items():
        assert setting.description, name
        if setting.default is not None:
            Settings.from_env({name: setting.default})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("MAX_WAIT", "60s", 60 * 10**6),
        ("MAX_WAIT", "1d", 86_400 * 10**6),
        ("SCAN_INTERVAL", "5m", 300 * 10**6),
        ("PAPER_LATENCY", "500ms", 500_000),
        ("AGGREGATION_THRESHOLD", "0.00000001", 1),
        ("INVENTORY_CAP", "0", 0),
        ("ON_DEADLINE", "TOP_UP", OnDeadline.TOP_UP),
        ("EXCHANGE_FEE", "other", FeeIn.OTHER),
        ("PRICING", "average", PricingRule(Pricing.AVERAGE, {})),
        (
            "PRICING",
            "BTC=average, ETH=quoted",
            PricingRule(Pricing.QUOTED, {"BTC": Pricing.AVERAGE, "ETH": Pricing.QUOTED}),
        ),
        ("AUDIT_INTERVAL", "10s", 10 * 10**6),
        ("AUDIT_INTERVAL", "off", None),
        ("STEP_UP_WITHDRAWAL", "250.50", 25_050_000_000),
        ("STEP_UP_WITHDRAWAL", "0", 0),
        ("STEP_UP_WITHDRAWAL", "off", None),
        ("ADJUSTMENT_MAX", "99.95", 9_995_000_000),
        ("FRAUD_RULES", "Enforce", RiskMode.ENFORCE),
        ("TAKE_ALONG", "off", False),
        ("DEBUG", "1", True),
        ("LOGLEVEL", "WARNING", "warning"),
        ("ALLOWED_HOSTS", "a.example, b.example", ("a.example", "b.example")),
        ("EXCHANGE_QUOTE", "BUSD", "BUSD"),
        ("PAPER_FEE_BPS", "7.5", Decimal("7.5")),
        ("PAPER_FEE_IN", "BNB", "BNB"),
        ("PAPER_SPEED", "900", Decimal(900)),
        ("PAPER_PRICES", "BTC=50000.00, 1INCH=4", {"BTC": Decimal(50000), "1INCH": Decimal(4)}),
        (
            "PAPER_RULES",
            "BTC=0.00001:10.00,ETH=0.0001:5:9000",
            {
                "BTC": LotRule(Decimal("0.00001"), Decimal(10), None),
                "ETH": LotRule(Decimal("0.0001"), Decimal(5), Decimal(9000)),
            },
        ),
        ("RATE_LIMIT_LOGIN", "5/second", Rate(5, 1)),
        ("RATE_LIMIT_IP", "10/day", Rate(10, 86_400)),
        ("RATE_LIMIT_IP", "off", None),
        (
            "TRUSTED_PROXIES",
            "10.0.0.7, 192.168.0.0/16,fd00::/8",
            (ip_network("10.0.0.7"), ip_network("192.168.0.0/16"), ip_network("fd00::/8")),
        ),
    ],
)
def test_a_setting_is_read_into_its_own_unit(name: str, text: str, value: object) -> None:
    settings = Settings.from_env({name: text})

    assert getattr(settings, name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("PORT", text) for text in ("0", "65536", "http", "-1", "8e3", "\u0661")),
        *(("MAX_WAIT", text) for text in ("60", "1.5h", "0s", "s", "1w", "-1s", "366d")),
        *(("EXCHANGE_WINDOW", text) for text in ("999ms", "61s")),
        *(("AGGREGATION_THRESHOLD", text) for text in ("0", "1e1", "-1", "$5", "0.000000001")),
        *(("SPREAD_BPS", text) for text in ("0.5", "10001")),
        ("ON_DEADLINE", "retry"),
        ("EXCHANGE_FEE", "usd"),
        *(("PRICING", text) for text in ("Average", "BTC=fixed", "btc=average", "BTC", "BTC=")),
        *(("PRICING", text) for text in ("average,BTC=quoted", "BTC=average,BTC=quoted")),
        *(("AUDIT_INTERVAL", text) for text in ("9s", "8d", "300", "Off")),
        *(("STEP_UP_WITHDRAWAL", text) for text in ("-1", "1e3", "Off", "1,000.00")),
        ("TAKE_ALONG", "maybe"),
        ("LOGLEVEL", "loud"),
        ("HOST", "a b"),
        ("ALLOWED_HOSTS", "a,,b"),
        ("POSTGRES_USER", "two words"),
        *(("EXCHANGE_QUOTE", text) for text in ("usdt", "A" * 17)),
        *(("PAPER_PRICES", text) for text in ("BTC", "BTC=0", "BTC=1,BTC=2", "btc=1", "BTC=1e5")),
        *(("PAPER_RULES", text) for text in ("BTC=1", "BTC=1:2:3:4", "BTC=a:b")),
        ("PAPER_CANDLES", "BTC=/there/is/no/such.csv"),
        *(("RATE_LIMIT_USER", text) for text in ("3", "0/minute", "3/week", "unlimited")),
        *(
            ("TRUSTED_PROXIES", text)
            for text in ("proxy", "10.0.0.1/8", "10.0.0.0/33", "*", "::1,")
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected_and_what_it_was(
    name: str, text: str
) -> None:
    [sentence] = sentences({name: text})

    assert sentence.startswith(f"{name} must be ")
    assert sentence.endswith(f'but was "{text}"')


@pytest.mark.parametrize(
    "url",
    ["localhost:1", "ftp://x", "http://", "http://u:p@x", "http://x/?a", "http://x:99999"],
)
def test_the_exchange_is_reached_at_a_plain_http_address(url: str) -> None:
    keys = {"EXCHANGE_API_KEY": "k", "EXCHANGE_API_SECRET": "signs requests"}

    [sentence] = sentences({"EXCHANGE_URL": url, **keys})
    settings = Settings.from_env({"EXCHANGE_URL": "https://api.example/", **keys})

    assert sentence.startswith("EXCHANGE_URL must be ")
    assert settings.exchange_url == "https://api.example"


def test_candles_are_files_that_exist(tmp_path: Path) -> None:
    file = tmp_path / "candles.csv"
    file.touch()

    settings = read(PAPER_CANDLES=f"BTC={file}")

    assert settings.paper_candles == {"BTC": file}


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ({"POSTGRES_SSLMODE": "require"}, ["POSTGRES_HOST"]),
        ({"POSTGRES_SSLMODE": "verify-full"}, ["POSTGRES_HOST", "POSTGRES_SSLROOTCERT"]),
        ({"REDIS_TLS": "1"}, ["REDIS_HOST"]),
    ],
)
def test_tls_is_spoken_with_servers_that_are_given_not_with_those_started_here(
    given: dict[str, str], needed: list[str]
) -> None:
    assert [line.split()[0] for line in sentences(given)] == needed


def test_all_that_is_wrong_is_reported_together() -> None:
    wrong = sentences({"PORT": "x", "MAX_WAIT": "60", "PAPER_SEED": "x"})

    assert [line.split()[0] for line in wrong] == ["PORT", "MAX_WAIT", "PAPER_SEED"]


def test_a_very_long_value_is_cut_in_its_sentence() -> None:
    [sentence] = sentences({"PRICING": "x" * 5000})

    assert len(sentence) < 200


def test_outside_the_embedded_mode_secrets_must_be_given() -> None:
    wrong = sentences({"POSTGRES_HOST": "db", "REDIS_HOST": "cache", "EXCHANGE_URL": "http://x"})

    assert {line.split()[0] for line in wrong} == {
        "SECRET_KEY",
        "JWT_SECRET_KEY",
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "EXCHANGE_API_KEY",
        "EXCHANGE_API_SECRET",
    }
    assert Settings.from_env(OUTSIDE).postgres_password == "correct horse"


@pytest.mark.parametrize("name", ["SECRET_KEY", "JWT_SECRET_KEY", "POSTGRES_PASSWORD"])
@pytest.mark.parametrize("text", ["secret", "ChangeMe", "new_password", "x" * 40])
def test_well_known_secrets_are_refused_without_showing_them(name: str, text: str) -> None:
    [sentence] = sentences(OUTSIDE | {name: text})

    assert sentence.startswith(f"{name} must be a secret")
    assert sentence.endswith("but was a well-known placeholder")


@pytest.mark.parametrize(
    ("text", "was"), [(KEY[1:], "31 bytes long"), ("ab" * 20, "a repetition of few characters")]
)
def test_keys_have_32_bytes_that_are_hard_to_guess(text: str, was: str) -> None:
    [sentence] = sentences({"SECRET_KEY": text})

    assert sentence.endswith(f"but was {was}")
    assert text not in sentence


def test_secrets_are_not_shown_by_repr() -> None:
    settings = Settings.from_env(
        OUTSIDE | {"EXCHANGE_API_KEY": "public-part", "EXCHANGE_API_SECRET": "private-part"}
    )

    shown = repr(settings)

    assert not [text for text in (KEY, "correct horse", "public-part", "private") if text in shown]
    assert settings.secret_key == (KEY,)


def test_another_process_reads_the_same_settings_from_what_is_passed_on() -> None:
    settings = read(PORT="8001", DATA_DIR="somewhere", PAPER_RULES="BTC=0.00001:10.00")

    passed_on = Settings.from_env(settings.to_env())

    assert passed_on.data_dir == settings.data_dir == Path.cwd() / "somewhere"
    assert passed_on.paper_rules == settings.paper_rules
    assert passed_on.port_given


def test_replaced_settings_are_validated_like_given_ones() -> None:
    settings = read(MAX_WAIT="60s").replaced({**OUTSIDE, "POSTGRES_PORT": "5544"})

    assert (settings.postgres_host, settings.postgres_port) == ("db", 5544)
    assert settings.max_wait == 60 * 10**6
    with pytest.raises(InvalidSettingsError, match="PORT must be"):
        settings.replaced({"PORT": "none"})


def test_an_empty_text_counts_as_not_given() -> None:
    assert read(POSTGRES_HOST="", PORT="").embedded_postgres
    assert not read(PORT="").port_given


def test_two_keys_may_sign_tokens_so_that_one_can_be_replaced() -> None:
    old, new = KEY, KEY[::-1]

    settings = Settings.from_env(OUTSIDE | {"JWT_SECRET_KEY": f"{new},{old}"})

    assert settings.jwt_secret_key == (new, old)
    assert KEY not in repr(settings)
    assert settings.replaced({}).jwt_secret_key == (new, old)


@pytest.mark.parametrize("text", [f"{KEY},", f"{KEY},{KEY}", f"{KEY},short", f"{KEY}, {'x' * 40}"])
def test_each_of_several_keys_must_be_good(text: str) -> None:
    [sentence] = sentences(OUTSIDE | {"JWT_SECRET_KEY": text})

    assert sentence.startswith("JWT_SECRET_KEY must be a secret of at least 32 bytes")
    assert KEY not in sentence
