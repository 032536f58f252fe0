"""A store of one SQLite file behind the ports of `crypto_exchange`, for one process.

A unit of work that locks keeps the other tasks of the process from committing until its block ends;
any other has its turn while it commits.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from crypto_exchange.domain.activity import Activity
from crypto_exchange.domain.asset import Asset, Inventory, MarketRule, repriced
from crypto_exchange.domain.batch import Batch
from crypto_exchange.domain.breaks import Break
from crypto_exchange.domain.change import (
    Change,
    StoredRequest,
    Transition,
    balance_deltas,
    charges_by_holding,
)
from crypto_exchange.domain.errors import (
    Conflict,
    InvariantViolation,
    RequestRepeated,
    UnknownAsset,
    UsernameTaken,
)
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.views import Book, OpenBatch
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.testing import Adapters, Sim
from sqlite_accounts import SqliteAccounts
from sqlite_queries import LOOSE, SqliteReadModels
from sqlite_rows import Rows, encode, get_wallet, get_wallet_of_session, write_transfer


class SqliteUnitOfWork(SqliteAccounts):
    """One load → decide → commit."""

    def __init__(self, rows: Rows, turn: asyncio.Lock | None) -> None:
        """`turn` is what a commit waits for; None if the block has it already."""
        super().__init__(rows)
        self._turn = turn
        self.ended = False

    async def commit(self, change: Change) -> None:
        self._end()
        async with self._turn or nullcontext():
            with self._rows.transaction():
                self.write(change)

    def abandon(self) -> None:
        self._end()

    async def get_wallet(self, user_id: int) -> Wallet:
        return get_wallet(self._rows, user_id)

    async def get_wallet_of_session(self, user_id: int, session_id: str) -> Wallet:
        return get_wallet_of_session(self._rows, user_id, session_id)

    async def find_request(self, user_id: int, operation: str, key: str) -> StoredRequest | None:
        where = "user_id = ? AND operation = ? AND key = ?"
        return self._rows.find(StoredRequest, "requests", where, user_id, operation, key)

    async def get_order(self, user_id: int, order_id: int) -> Order:
        return self._rows.get(Order, "orders", "user_id = ? AND id = ?", user_id, order_id)

    async def get_asset(self, symbol: str) -> Asset:
        asset = self._rows.find(Asset, "assets", "symbol = ?", symbol)
        if asset is None:
            raise UnknownAsset(symbol)
        return asset

    async def get_book(self, symbol: str, *, limit: int) -> Book:
        where = f"asset = ? AND {LOOSE} AND direct = ?"
        oldest = f"{where} ORDER BY created_at_us, id LIMIT ?"
        return Book(
            asset=await self.get_asset(symbol),
            inventory=self._inventory(symbol),
            direct=tuple(self._rows.fetch(Order, "orders", oldest, symbol, True, limit)),
            waiting=tuple(self._rows.fetch(Order, "orders", oldest, symbol, False, limit)),
        )

    async def get_batch(self, key: str) -> OpenBatch:
        batch = self._rows.get(Batch, "batches", "key = ?", key)
        newest = "batch = ? AND attempt = ?"
        members = "batch = ? AND state = 'pending' ORDER BY created_at_us, id"
        return OpenBatch(
            batch=batch,
            purchase=self._rows.find(Purchase, "purchases", newest, key, batch.attempt),
            members=tuple(self._rows.fetch(Order, "orders", members, key)),
            asset=await self.get_asset(batch.asset),
            inventory=self._inventory(batch.asset),
        )

    async def get_purchase(self, key: str, attempt: int) -> Purchase:
        return self._rows.get(Purchase, "purchases", "batch = ? AND attempt = ?", key, attempt)

    async def get_break(self, key: str) -> Break:
        return self._rows.get(Break, "breaks", "key = ?", key)

    def write(self, change: Change) -> None:
        """Write a change inside a transaction."""
        if change.request is not None:
            self._rows.insert("requests", change.request, RequestRepeated())
        if change.wallet is not None:
            self.compare_wallet(change.wallet)
        for user in change.users:
            self._rows.insert("users", user, UsernameTaken(user.username))
            activity = encode(change.activity or Activity())
            self._rows.write("INSERT INTO wallets VALUES (?, '0', 0, ?)", user.id, activity)
        for asset in change.new_assets:
            self._rows.insert("assets", asset, Conflict("expected a new asset, it is listed"))
            self._rows.write(
                "INSERT INTO inventory VALUES (?, '0', '0', '0', 0, 0, 0)", asset.symbol
            )
        self._write_documents(change)
        self.end_logins(change)
        if change.inventory is not None:
            self._write_inventory(change.inventory)
        self._write_balances(change)
        for purchase, fill in change.fills:
            values = purchase.batch, purchase.attempt, encode(fill)
            self._rows.write("INSERT INTO fills VALUES (?, ?, ?)", *values)
        for transfer in change.transfers:
            write_transfer(self._rows, transfer)
        self._tell(change)

    def compare_wallet(self, wallet: Wallet) -> None:
        """Refuse a command that was decided on a wallet which others have written since."""
        found = get_wallet(self._rows, wallet.user_id)
        if found.version != wallet.version:
            raise Conflict(f"expected version {wallet.version} of the wallet, was {found.version}")

    def _write_documents(self, change: Change) -> None:
        for table, new in (
            ("sessions", change.new_sessions),
            ("second_factors", change.new_factors),
            ("api_keys", change.new_keys),
            ("orders", change.new_orders),
            ("batches", change.new_batches),
            ("purchases", change.new_purchases),
            ("statements", change.new_statements),
            ("breaks", change.new_breaks),
            ("reviews", change.new_reviews),
            ("adjustments", change.new_adjustments),
            ("audit_chain", change.links),
        ):
            for row in new:
                self._rows.insert(table, row, Conflict(f"expected new {table}, one was there"))
        for table, moves in (
            ("users", change.moved_users),
            ("sessions", change.sessions),
            ("second_factors", change.factors),
            ("api_keys", change.keys),
            ("assets", [self._keep_price(move) for move in change.assets]),
            ("orders", change.orders),
            ("batches", change.batches),
            ("purchases", change.purchases),
            ("breaks", change.breaks),
            ("reviews", change.reviews),
            ("adjustments", change.adjustments),
        ):
            for move in moves:
                self._rows.move(table, move)

    def _tell(self, change: Change) -> None:
        for table, told in (("events", change.events), ("audit_log", change.audit)):
            for each in told:
                self._rows.write(f"INSERT INTO {table} (body) VALUES (?)", encode(each))

    def _keep_price(self, move: Transition[Asset]) -> Transition[Asset]:
        """A price that came in since the asset was loaded stays."""
        now = self._rows.get(Asset, "assets", "symbol = ?", move.after.symbol)
        after = msgspec.structs.replace(move.after, price=now.price, priced_at_us=now.priced_at_us)
        return Transition(move.before, after)

    def _write_inventory(self, move: Transition[Inventory]) -> None:
        before, after = move.before, move.after
        self._rows.write(
            "UPDATE inventory SET quantity = plus(quantity, ?), reserved = ?, expected = ?, failures = ?, "
            "retry_at_us = ?, version = ? WHERE asset = ? AND version = ?",
            *(str(after.quantity - before.quantity), str(after.reserved), str(after.expected)),
            *(after.failures, after.retry_at_us, after.version, before.asset, before.version),
        )

    def _write_balances(self, change: Change) -> None:
        deltas = balance_deltas(change.transfers, change.fenced)
        costs = charges_by_holding(change)
        if change.wallet is not None and change.activity is not None:
            update = "UPDATE wallets SET activity = ? WHERE user_id = ?"
            self._rows.write(update, encode(change.activity), change.wallet.user_id)
        for user_id, amount in deltas.wallets.items():
            update = "UPDATE wallets SET balance = plus(balance, ?), version = version + 1"
            self._rows.write(f"{update} WHERE user_id = ?", str(amount), user_id)
        for key, quantity in deltas.holdings.items():
            new = (
                "INSERT INTO holdings VALUES (?, ?, '0', '0') ON CONFLICT DO UPDATE SET cost = cost"
            )
            self._rows.write(new, *key)
            update = "UPDATE holdings SET quantity = plus(quantity, ?), cost = plus(cost, ?)"
            values = str(quantity), str(costs.get(key, 0)), *key
            self._rows.write(f"{update} WHERE user_id = ? AND asset = ?", *values)
        for symbol, quantity in deltas.inventory.items():
            update = "UPDATE inventory SET quantity = plus(quantity, ?) WHERE asset = ?"
            self._rows.write(update, str(quantity), symbol)

    def _inventory(self, symbol: str) -> Inventory:
        ((_, *found),) = self._rows.select("SELECT * FROM inventory WHERE asset = ?", symbol)
        names = Inventory.__struct_fields__[1:]
        return Inventory(asset=symbol, **dict(zip(names, map(int, found), strict=True)))

    def _end(self) -> None:
        if self.ended:
            raise InvariantViolation("expected one commit or abandon, was a second one")
        self.ended = True


class SqliteStore:
    """`Begin`, `Market` and `Ids` over one file."""

    unit_of_work = SqliteUnitOfWork

    def __init__(self, rows: Rows) -> None:
        self._rows, self._turn = rows, asyncio.Lock()

    @asynccontextmanager
    async def begin(self, *, lock: bool = False) -> AsyncIterator[SqliteUnitOfWork]:
        async with self._turn if lock else nullcontext():
            work = self.unit_of_work(self._rows, None if lock else self._turn)
            yield work
            if not work.ended:
                raise InvariantViolation("expected commit or abandon before the block's end")

    async def save_prices(self, prices: Mapping[str, int], at_us: int) -> tuple[Asset, ...]:
        with self._rows.transaction():
            for old in self._assets(prices):
                self._rows.move("assets", Transition(old, repriced(old, prices[old.symbol], at_us)))
        return tuple(self._rows.fetch(Asset, "assets", "true ORDER BY symbol"))

    async def save_rules(self, rules: Mapping[str, MarketRule | None]) -> None:
        with self._rows.transaction():
            for asset in self._assets(rules):
                rule = rules[asset.symbol]
                now = msgspec.structs.replace(
                    asset, rule=rule or asset.rule, trading=rule is not None
                )
                if now != asset:
                    now = msgspec.structs.replace(now, version=asset.version + 1)
                    self._rows.move("assets", Transition(asset, now))

    async def next_user_id(self) -> int:
        return self._next_id()

    async def next_order_id(self) -> int:
        return self._next_id()

    def new_key(self) -> str:
        return secrets.token_hex(12)

    def _assets(self, symbols: Mapping[str, object]) -> list[Asset]:
        found = self._rows.fetch(Asset, "assets", "true")
        return [asset for asset in found if asset.symbol in symbols]

    def _next_id(self) -> int:
        with self._rows.transaction():
            self._rows.write("UPDATE ids SET last = last + 1")
            ((last,),) = self._rows.select("SELECT last FROM ids")
        return int(last)


def make_adapters(sim: Sim, store: type[SqliteStore] = SqliteStore) -> Adapters:
    """A new file in a folder of its own, which goes when the kit has done with it."""
    del sim  # A file needs neither clock nor seed.
    folder = TemporaryDirectory()
    rows = Rows(Path(folder.name) / "exchange.sqlite")
    rows.create()
    opened = store(rows)

    async def close() -> None:
        rows.close()
        folder.cleanup()

    return Adapters(
        begin=opened.begin,
        queries=SqliteReadModels(rows),
        market=opened,
        ids=opened,
        close=close,
    )
