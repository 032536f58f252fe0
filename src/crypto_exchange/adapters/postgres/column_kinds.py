"""What tables are made of: kinds of columns, by their names, and the metadata that all tables share.

Amounts are NUMERIC(38, 0): integers in the units of `domain/money.py`, beyond 64 bits if need be.
Times are microseconds (`_us`) or milliseconds (`_ms`) since 1970 UTC.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from advanced_alchemy.base import convention
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Integer,
    MetaData,
    Numeric,
    Text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData(naming_convention=convention)

Columns: TypeAlias = list[Column[Any]]


def big(*names: str, nullable: bool = False) -> Columns:
    """64-bit integers: ids, times, versions."""
    return _columns(BigInteger(), names, nullable=nullable)


def small(*names: str) -> Columns:
    """Small integers: counts, scales."""
    return _columns(Integer(), names, nullable=False)


def amount(*names: str, nullable: bool = False) -> Columns:
    """Amounts."""
    return _columns(Numeric(38, 0), names, nullable=nullable)


def words(*names: str, nullable: bool = False) -> Columns:
    """Text."""
    return _columns(Text(), names, nullable=nullable)


def flag(*names: str) -> Columns:
    """Yes or no."""
    return _columns(Boolean(), names, nullable=False)


def one_of(column: str, *values: str) -> CheckConstraint:
    """What a column may say."""
    return CheckConstraint(f"{column} IN ({', '.join(map(repr, values))})", name=column)


def _columns(kind: TypeEngine[Any], names: tuple[str, ...], *, nullable: bool) -> Columns:
    return [Column(name, kind, autoincrement=False, nullable=nullable) for name in names]
