"""Memory books: the tables of a `State`, as rows that a test may change by hand."""

from __future__ import annotations

from typing import Any

import msgspec

from crypto_exchange.domain.ledger import Account, AccountKind
from crypto_exchange.domain.state import State
from crypto_exchange.entrypoints.testing.contracts.books import Row


class MemoryBooks:
    """Implements `Books`. A transfer's `id` is its place."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def rows(self, table: str) -> list[Row]:
        """As the hook's."""
        state = self._state
        match table:
            case "holdings":
                return [
                    {"user_id": user_id, "asset": asset, "quantity": quantity, "cost": cost}
                    for (user_id, asset), (quantity, cost) in state.holdings.items()
                ]
            case "fills":
                return [
                    {"batch": batch, "attempt": attempt, "asset": asset, **_plain(fill)}
                    for (batch, attempt), fills in state.fills.items()
                    for asset in (state.purchases[batch, attempt].asset,)
                    for fill in fills
                ]
            case "transfers":
                return [
                    {
                        "id": place,
                        "kind": transfer.kind.value,
                        "debit": transfer.debit.name,
                        "credit": transfer.credit.name,
                        "amount": transfer.amount,
                    }
                    for place, transfer in enumerate(state.transfers)
                ]
            case _:
                return [_plain(row) for row in self._table(table).values()]

    async def change(self, table: str, row: Row, column: str, value: object) -> None:
        """As the hook's."""
        state, new = self._state, {column: value}
        match table:
            case "holdings":
                after = {**row, **new}
                state.holdings[row["user_id"], row["asset"]] = (after["quantity"], after["cost"])
            case "fills":
                fills = state.fills[row["batch"], row["attempt"]]
                place = [fill.trade_id for fill in fills].index(row["trade_id"])
                fills[place] = msgspec.structs.replace(fills[place], **new)
            case "transfers":
                if isinstance(value, str):
                    new = {column: _account(value)}
                transfer = state.transfers[row["id"]]
                state.transfers[row["id"]] = msgspec.structs.replace(transfer, **new)
            case _:
                rows, key = self._table(table), _key(table, row)
                rows[key] = msgspec.structs.replace(rows[key], **new)

    async def drop(self, table: str, row: Row) -> None:
        """As the hook's."""
        match table:
            case "holdings":
                del self._state.holdings[row["user_id"], row["asset"]]
            case "transfers":
                del self._state.transfers[row["id"]]
            case _:
                del self._table(table)[_key(table, row)]

    def _table(self, table: str) -> dict[Any, Any]:
        rows: dict[Any, Any] = getattr(self._state, table)
        return rows


def _account(name: str) -> Account:
    """An account by its printed name."""
    words = name.split(":")
    kind = AccountKind(":".join(words[:2]) if words[0] == "house" else words[0])
    owner = (
        words[1] if kind in {AccountKind.USER, AccountKind.SUSPENSE, AccountKind.CLEARING} else ""
    )
    return Account(kind, words[-1], int(owner) if owner.isdigit() else owner or None)


def _plain(row: msgspec.Struct) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(row)
    return fields


def _key(table: str, row: Row) -> object:
    return row[{"wallets": "user_id", "inventory": "asset", "batches": "key"}.get(table, "id")]
