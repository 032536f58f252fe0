"""The market as the service keeps it: prices and rules in the rows of the assets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crypto_exchange.adapters.postgres.failures import translated
from crypto_exchange.adapters.postgres.pool import Connection, Database
from crypto_exchange.adapters.postgres.read_models import PostgresReadModels
from crypto_exchange.adapters.postgres.rows import columns
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.policy import CLOCK_LEEWAY_US

_SAVE_PRICES = """
UPDATE assets AS t SET price = n.price, priced_at_us = $3::bigint
  FROM unnest($1::text[], $2::numeric[]) AS n(symbol, price)
 WHERE t.symbol = n.symbol
   AND (t.priced_at_us IS NULL OR t.priced_at_us <= $3::bigint OR t.priced_at_us > $4::bigint)"""
# A rule that is the same again is not written, and raises no version.
_SAVE_RULES = """
UPDATE assets AS t
   SET lot_step = n.lot_step, min_notional = n.min_notional, min_quantity = n.min_quantity,
       max_quantity = n.max_quantity, fee_ppm = n.fee_ppm, trading = true, version = t.version + 1
  FROM unnest($1::text[], $2::numeric[], $3::numeric[], $4::numeric[], $5::numeric[], $6::bigint[])
    AS n(symbol, lot_step, min_notional, min_quantity, max_quantity, fee_ppm)
 WHERE t.symbol = n.symbol
   AND (t.lot_step, t.min_notional, t.min_quantity, t.max_quantity, t.fee_ppm, t.trading)
       IS DISTINCT FROM
       (n.lot_step, n.min_notional, n.min_quantity, n.max_quantity, n.fee_ppm, true)"""
_STOP_TRADING = """
UPDATE assets SET trading = false, version = version + 1
 WHERE symbol = ANY($1::text[]) AND trading"""


class PostgresMarket:
    """Implements `Market`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = PostgresReadModels(database)

    async def save_prices(self, prices: Mapping[Symbol, int], at_us: int) -> tuple[Asset, ...]:
        symbols = sorted(prices)
        values = [prices[symbol] for symbol in symbols]
        async with self._database.connection() as connection:
            with translated():
                await connection.execute(
                    _SAVE_PRICES, symbols, values, at_us, at_us + CLOCK_LEEWAY_US
                )
        return await self._queries.list_assets()

    async def save_rules(self, rules: Mapping[Symbol, MarketRule | None]) -> None:
        traded = [
            (s, rule) for s, rule in ((s, rules[s]) for s in sorted(rules)) if rule is not None
        ]
        halted = sorted(symbol for symbol, rule in rules.items() if rule is None)
        async with self._database.connection() as connection:
            with translated():
                await _write_rules(connection, traded, halted)


async def _write_rules(
    connection: Connection, traded: Sequence[tuple[Symbol, MarketRule]], halted: Sequence[Symbol]
) -> None:
    async with connection.transaction():
        if traded:
            rules = columns(rule for _, rule in traded)
            await connection.execute(_SAVE_RULES, [symbol for symbol, _ in traded], *rules)
        await connection.execute(_STOP_TRADING, halted)
