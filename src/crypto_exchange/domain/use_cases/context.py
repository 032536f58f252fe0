"""Context: the ports that use cases work with, built once at start; and how they commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import msgspec

from crypto_exchange.domain.access import CommonPasswords
from crypto_exchange.domain.credentials import PasswordHasher, Tokens, Vault
from crypto_exchange.domain.errors import Conflict, Unavailable
from crypto_exchange.domain.intent import Stamp
from crypto_exchange.domain.policy import SECOND_US, Policy
from crypto_exchange.domain.ports import (
    AssetCache,
    Begin,
    Clock,
    Exchange,
    Ids,
    Limiter,
    Market,
    Tally,
    UnitOfWork,
)
from crypto_exchange.domain.queries import ReadModels

PATIENCE_US = 5 * SECOND_US
"""How long a command is tried again after lost races."""

Result = TypeVar("Result")


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """One object per process."""

    policy: Policy
    begin: Begin
    clock: Clock
    ids: Ids
    queries: ReadModels
    market: Market
    cache: AssetCache
    tally: Tally
    limiter: Limiter
    exchange: Exchange
    passwords: PasswordHasher
    tokens: Tokens
    vault: Vault
    common_passwords: CommonPasswords = CommonPasswords()

    def stamp(self) -> Stamp:
        """Now, on both clocks; on ours alone while the exchange's is not known."""
        try:
            exchange_ms = self.exchange.now_ms()
        except Unavailable:
            exchange_ms = None
        return Stamp(at_us=self.clock.now_us(), exchange_ms=exchange_ms)

    def keys(self) -> Iterator[str]:
        """Random keys without end."""
        while True:
            yield self.ids.new_key()


async def transact(context: Context, script: Callable[[UnitOfWork], Awaitable[Result]]) -> Result:
    """Run load → decide → commit, again after a lost race, then with what it loads locked.

    Raises:
        Unavailable: it did not go through within the patience.
    """
    give_up_at_us = context.clock.now_us() + PATIENCE_US
    lock = False
    while True:
        try:
            async with context.begin(lock=lock) as work:
                return await script(work)
        except Conflict as conflict:
            if context.clock.now_us() >= give_up_at_us:
                raise Unavailable("too many commands for one account at once") from conflict
            lock = True
