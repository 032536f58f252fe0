"""What the settings make of the house's policy, and of the rate limits."""

import pytest

from crypto_exchange.bootstrap import policy
from crypto_exchange.domain.limits import Limit
from crypto_exchange.domain.policy import SECOND_US, Policy, Pricing
from crypto_exchange.entrypoints.cli.services import rate_limits
from crypto_exchange.settings import Settings


def test_without_settings_the_policy_is_the_default() -> None:
    assert policy(Settings.from_env({})) == Policy()


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


def test_the_rate_limits_are_those_of_the_settings() -> None:
    assert set(rate_limits(Settings.from_env({}))) == {
        Limit("ip", 3_000, 3_600 * SECOND_US),
        Limit("user", 1_000, 3_600 * SECOND_US),
        Limit("login", 3, 60 * SECOND_US),
        Limit("register", 3, 60 * SECOND_US),
        Limit("orders", 120, 60 * SECOND_US),
        Limit("withdrawals", 10, 60 * SECOND_US),
    }


def test_a_rate_limit_that_is_off_is_none() -> None:
    names = ("LOGIN", "REGISTER", "USER", "ORDERS", "WITHDRAWALS", "IP")

    assert rate_limits(Settings.from_env({f"RATE_LIMIT_{name}": "off" for name in names})) == ()
