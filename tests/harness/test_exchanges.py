"""The exchange adapters over venues that are scripted: what no venue does because somebody trades there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from crypto_exchange.domain.ports import Exchange
from crypto_exchange.entrypoints.testing.contracts import (
    RefusedOrderTests,
    Script,
    ScriptedVenueTests,
)
from tests.ccxt_answers import ORDER_CALLS
from tests.harness.scripted_binance import ENDED, ScriptedBinance
from tests.integration import test_binance_adapter, test_ccxt_adapter
from tests.integration.test_binance_adapter import http, listening
from tests.paper_venue import KEY, SECRET

REFUSALS = {
    "kraken": {"error": ["EOrder:Insufficient funds"]},
    "okx": {"code": "1", "msg": "", "data": [{"sCode": "51008", "sMsg": "Low"}]},
    "bybit": {"retCode": 170131, "retMsg": "Insufficient balance."},
}


class _OverBinance(ScriptedVenueTests, RefusedOrderTests):
    async def connect(self, url: str) -> Exchange:
        """An adapter that speaks the protocol, its clock compared."""
        raise NotImplementedError

    @override
    async def make_scripted(self, script: Script) -> Exchange:
        server = await self.resources.enter_async_context(listening(ScriptedBinance(script)))
        return await self.connect(server.url)

    @override
    async def make_refusing(self, status: int | None) -> Exchange:
        venue = ScriptedBinance(Script(), refused_with=status or 400)
        server = await self.resources.enter_async_context(listening(venue))
        return await self.connect(server.url)

    @override
    def list_ended(self) -> Sequence[str]:
        return ENDED


class TestBinance(_OverBinance):
    @override
    async def connect(self, url: str) -> Exchange:
        opened = test_binance_adapter.connected(url, in_step=False)
        exchange = await self.resources.enter_async_context(opened)
        await exchange.sync_clock()
        return exchange


class TestCcxt(_OverBinance):
    """ccxt's Binance client."""

    @override
    async def connect(self, url: str) -> Exchange:
        opened = test_ccxt_adapter.connected("binance", url, {"apiKey": KEY, "secret": SECRET})
        exchange = await self.resources.enter_async_context(opened)
        await exchange.sync_clock()
        return exchange


class TestKraken(RefusedOrderTests):
    """Others that ccxt speaks to: their own tables say what a refusal is."""

    exchange_id: ClassVar[str] = "kraken"

    @override
    async def make_refusing(self, status: int | None) -> Exchange:
        name = self.exchange_id
        refusal = http(REFUSALS[name], status or 200)
        opened = test_ccxt_adapter.answering(name, {ORDER_CALLS[name]: refusal})
        exchange, _ = await self.resources.enter_async_context(opened)
        await exchange.sync_clock()
        return exchange


class TestOkx(TestKraken):
    exchange_id = "okx"
    requests_expire = False


class TestBybit(TestKraken):
    exchange_id = "bybit"
    requests_expire = False
