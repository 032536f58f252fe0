"""Errors of the driver and the database in the words of the ports, decided on the SQLSTATE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import (
    Conflict,
    InvariantViolation,
    RequestRepeated,
    Unavailable,
    UsernameTaken,
)

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was cut in the middle of an operation
    OSError,
)
_LOST_RACE = frozenset({"40001", "40P01", "23505"})
"""Serialization failure, deadlock, and a row that somebody else has inserted."""
_AWAY = ("08", "25006", "25P03", "25P04", "28", "3D", "40003", "53", "55P03", "57", "58")
"""Connections, read-only standbys, idle timeouts, logins, databases that are not there, unknown
completion, resources, locks that were not to be had in time, shutdown and cancelled statements, the
disk."""
_BROKEN_RULE = ("22", "23")
"""Values that no row may hold."""


class ConnectionLost(Unavailable):
    """The connection broke; a read may be tried once more on another one."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the ports say, from what the driver raised.

    Raises:
        Conflict: a race was lost.
        Unavailable: the database was not reached or not in time; a write may have happened or not.
        InvariantViolation: a check of the schema refused what the rules had let pass.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        error.detail = None  # It may hold the whole row, a password's hash with it.
        raise _by_sqlstate(error) from error
    except DRIVER_ERRORS as error:
        raise _by_kind(error) from error


def already_there(error: asyncpg.UniqueViolationError, change: Change) -> Exception:
    """What a key that is not new says of a change."""
    # On a distributed table the name ends with the number of a shard.
    name = error.constraint_name or ""
    if name.startswith("pk_requests"):
        return RequestRepeated()
    if name.startswith("pk_usernames"):
        return UsernameTaken(change.users[0].username)
    return Conflict(f"another commit came first: {error}")


def _by_sqlstate(error: asyncpg.PostgresError) -> Exception:
    sqlstate = error.sqlstate or ""
    if sqlstate in _LOST_RACE:
        return Conflict(f"another commit came first: {error}")
    if sqlstate.startswith(_AWAY):
        lost = sqlstate.startswith(("08", "57P"))
        return (ConnectionLost if lost else Unavailable)(f"Postgres: {error}")
    if sqlstate.startswith(_BROKEN_RULE):
        return InvariantViolation(f"Postgres refused a row: {error}")
    return error


def _by_kind(error: Exception) -> Exception:
    """A closed connection is an `InterfaceError`; `TimeoutError` is an `OSError`."""
    if isinstance(error, TimeoutError):
        return Unavailable("Postgres did not answer in time")
    return ConnectionLost(f"Postgres cannot be reached: {error}")
