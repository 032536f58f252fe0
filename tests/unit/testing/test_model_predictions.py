"""What the model says in advance is what the broker then does."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from typing_extensions import override

from crypto_exchange.domain.errors import DomainError
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.use_cases import orders, trading
from crypto_exchange.entrypoints.testing.model import ModelOrder, ReferenceModel
from tests.builders import usd
from tests.unit.testing.histories import SYMBOLS, Broker


class Foretold(Broker):
    """A broker whose every order and every look at an asset the model foretells."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.model, self.fed = ReferenceModel(), 0
        self.model.alone = True
        self.met: Counter[str] = Counter()

    def catch_up(self) -> ReferenceModel:
        for record in self.records[self.fed :]:
            assert self.model.feed(record) == []
        self.fed = len(self.records)
        return self.model

    @override
    async def place(self, user_id: int, symbol: str, **wanted: Any) -> None:
        model = self.catch_up()
        balance = model.wallets[user_id]
        at_us = self.clock.now_us()
        expected = model.quote(symbol, at_us=at_us, balance=balance, **wanted)
        command = PlaceOrder(user_id=user_id, asset=symbol, **wanted)

        found = await self.try_to_place(command)

        if isinstance(found, str):
            assert expected == found
            self.met[found] += 1
            return
        assert isinstance(expected, ModelOrder), f"expected {expected}, was {found}"
        self.met["direct" if found.direct else "waiting"] += 1
        placed = self.catch_up().orders[found.id]
        for field in ("quantity", "unit_price", "total", "direct", "pricing", "state"):
            assert getattr(expected, field) == getattr(placed, field)

    async def try_to_place(self, command: PlaceOrder) -> Order | str:
        """The order, or the refusal's code."""
        try:
            order, _, _ = await orders.place(self.context, command)
        except DomainError as error:
            return error.code
        self.placed.append(order)
        return order

    @override
    async def race(self) -> None:
        """Nobody can foretell who is first."""

    @override
    async def work(self) -> None:
        for symbol in SYMBOLS:
            await self.look(symbol)
        await super().work()

    async def look(self, symbol: str) -> None:
        model = self.catch_up()
        expected = model.must_seal(symbol, self.clock.now_us())
        before = len(self.records)

        sealed = await trading.seal_due(self.context, symbol)

        self.met[f"look {expected}"] += 1
        assert expected == (len(self.records) > before)
        for key, purchase in sealed:
            await trading.execute(self.context, key, purchase)


def test_orders_and_seals_are_as_the_model_foretells() -> None:
    met: Counter[str] = Counter()

    for seed in range(40):
        broker = Foretold(seed)
        asyncio.run(broker.live(60))
        assert broker.catch_up().finish() == []
        met += broker.met

    assert met.keys() >= {
        "direct",
        "waiting",
        "insufficient_funds",
        "price_stale",
        "asset_halted",
        "amount_too_large",
        "invalid_amount",
        "look True",
        "look False",
    }


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, "invalid_field"),
        ({"amount": 1, "spend": 1}, "invalid_field"),
        ({"amount": 0}, "invalid_amount"),
        ({"amount": -1}, "invalid_amount"),
        ({"spend": usd("0.01") - 1}, "invalid_amount"),
        ({"spend": usd("10000000.01")}, "amount_too_large"),
        ({"amount": 10**17 + 1}, "amount_too_large"),
        ({"amount": 1}, "invalid_amount"),
        ({"spend": usd("1000.01")}, "insufficient_funds"),
    ],
)
def test_a_refusal_is_quoted_by_its_code(wanted: dict[str, Any], expected: str) -> None:
    broker = Broker(1)
    model = ReferenceModel()
    for record in broker.records:
        model.feed(record)

    refused = model.quote("ABAN", at_us=broker.clock.now_us(), balance=usd("1000.00"), **wanted)

    assert refused == expected


def test_an_unknown_asset_is_quoted_as_such() -> None:
    assert ReferenceModel({}).quote("NOPE", spend=1, at_us=0, balance=0) == "unknown_asset"
