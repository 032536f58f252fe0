"""The whole kit over the SQLite store."""

from crypto_exchange.testing import Adapters, AggregationSuite, Sim
from sqlite_adapters import make_adapters


class TestSqlite(AggregationSuite):
    suite_version = "1"

    def make_adapters(self, sim: Sim) -> Adapters:
        return make_adapters(sim)
