"""Everything that the service began with."""

from typing import Any, TypeAlias

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

Columns: TypeAlias = list[sa.Column[Any]]

_LARGEST_ID = 2**53 - 1
_SEQUENCES = (
    sa.Sequence("user_ids", start=1, maxvalue=_LARGEST_ID),
    sa.Sequence("order_ids", start=1, increment=100, maxvalue=_LARGEST_ID - 100),
    sa.Sequence("transfer_ids", start=1, maxvalue=_LARGEST_ID, cache=50),
    sa.Sequence("event_ids", start=1, maxvalue=_LARGEST_ID, cache=50),
)
_TABLES = [
    "usernames",
    "users",
    "sessions",
    "wallets",
    "holdings",
    "assets",
    "inventory",
    "orders",
    "batches",
    "purchases",
    "fills",
    "transfers",
    "requests",
    "events",
]


def upgrade() -> None:
    for sequence in _SEQUENCES:
        op.execute(sa.schema.CreateSequence(sequence))
    _create_accounts()
    _create_market()
    _create_orders()
    _create_batches()
    _create_ledger()


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
    for sequence in _SEQUENCES:
        op.execute(sa.schema.DropSequence(sequence))


def _create_accounts() -> None:
    op.create_table(
        "usernames",
        *_text("username_key"),
        *_big("user_id"),
        _primary("pk_usernames", "username_key"),
    )
    op.create_table(
        "users",
        *_big("id"),
        *_text("username", "password_hash", "role"),
        _check("ck_users_role", "role IN ('user', 'operator', 'admin')"),
        _primary("pk_users", "id"),
    )
    op.create_table(
        "sessions",
        *_big("user_id"),
        *_text("id"),
        *_int("generation"),
        *_big("expires_at_us"),
        *_flag("revoked"),
        _foreign("fk_sessions_user_id_users", "users", user_id="id"),
        _primary("pk_sessions", "user_id", "id"),
    )
    op.create_table(
        "wallets",
        *_big("user_id"),
        *_amount("balance"),
        *_big("version"),
        _check("ck_wallets_balance", "balance >= 0"),
        _foreign("fk_wallets_user_id_users", "users", user_id="id"),
        _primary("pk_wallets", "user_id"),
    )
    op.create_table(
        "holdings",
        *_big("user_id"),
        *_text("asset"),
        *_amount("quantity", "cost"),
        _check("ck_holdings_cost", "cost >= 0"),
        _check("ck_holdings_quantity", "quantity >= 0"),
        _primary("pk_holdings", "user_id", "asset"),
    )


def _create_market() -> None:
    op.create_table(
        "assets",
        *_text("symbol"),
        *_amount("lot_step", "min_notional", "min_quantity", "max_quantity"),
        *_big("fee_ppm"),
        *_int("scale"),
        *_amount("price", nullable=True),
        *_big("priced_at_us", nullable=True),
        *_flag("halted", "trading"),
        *_big("version"),
        _check("ck_assets_priced", "(price IS NULL) = (priced_at_us IS NULL)"),
        _check("ck_assets_lot_step", "lot_step > 0"),
        _check("ck_assets_price", "price >= 0"),
        _check("ck_assets_scale", "scale BETWEEN 0 AND 18"),
        _primary("pk_assets", "symbol"),
    )
    op.create_table(
        "inventory",
        *_text("asset"),
        *_amount("quantity", "reserved", "expected"),
        *_big("failures", "retry_at_us", "version"),
        _check("ck_inventory_expected", "expected >= 0"),
        _check("ck_inventory_reserved", "reserved >= 0 AND reserved <= quantity"),
        _foreign("fk_inventory_asset_assets", "assets", asset="symbol"),
        _primary("pk_inventory", "asset"),
    )


def _create_orders() -> None:
    op.create_table(
        "orders",
        *_big("user_id", "id"),
        *_text("asset"),
        *_amount("quantity", "unit_price", "total"),
        *_flag("direct"),
        *_text("state"),
        *_big("created_at_us"),
        *_text("reason", "batch", nullable=True),
        *_amount("filled", "charged"),
        *_big("version"),
        _check(
            "ck_orders_state",
            "state IN ('pending', 'aggregated', 'completed', 'partially_completed', 'failed', 'cancelled')",
        ),
        _check("ck_orders_charged", "charged >= 0 AND charged <= total"),
        _check("ck_orders_filled", "filled >= 0"),
        _check("ck_orders_quantity", "quantity > 0"),
        _check("ck_orders_total", "total > 0"),
        _check("ck_orders_unit_price", "unit_price > 0"),
        _primary("pk_orders", "user_id", "id"),
    )
    op.create_index(
        "ix_orders_loose",
        "orders",
        ["asset", "direct", "created_at_us", "id"],
        postgresql_where=sa.text("state IN ('pending', 'aggregated') AND batch IS NULL"),
    )
    op.create_index(
        "ix_orders_member",
        "orders",
        ["batch"],
        postgresql_where=sa.text("state = 'pending' AND batch IS NOT NULL"),
    )
    op.create_index("ix_orders_page", "orders", ["user_id", "created_at_us", "id"])


