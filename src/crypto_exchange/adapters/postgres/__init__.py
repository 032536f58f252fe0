"""Postgres: the truth. Order path and settlement are set-based statements over asyncpg.

`schema` (migrations) and `dump` need SQLAlchemy and are imported by whom they concern.
"""

from crypto_exchange.adapters.postgres.event_log import EventLog, LoggedEvent
from crypto_exchange.adapters.postgres.ids import PostgresIds
from crypto_exchange.adapters.postgres.market import PostgresMarket
from crypto_exchange.adapters.postgres.pool import Database, open_database
from crypto_exchange.adapters.postgres.read_models import PostgresReadModels
from crypto_exchange.adapters.postgres.signals import PostgresSignals
from crypto_exchange.adapters.postgres.unit_of_work import PostgresBegin

__all__ = [
    "Database",
    "EventLog",
    "LoggedEvent",
    "PostgresBegin",
    "PostgresIds",
    "PostgresMarket",
    "PostgresReadModels",
    "PostgresSignals",
    "open_database",
]
