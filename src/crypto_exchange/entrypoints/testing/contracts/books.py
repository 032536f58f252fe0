"""A hook into a store's tables, to do what no commit ever does: change an amount by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

Row: TypeAlias = Mapping[str, Any]
"""A row by its columns: accounts by their printed names, states by their values."""


class Books(Protocol):
    """The tables `wallets holdings inventory orders batches fills transfers`."""

    async def rows(self, table: str) -> list[Row]:
        """All rows as they are."""

    async def change(self, table: str, row: Row, column: str, value: object) -> None:
        """Write one value of one row."""

    async def drop(self, table: str, row: Row) -> None:
        """Remove one row."""
