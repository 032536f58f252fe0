"""Identifiers: order ids from blocks of a sequence, random keys."""

from __future__ import annotations

import asyncio
import secrets

from crypto_exchange.adapters.postgres.pool import Database
from crypto_exchange.domain.ids import OrderId, UserId

ORDER_BLOCK = 100
"""How far the sequence `order_ids` steps: one number stands for so many ids."""


class PostgresIds:
    """Ids below 2⁵³. A process that ends leaves a gap of what it had not used of its block."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._block = iter(range(0))
        self._refill = asyncio.Lock()

    async def next_user_id(self) -> UserId:
        return int(await self._database.fetchval("SELECT nextval('user_ids')"))

    async def next_order_id(self) -> OrderId:
        while True:
            for order_id in self._block:
                return order_id
            empty = self._block
            async with self._refill:
                if self._block is empty:
                    first = int(await self._database.fetchval("SELECT nextval('order_ids')"))
                    self._block = iter(range(first, first + ORDER_BLOCK))

    def new_key(self) -> str:
        return secrets.token_hex(12)
