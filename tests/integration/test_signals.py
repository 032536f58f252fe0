"""Postgres keeps the contract of signals."""

from __future__ import annotations

import pytest
from typing_extensions import override

from crypto_exchange.adapters.postgres import PostgresBegin, PostgresSignals, open_database
from crypto_exchange.domain.signal_store import SignalStore
from crypto_exchange.entrypoints.testing.adapters import Adapters, Sim
from crypto_exchange.entrypoints.testing.contracts.signals import SignalStoreTests
from tests.integration.postgres_store import store_over


class TestPostgres(SignalStoreTests):
    @pytest.fixture(autouse=True)
    def take(self, postgres_dsn: str) -> None:
        self.dsn = postgres_dsn

    @override
    async def make_adapters(self, sim: Sim) -> Adapters:
        return store_over(await open_database(self.dsn, max_size=4))

    @override
    def make_signals(self, adapters: Adapters) -> SignalStore:
        assert isinstance(adapters.begin, PostgresBegin)
        return PostgresSignals(adapters.begin._database)
