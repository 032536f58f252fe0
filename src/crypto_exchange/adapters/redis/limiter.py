"""Rate limits that all processes share: one counter with an expiry for each key."""

from __future__ import annotations

from crypto_exchange.adapters.redis.connection import RedisConnection
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.limits import Grant, Limit

# Redis stops its clock while a script runs, so a counter does not end between two of its lines.
_TAKE = """
local quota, window_ms, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local granted = math.min(count, quota - used)
if used == 0 then
  redis.call('SET', KEYS[1], granted, 'PX', window_ms)
elseif granted > 0 then
  redis.call('INCRBY', KEYS[1], granted)
end
return {granted, quota - used - granted, redis.call('PTTL', KEYS[1])}
"""


class RedisLimiter:
    """A `Limiter`. Its time is the server's, in milliseconds; only whole ones are counted."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._take = connection.client.register_script(_TAKE)

    async def take(self, key: str, limit: Limit, count: int) -> Grant:
        window_ms = limit.window_us // 1_000
        keys, arguments = [_counter_key(key, limit)], [limit.quota, window_ms, count]
        told = await self._connection.attempt(self._take, keys, arguments)
        if told is None:
            raise Unavailable("redis: expected a count of calls, was no answer")
        granted, left, reset_ms = told
        return Grant(granted, left, reset_ms * 1_000)


def _counter_key(key: str, limit: Limit) -> str:
    """With the limit in it, so that one that an operator changes begins anew."""
    return f"cx:{{{limit.name}:{key}}}:{limit.quota}/{limit.window_us // 1_000}"
