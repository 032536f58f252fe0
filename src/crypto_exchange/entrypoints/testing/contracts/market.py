"""The contracts of `Market` and `Ids`: subclass them and override `make_adapters`."""

from __future__ import annotations

import asyncio
import re

import msgspec

from crypto_exchange.domain import halting
from crypto_exchange.domain.asset import AssetStatus
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.policy import CLOCK_LEEWAY_US
from crypto_exchange.entrypoints.testing.contracts.scene import PRICE, RULE, START_US, StoreSuite


class MarketTests(StoreSuite):
    """Prices only get newer; rules say whether the exchange trades."""

    async def test_a_newer_price_replaces_an_older_one_and_never_the_other_way(self) -> None:
        scene = await self.scene()
        market = scene.store.market

        await market.save_prices({"BTC": 3}, START_US + 2)
        await market.save_prices({"BTC": 2}, START_US + 1)

        asset = await scene.asset()
        assert (asset.price, asset.priced_at_us) == (3, START_US + 2)

    async def test_a_price_from_the_future_gives_way_to_one_of_now(self) -> None:
        scene = await self.scene()
        market = scene.store.market
        await market.save_prices({"BTC": 3}, START_US + 86_400 * 10**6)

        await market.save_prices({"BTC": 2}, START_US + 1)

        asset = await scene.asset()
        assert (asset.price, asset.priced_at_us) == (2, START_US + 1)

    async def test_a_price_of_the_same_time_replaces_the_one_before(self) -> None:
        scene = await self.scene()

        await scene.store.market.save_prices({"BTC": 3}, START_US)

        assert (await scene.asset()).price == 3

    async def test_a_price_of_a_clock_that_is_a_little_ahead_is_kept(self) -> None:
        scene = await self.scene()
        market = scene.store.market
        await market.save_prices({"BTC": 3}, START_US + CLOCK_LEEWAY_US)

        await market.save_prices({"BTC": 2}, START_US)
        kept = await scene.asset()
        await market.save_prices({"BTC": 1}, START_US - 1)

        assert (kept.price, kept.priced_at_us) == (3, START_US + CLOCK_LEEWAY_US)
        asset = await scene.asset()
        assert (asset.price, asset.priced_at_us) == (1, START_US - 1)

    async def test_prices_and_rules_are_of_the_assets_that_they_name_alone(self) -> None:
        scene = await self.scene()
        eth = await scene.list_asset("ETH", price=7)
        market = scene.store.market

        await market.save_prices({"BTC": 2}, START_US + 1)
        await market.save_rules({"BTC": None})
        await market.save_rules({"BTC": msgspec.structs.replace(RULE, lot_step=7)})
        await market.save_prices({}, START_US + 2)
        await market.save_rules({})

        assert await scene.asset("ETH") == eth

    async def test_saving_prices_returns_all_assets_as_they_are_now(self) -> None:
        scene = await self.scene()
        await scene.list_asset("ABAN")

        assets = await scene.store.market.save_prices({"BTC": 7, "NONE": 1}, START_US + 5)

        assert [(a.symbol, a.price) for a in assets] == [("ABAN", PRICE), ("BTC", 7)]
        assert assets == await scene.store.queries.list_assets()

    async def test_a_large_price_is_kept_exactly(self) -> None:
        scene = await self.scene()
        price = 123_456_789_123_456_789_012_345

        await scene.store.market.save_prices({"BTC": price}, START_US + 1)

        assert (await scene.asset()).price == price

    async def test_a_price_does_not_raise_the_version(self) -> None:
        scene = await self.scene()
        before = await scene.asset()

        await scene.store.market.save_prices({"BTC": 3}, START_US + 1)

        assert (await scene.asset()).version == before.version

    async def test_without_rules_the_exchange_does_not_trade_and_the_last_ones_are_kept(
        self,
    ) -> None:
        scene = await self.scene()
        market = scene.store.market

        await market.save_rules({"BTC": None, "NONE": None})
        halted = await scene.asset()
        await market.save_rules({"BTC": RULE})
        resumed = await scene.asset()

        assert (halted.trading, halted.status, halted.rule) == (False, AssetStatus.HALTED, RULE)
        assert not halted.halted
        assert (resumed.trading, resumed.status) == (True, AssetStatus.ACTIVE)

    async def test_changed_rules_raise_the_version_and_the_same_ones_do_not(self) -> None:
        scene = await self.scene()
        rule, version = RULE, (await scene.asset()).version
        changes = {
            "lot_step": 10**27,
            "min_notional": 7 * DOLLAR,
            "min_quantity": 2_000,
            "max_quantity": 10**27 + 1,
            "fee_ppm": 1_000,
        }
        for number, (field, value) in enumerate(changes.items(), start=1):
            rule = msgspec.structs.replace(rule, **{field: value})

            for _ in range(2):
                await scene.store.market.save_rules({"BTC": rule})

            asset = await scene.asset()
            assert (asset.rule, asset.version) == (rule, version + number)

    async def test_that_the_exchange_does_not_trade_raises_the_version_once(self) -> None:
        scene = await self.scene()
        version = (await scene.asset()).version

        for _ in range(2):
            await scene.store.market.save_rules({"BTC": None})
        halted = await scene.asset()
        for _ in range(2):
            await scene.store.market.save_rules({"BTC": RULE})

        assert (halted.trading, halted.version) == (False, version + 1)
        resumed = await scene.asset()
        assert (resumed.trading, resumed.version) == (True, version + 2)

    async def test_an_asset_that_an_operator_halted_stays_so_when_the_exchange_trades_it(
        self,
    ) -> None:
        scene = await self.scene()
        await scene.commit(halting.halt(await scene.asset(), halted=True, at_us=scene.tick()))

        await scene.store.market.save_rules({"BTC": None})
        await scene.store.market.save_rules({"BTC": RULE})

        assert (await scene.asset()).halted

    async def test_an_operators_halt_does_not_take_a_newer_price_back(self) -> None:
        scene = await self.scene()
        change = halting.halt(await scene.asset(), halted=True, at_us=scene.tick())
        await scene.store.market.save_prices({"BTC": 3}, START_US + 1)

        await scene.commit(change)

        asset = await scene.asset()
        assert (asset.halted, asset.price, asset.priced_at_us) == (True, 3, START_US + 1)


class IdsTests(StoreSuite):
    """Ids are never given twice."""

    async def test_ids_asked_for_at_once_are_different_and_exact_in_json(self) -> None:
        ids = (await self.adapters()).ids

        orders = await asyncio.gather(*(ids.next_order_id() for _ in range(300)))
        orders += [await ids.next_order_id() for _ in range(300)]
        users = await asyncio.gather(*(ids.next_user_id() for _ in range(300)))

        assert (len(set(orders)), len(set(users))) == (600, 300)
        assert all(0 < ident < 2**53 for ident in (*orders, *users))

    async def test_keys_are_different_and_of_24_hexadecimal_characters(self) -> None:
        ids = (await self.adapters()).ids

        keys = {ids.new_key() for _ in range(3_000)}

        assert len(keys) == 3_000
        assert all(re.fullmatch("[0-9a-f]{24}", key) for key in keys)
