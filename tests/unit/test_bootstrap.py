"""What the settings make of the house's policy, and of the rate limits."""

from pathlib import Path

import pytest

from crypto_exchange.bootstrap import policy
from crypto_exchange.bootstrap.addresses import postgres_dsn, read_addresses, redis_url
from crypto_exchange.domain.limits import Limit
from crypto_exchange.domain.policy import SECOND_US, Policy, Pricing
from crypto_exchange.domain.risk_policy import RiskMode, RiskPolicy
from crypto_exchange.entrypoints.cli.services import rate_limits
from crypto_exchange.settings import Settings


def test_without_settings_the_policy_is_the_default() -> None:
    assert policy(Settings.from_env({})) == Policy(risk=RiskPolicy())


@pytest.mark.parametrize(
    ("text", "priced"),
    [
        ("quoted", {"BTC": Pricing.QUOTED, "ETH": Pricing.QUOTED}),
        ("average", {"BTC": Pricing.AVERAGE, "ETH": Pricing.AVERAGE}),
        ("BTC=average", {"BTC": Pricing.AVERAGE, "ETH": Pricing.QUOTED}),
        ("BTC=average,ETH=quoted", {"BTC": Pricing.AVERAGE, "ETH": Pricing.QUOTED}),
    ],
)
def test_pricing_is_chosen_for_all_assets_or_for_some(
    text: str, priced: dict[str, Pricing]
) -> None:
    rules = policy(Settings.from_env({"PRICING": text}))

    assert {symbol: rules.pricing_of(symbol) for symbol in priced} == priced


def test_taking_along_can_be_switched_off() -> None:
    assert not policy(Settings.from_env({"TAKE_ALONG": "off"})).take_along


def test_the_fraud_rules_have_the_numbers_of_the_settings() -> None:
    settings = Settings.from_env(
        {
            "FRAUD_RULES": "enforce",
            "FRAUD_ORDERS_PER_MINUTE": "7",
            "FRAUD_ORDERS_PER_DAY": "20.50",
            "FRAUD_WITHDRAWALS_PER_DAY": "30",
            "FRAUD_NEW_ACCOUNT": "2h",
        }
    )

    assert policy(settings).risk == RiskPolicy(
        mode=RiskMode.ENFORCE,
        orders_per_minute=7,
        dollars_per_day=2_050_000_000,
        withdrawn_per_day=3_000_000_000,
        new_account_us=7_200 * SECOND_US,
    )


def test_the_rate_limits_are_those_of_the_settings() -> None:
    assert set(rate_limits(Settings.from_env({}))) == {
        Limit("ip", 3_000, 3_600 * SECOND_US),
        Limit("user", 1_000, 3_600 * SECOND_US),
        Limit("login", 3, 60 * SECOND_US),
        Limit("register", 3, 60 * SECOND_US),
        Limit("orders", 120, 60 * SECOND_US),
        Limit("withdrawals", 10, 60 * SECOND_US),
        Limit("exports", 5, 3_600 * SECOND_US),
    }


def test_a_rate_limit_that_is_off_is_none() -> None:
    names = ("LOGIN", "REGISTER", "USER", "ORDERS", "WITHDRAWALS", "EXPORTS", "IP")

    assert rate_limits(Settings.from_env({f"RATE_LIMIT_{name}": "off" for name in names})) == ()


@pytest.mark.parametrize("checked", [True, False])
def test_addresses_say_how_to_speak_tls_and_are_read_back(tmp_path: Path, checked: bool) -> None:
    authority = tmp_path / "who signs & why.pem"
    authority.touch()
    given = {
        "SECRET_KEY": "0123456789abcdef0123456789abcdef",
        "JWT_SECRET_KEY": "0123456789abcdef0123456789abcdef",
        "POSTGRES_HOST": "::1",
        "POSTGRES_PASSWORD": "p&/?@ 1",
        "POSTGRES_SSLMODE": "verify-full" if checked else "require",
        "REDIS_HOST": "cache",
        "REDIS_PASSWORD": "p&/?@ 2",
        "REDIS_TLS": "on",
    }
    if checked:
        given |= dict.fromkeys(("POSTGRES_SSLROOTCERT", "REDIS_CA"), str(authority))
    settings = Settings.from_env(given)

    read = read_addresses(postgres_dsn(settings), redis_url(settings))

    keys = {name: given[name] for name in given if name.endswith("SECRET_KEY")}
    assert Settings.from_env({**read, **keys}) == settings.replaced(read)
    assert read.items() >= (given.items() - keys.items())


def test_without_further_settings_addresses_are_plain() -> None:
    settings = Settings.from_env({})

    assert "?" not in postgres_dsn(settings) + redis_url(settings)
    assert redis_url(settings).startswith("redis://")
