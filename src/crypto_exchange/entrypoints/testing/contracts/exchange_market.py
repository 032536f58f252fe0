"""The contract of `Exchange` about what a venue tells of its market, which changes while it is talked to."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec

from crypto_exchange.domain.ports import Exchange
from crypto_exchange.entrypoints.testing.contracts.checks import (
    Suite,
    given,
    optional,
    requires,
    since,
)
from crypto_exchange.entrypoints.testing.contracts.venue_script import COIN, RULE, Script


class ScriptedMarketTests(Suite, port="exchange"):
    """Prices, rules and balances are those of now, and limits such that nothing is asked for in vain."""

    @optional
    def make_scripted(self, script: Script) -> Exchange | Awaitable[Exchange]:
        """Give an adapter, its clock compared, to a venue that tells what a script says."""
        raise NotImplementedError

    @requires("make_scripted")
    @since("2")
    async def test_what_has_changed_at_the_venue_is_told_the_next_time(self) -> None:
        script = Script(balances={"USD": ("10", "0")})
        exchange = await given(self.make_scripted(script))
        before = await _ask(exchange, script)

        script.price, script.balances = "51000.25", {"USD": ("4", "0")}
        script.rule = msgspec.structs.replace(
            RULE, lot_step=1_000, min_notional=7 * COIN, min_quantity=2_000, max_quantity=80 * COIN
        )

        assert before == (50_000 * 10**12, RULE, 10 * COIN)
        assert await _ask(exchange, script) == (5_100_025 * 10**10, script.rule, 4 * COIN)

    @requires("make_scripted")
    @since("2")
    async def test_limits_between_two_lot_steps_count_as_the_stricter_one(self) -> None:
        between = msgspec.structs.replace(RULE, min_quantity=250, max_quantity=90 * COIN + 50)
        script = Script(rule=between)
        exchange = await given(self.make_scripted(script))

        _, rule, _ = await _ask(exchange, script)

        strict = msgspec.structs.replace(between, min_quantity=300, max_quantity=90 * COIN)
        assert rule == strict


async def _ask(exchange: Exchange, script: Script) -> tuple[object, object, object]:
    """The price and the rule of the asset, and the dollars there."""
    prices = await exchange.list_prices([script.asset])
    rules = await exchange.list_rules({script.asset: 8})
    balances = await exchange.list_balances({"USD": 8})
    return prices.get(script.asset), rules[script.asset], balances.get("USD")
