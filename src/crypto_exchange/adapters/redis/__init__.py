"""Redis: what makes the service faster, and what it can do without."""

from crypto_exchange.adapters.redis.asset_cache import RedisAssetCache
from crypto_exchange.adapters.redis.connection import RedisConnection
from crypto_exchange.adapters.redis.limiter import RedisLimiter
from crypto_exchange.adapters.redis.tally import RedisTally

__all__ = ["RedisAssetCache", "RedisConnection", "RedisLimiter", "RedisTally"]
