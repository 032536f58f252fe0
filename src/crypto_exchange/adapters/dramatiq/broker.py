"""The message broker: Dramatiq's over Redis, with what matters here set."""

from __future__ import annotations

import logging
from typing import Any

import redis
from dramatiq.brokers.redis import RedisBroker
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry
from typing_extensions import override

NAMESPACE = "{dramatiq}"
QUEUE = "trading"
DEAD_MESSAGES_KEPT_MS = 3_600_000


def make_broker(url: str, *, heartbeat_s: float, timeout_s: float) -> RedisBroker:
    """A broker whose messages come back `heartbeat_s` after the death of the worker that had them.

    No middleware: no retries, delays or results, for what matters is in the database, and no event
    loop of its own, for the worker has one. Every command looks for dead workers' messages; by
    default one in a thousand would, and a message come back after a quarter of an hour.
    """
    pool = redis.ConnectionPool.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
    for name in (QUEUE, f"{QUEUE}.DQ"):
        logger = logging.getLogger(f"dramatiq.worker.ConsumerThread({name})")
        logger.addFilter(_is_unexpected)
    return RedisBroker(  # type: ignore[no-untyped-call]  # it declares no types
        client=_Client(connection_pool=pool),
        middleware=[],
        namespace=NAMESPACE,
        maintenance_chance=1_000_000,
        heartbeat_timeout=round(heartbeat_s * 1_000),
        dead_message_ttl=DEAD_MESSAGES_KEPT_MS,
    )


class _Client(redis.Redis):
    """Shows every failure as a lost connection, the only one that Dramatiq's consumers expect."""

    @override
    def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # as above
        except (NoScriptError, redis.ConnectionError):
            raise
        except RedisError as error:
            raise redis.ConnectionError(type(error).__name__) from error


def _is_unexpected(record: logging.LogRecord) -> bool:
    """Keep consumers from logging every try to reach Redis; the relay says once that it is gone."""
    return record.exc_info is not None
