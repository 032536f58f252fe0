"""Postgres and Valkey from wheels, started, watched and stopped by us."""

from crypto_exchange.adapters.embedded.ports import free_port, next_free_port
from crypto_exchange.adapters.embedded.postgres import EmbeddedPostgres
from crypto_exchange.adapters.embedded.private_file import embedded_secrets, write_private
from crypto_exchange.adapters.embedded.processes import Process, Program, stop_leftovers
from crypto_exchange.adapters.embedded.server import EmbeddedServer, EmbeddedServerError
from crypto_exchange.adapters.embedded.valkey import EmbeddedValkey

__all__ = [
    "EmbeddedPostgres",
    "EmbeddedServer",
    "EmbeddedServerError",
    "EmbeddedValkey",
    "Process",
    "Program",
    "embedded_secrets",
    "free_port",
    "next_free_port",
    "stop_leftovers",
    "write_private",
]
