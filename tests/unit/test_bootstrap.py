"""What the settings make of the house's policy."""

import pytest

from crypto_exchange.bootstrap import policy
from crypto_exchange.domain.policy import Policy, Pricing
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
