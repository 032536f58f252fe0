"""Where times and identifiers come from."""

from __future__ import annotations

import secrets

from crypto_exchange.domain.ids import OrderId, UserId
from crypto_exchange.domain.state import State


class MemoryClock:
    """A clock that stands still until it is moved; microseconds."""

    def __init__(self, at_us: int = 0) -> None:
        self.at_us = at_us

    def now_us(self) -> int:
        return self.at_us

    def advance(self, us: int) -> None:
        """Let time pass."""
        self.at_us += us


class MemoryIds:
    """Ids counted in the state, random keys."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def next_user_id(self) -> UserId:
        return self._state.next_user_id()

    async def next_order_id(self) -> OrderId:
        return self._state.next_order_id()

    def new_key(self) -> str:
        return secrets.token_hex(12)
