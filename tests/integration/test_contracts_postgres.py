"""The Postgres adapter keeps every contract of a store, over a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from typing_extensions import override

from crypto_exchange.adapters.postgres import Database
from tests.contracts.audit import AuditContract
from tests.contracts.books import Books
from tests.contracts.market import IdsContract, MarketContract
from tests.contracts.read_models import ReadModelsContract
from tests.contracts.reconciliation import ReconciliationContract
from tests.contracts.scene import Store
from tests.contracts.unit_of_work import UnitOfWorkContract
from tests.integration.postgres_store import PostgresBooks, opened_database, store_over


class _OverPostgres:
    database: Database

    @pytest.fixture(autouse=True)
    async def _open(self, postgres_dsn: str) -> AsyncIterator[None]:
        async with opened_database(postgres_dsn) as self.database:
            yield

    async def make_store(self) -> Store:
        return store_over(self.database)


class TestUnitOfWork(_OverPostgres, UnitOfWorkContract):
    pass


class TestReadModels(_OverPostgres, ReadModelsContract):
    pass


class TestMarket(_OverPostgres, MarketContract):
    pass


class TestIds(_OverPostgres, IdsContract):
    pass


class TestReconciliation(_OverPostgres, ReconciliationContract):
    pass


class TestAudit(_OverPostgres, AuditContract):
    @override
    def books(self) -> Books:
        return PostgresBooks(self.database)
