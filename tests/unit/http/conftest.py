"""The API over memory: a whole service in this process, with a clock that stands still."""

from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar

from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.http.config import HttpConfig
from tests.unit.http.api import Api
from tests.unit.http.application import app_over, client_of

NOW_US = 1_767_225_600_000_001  # 2026-01-01T00:00:00.000001Z


def asset(symbol: str, price: str, lot_step: int = 10**5, priced_at_us: int = NOW_US) -> Asset:
    return Asset(
        symbol=symbol,
        rule=MarketRule(lot_step=lot_step, min_notional=5 * 10**8),
        price=int(price.replace(".", "").ljust(12 + len(price.partition(".")[0]), "0")),
        priced_at_us=priced_at_us,
    )


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock(NOW_US)


@pytest.fixture
def context(clock: MemoryClock) -> Context:
    assets = (asset("ABAN", "20.00"), asset("BTC", "63127.41", 1000), asset("ETH", "2500.5"))
    return memory_context(assets=assets, clock=clock)


async def nothing_missing() -> str | None:
    return None


@pytest.fixture
def config() -> HttpConfig:
    return HttpConfig(find_missing=nothing_missing)


@pytest.fixture
def app(context: Context, config: HttpConfig) -> Litestar:
    return app_over(context, config)


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def api(client: httpx.AsyncClient) -> Api:
    return await Api.open(client)
