"""A connection to Redis that never raises and never keeps its caller waiting."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

LOG = logging.getLogger(__name__)
MAX_CONNECTIONS = 50

Result = TypeVar("Result")


class RedisConnection:
    """One pool of connections of one process, with a circuit breaker.

    A command waits at most `timeout_s` for a connection, as long for each answer, and is not tried
    again. After a failure all commands are skipped for `rest_s`; then one of them is let through.
    """

    def __init__(self, url: str, *, timeout_s: float = 0.2, rest_s: float = 1.0) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        self.client: Redis = Redis.from_pool(pool)
        self._rest_s = rest_s
        self._failing = False
        self._next_try = 0.0

    async def attempt(self, command: Callable[..., Awaitable[Result]], *args: Any) -> Result | None:
        """Run a command of the client; None if Redis is down."""
        if self._failing:
            now = time.monotonic()
            if now < self._next_try:
                return None
            self._next_try = now + self._rest_s
        try:
            result = await command(*args)
        # TimeoutError is an OSError; uvloop answers a write to a closed connection by RuntimeError.
        except (RedisError, OSError, RuntimeError) as error:
            self._fail(error)
            return None
        if self._failing:
            self._failing = False
            LOG.info("Redis answers again")
        return result

    async def close(self) -> None:
        """Close all connections."""
        await self.client.aclose()

    def _fail(self, error: Exception) -> None:
        self._next_try = time.monotonic() + self._rest_s
        if not self._failing:
            self._failing = True
            LOG.warning("Redis does not answer, going on without it: %s", type(error).__name__)
