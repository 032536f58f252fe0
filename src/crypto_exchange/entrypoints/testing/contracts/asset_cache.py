"""The contract of `AssetCache`: subclass it and override `make_cache`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import msgspec

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.ports import AssetCache
from crypto_exchange.entrypoints.testing.contracts.checks import (
    Suite,
    given,
    optional,
    requires,
    since,
)
from crypto_exchange.entrypoints.testing.contracts.scene import PRICE, RULE

BTC = Asset(symbol="BTC", rule=RULE, price=PRICE, priced_at_us=100, version=3)
ABAN = Asset(symbol="ABAN", rule=RULE, scale=2)


class AssetCacheTests(Suite):
    """What was put is near by; what is older than that never comes back."""

    def make_cache(self) -> AssetCache | Awaitable[AssetCache]:
        """Give a cache that holds nothing."""
        raise NotImplementedError

    @optional
    def seconds_left(self, cache: AssetCache) -> float | Awaitable[float]:
        """Say, to the millisecond, in how many seconds what a cache keeps ends if nothing is put."""
        raise NotImplementedError

    async def test_an_empty_cache_is_a_miss(self) -> None:
        cache = await given(self.make_cache())

        assert await cache.find("BTC") is None
        assert await cache.list_all() is None

    async def test_what_was_put_is_found_as_it_was(self) -> None:
        cache = await given(self.make_cache())
        rule = msgspec.structs.replace(
            RULE, min_notional=7 * DOLLAR, min_quantity=1, max_quantity=10**20, fee_ppm=1_000
        )
        halted = Asset(
            symbol="ETH",
            rule=rule,
            scale=18,
            price=123_456_789_123_456_789,
            priced_at_us=1_767_225_600_000_001,
            halted=True,
            trading=False,
            version=9,
        )

        await cache.put([BTC, halted, ABAN])

        assert await cache.find("ETH") == halted
        assert await cache.find("ABAN") == ABAN
        assert await cache.list_all() == (ABAN, BTC, halted)

    async def test_an_unknown_symbol_is_a_miss(self) -> None:
        cache = await given(self.make_cache())
        await cache.put([BTC])

        assert await cache.find("ETH") is None

    async def test_an_asset_with_a_newer_price_replaces_an_older_one_and_never_the_other_way(
        self,
    ) -> None:
        cache = await given(self.make_cache())
        newer = msgspec.structs.replace(BTC, price=PRICE + 1, priced_at_us=101)

        await cache.put([BTC])
        await cache.put([newer])
        await cache.put([BTC])

        assert await cache.find("BTC") == newer
        assert await cache.list_all() == (newer,)

    async def test_of_two_of_the_same_age_the_last_one_counts(self) -> None:
        cache = await given(self.make_cache())
        again = msgspec.structs.replace(BTC, price=PRICE + 1)

        await cache.put([BTC])
        await cache.put([again])

        assert await cache.find("BTC") == again

    async def test_a_newer_version_wins_over_a_newer_price(self) -> None:
        cache = await given(self.make_cache())
        halted = msgspec.structs.replace(BTC, halted=True, version=4)
        late = msgspec.structs.replace(BTC, price=PRICE + 1, priced_at_us=200)

        await cache.put([halted])
        await cache.put([late])

        assert await cache.find("BTC") == halted

    async def test_an_asset_without_a_price_is_older_than_one_with(self) -> None:
        cache = await given(self.make_cache())
        priced = msgspec.structs.replace(ABAN, price=PRICE, priced_at_us=1)

        await cache.put([ABAN])
        await cache.put([priced])
        await cache.put([ABAN])

        assert await cache.find("ABAN") == priced

    async def test_of_many_assets_each_is_as_new_as_it_came(self) -> None:
        cache = await given(self.make_cache())
        later = msgspec.structs.replace(BTC, price=PRICE + 1, priced_at_us=200)
        halted = msgspec.structs.replace(ABAN, halted=True, version=1)

        await cache.put([ABAN, later])
        await cache.put([halted, BTC])

        assert await cache.list_all() == (halted, later)

    @requires("seconds_left")
    @since("2")
    async def test_what_is_ignored_does_not_prolong_what_is_kept(self) -> None:
        """Else a cache that is newer than a restored database would be in its way for ever."""
        cache = await given(self.make_cache())
        older = msgspec.structs.replace(BTC, priced_at_us=99)
        await cache.put([BTC])
        await asyncio.sleep(0.1)
        before = await given(self.seconds_left(cache))

        await cache.put([older])

        assert 0 < await given(self.seconds_left(cache)) <= before

    async def test_a_newly_listed_asset_is_added(self) -> None:
        cache = await given(self.make_cache())

        await cache.put([BTC])
        await cache.put([ABAN, BTC])

        assert await cache.list_all() == (ABAN, BTC)