def _create_batches() -> None:
    op.create_table(
        "batches",
        *_text("key", "asset", "kind", "state"),
        *_int("attempt"),
        *_flag("live"),
        *_amount("used", "surplus"),
        *_int("counted", "checks"),
        *_big("due_at_us", "created_at_us", "version"),
        _check("ck_batches_kind", "kind IN ('direct', 'aggregated')"),
        _check("ck_batches_live", "live <= (state = 'sealed')"),
        _check("ck_batches_state", "state IN ('sealed', 'settled', 'returned', 'refunded')"),
        _check("ck_batches_freed", "live OR (used = 0 AND surplus = 0)"),
        _check("ck_batches_reservation", "used >= 0 AND surplus >= 0"),
        _primary("pk_batches", "key", "asset"),
    )
    op.create_index(
        "ix_batches_due",
        "batches",
        ["due_at_us"],
        postgresql_where=sa.text("state = 'sealed'"),
    )
    op.create_table(
        "purchases",
        *_text("batch"),
        *_int("attempt"),
        *_text("asset"),
        *_int("scale"),
        *_amount("quantity"),
        *_big("timestamp_ms", "window_ms"),
        *_text("state"),
        *_text("code", "message", nullable=True),
        _check("ck_purchases_state", "state IN ('submitting', 'filled', 'rejected', 'not_placed')"),
        _check("ck_purchases_quantity", "quantity > 0"),
        _foreign("fk_purchases_batch_batches", "batches", batch="key", asset="asset"),
        _primary("pk_purchases", "batch", "attempt", "asset"),
    )
    op.create_table(
        "fills",
        *_text("batch"),
        *_int("attempt"),
        *_text("asset", "trade_id"),
        *_amount("quantity", "cost", "fee"),
        *_text("fee_currency"),
        _check("ck_fills_amounts", "quantity >= 0 AND cost >= 0 AND fee >= 0"),
        _foreign(
            "fk_fills_batch_purchases", "purchases", batch="batch", attempt="attempt", asset="asset"
        ),
        _primary("pk_fills", "batch", "attempt", "trade_id", "asset"),
    )


def _create_ledger() -> None:
    op.create_table(
        "transfers",
        *_big("user_id"),
        _drawn("id", "nextval('transfer_ids')"),
        *_text("kind", "currency", "debit", "credit"),
        *_amount("amount"),
        *_big("at_us"),
        *_big("order_id", nullable=True),
        _check("ck_transfers_amount", "amount > 0"),
        _primary("pk_transfers", "user_id", "id"),
    )
    op.create_index(
        "ix_transfers_wallet",
        "transfers",
        ["user_id", "at_us", "id"],
        postgresql_where=sa.text("kind IN ('deposit', 'withdrawal', 'purchase', 'refund')"),
    )
    op.create_table(
        "requests",
        *_big("user_id"),
        *_text("operation", "key", "fingerprint"),
        *_big("resource_id"),
        _primary("pk_requests", "user_id", "operation", "key"),
    )
    op.create_table(
        "events",
        *_big("user_id"),
        _drawn("seq", "nextval('event_ids')"),
        _drawn("xid", "(pg_current_xact_id()::text)::bigint"),
        *_big("at_us"),
        *_text("event"),
        sa.Column("body", postgresql.JSON(), nullable=False),
        _primary("pk_events", "user_id", "seq"),
    )
    op.create_index("ix_events_log", "events", ["xid", "seq"])


def _columns(kind: sa.types.TypeEngine[Any], names: tuple[str, ...], *, nullable: bool) -> Columns:
    return [sa.Column(name, kind, autoincrement=False, nullable=nullable) for name in names]


def _big(*names: str, nullable: bool = False) -> Columns:
    return _columns(sa.BigInteger(), names, nullable=nullable)


def _int(*names: str) -> Columns:
    return _columns(sa.Integer(), names, nullable=False)


def _amount(*names: str, nullable: bool = False) -> Columns:
    return _columns(sa.Numeric(38, 0), names, nullable=nullable)


def _text(*names: str, nullable: bool = False) -> Columns:
    return _columns(sa.Text(), names, nullable=nullable)


def _flag(*names: str) -> Columns:
    return _columns(sa.Boolean(), names, nullable=False)


def _drawn(name: str, default: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text(default), nullable=False)


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(name))


def _primary(name: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(name))


def _foreign(name: str, table: str, **columns: str) -> sa.ForeignKeyConstraint:
    referred = [f"{table}.{column}" for column in columns.values()]
    return sa.ForeignKeyConstraint(list(columns), referred, name=op.f(name))
