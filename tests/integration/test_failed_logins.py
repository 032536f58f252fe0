"""What a failed login asks of the database, which must not tell whether somebody has the name."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.adapters.memory import memory_context
from crypto_exchange.domain.audit_log import Actor
from crypto_exchange.domain.errors import InvalidCredentials
from crypto_exchange.domain.use_cases import accounts
from tests.integration.postgres_store import opened_database, store_over

CALLER = Actor(address="192.0.2.1", request_id="request-1")


async def test_a_known_and_an_unknown_name_are_asked_for_and_entered_by_the_same_statements(
    postgres_dsn: str,
) -> None:
    async with opened_database(postgres_dsn) as database:
        store = store_over(database)
        context = msgspec.structs.replace(
            memory_context(), begin=store.begin, ids=store.ids, queries=store.queries
        )
        await accounts.register(context, "alice", "correct horse", actor=CALLER)
        asked: list[list[str]] = []
        async with database.connection() as connection:
            connection.add_query_logger(lambda record: asked[-1].append(record.query))

        for name in ("alice", "nobody", "alice"):
            asked.append([])
            with pytest.raises(InvalidCredentials):
                await accounts.log_in(context, name, "wrong horse", device="phone", actor=CALLER)

        known, unknown, again = asked[0], asked[1], [*asked[2]]
        rows = await database.fetch("SELECT * FROM audit_log WHERE action = 'login_failed'")
    assert known == unknown == again
    assert len(known) >= 3
    lengths = {len(repr({**row, "id": 0, "user_id": 0, "at_us": 0})) for row in rows}
    assert (len(rows), len(lengths)) == (3, 1)
