"""Writing a change: a user's command as one statement, anything else as one per table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from crypto_exchange.adapters.postgres.closing import erase
from crypto_exchange.adapters.postgres.pool import Connection
from crypto_exchange.adapters.postgres.rows import (
    Columns,
    Row,
    audit_columns,
    columns,
    event_columns,
    fill_columns,
    move_columns,
    statement_columns,
    transfer_columns,
    wallet_columns,
    write_activity,
)
from crypto_exchange.adapters.postgres.statements import (
    ADD_TO_HOLDINGS,
    ADD_TO_INVENTORY,
    ADD_TO_WALLETS,
    FIND_REQUEST,
    FORGET_KEYS,
    FORGET_SESSIONS,
    LOCK_WALLET,
    MOVE_ADJUSTMENTS,
    MOVE_ASSETS,
    MOVE_BATCHES,
    MOVE_BREAKS,
    MOVE_FACTORS,
    MOVE_INVENTORY,
    MOVE_KEYS,
    MOVE_ORDERS,
    MOVE_PURCHASES,
    MOVE_REVIEWS,
    MOVE_SESSIONS,
    MOVE_USERS,
    NOTE_KEY_USES,
    SET_ACTIVITY,
    Move,
    insert,
    user_command,
)
from crypto_exchange.domain.api_key import ApiKey, KeyUse
from crypto_exchange.domain.asset import Inventory
from crypto_exchange.domain.change import (
    Change,
    StoredRequest,
    Transition,
    balance_deltas,
    charges_by_holding,
)
from crypto_exchange.domain.errors import Conflict, RequestRepeated
from crypto_exchange.domain.ids import Symbol, UserId
from crypto_exchange.domain.user import Session
from crypto_exchange.domain.wallet import Wallet

_IN_ONE_STATEMENT = frozenset(
    {"wallet", "activity", "new_orders", "orders", "transfers", "events", "request"}
)


def is_user_command(change: Change) -> bool:
    """Whether one statement can write it: one user's wallet, at most one row of each kind."""
    rows = (change.new_orders, change.orders, change.transfers, change.events)
    return (
        change.wallet is not None
        and all(len(kind) <= 1 for kind in rows)
        and all(
            name in _IN_ONE_STATEMENT or not getattr(change, name)
            for name in change.__struct_fields__
        )
        and {t.user_id for t in change.transfers} <= {change.wallet.user_id}
    )


async def write_user_command(connection: Connection, change: Change, wallet: Wallet) -> None:
    """Write in one statement, which is all or nothing by itself.

    Raises:
        Conflict: wallet or order are not as loaded; nothing is written.
        RequestRepeated: the key is stored already.
    """
    amounts = balance_deltas(change.transfers).wallets
    inserts = dict(_inserts(change))
    moved = move_columns(MOVE_ORDERS, change.orders) if change.orders else []
    written = await connection.fetchval(
        user_command(tuple(inserts), move=bool(change.orders)),
        wallet.user_id,
        wallet.version,
        amounts.get(wallet.user_id, 0),
        int(wallet.user_id in amounts),
        write_activity(change.activity),
        *(value for table in inserts.values() for (value,) in table),
        *(value for (value,) in moved),
    )
    if written != 1:
        await _require_new(connection, change.request)
        raise Conflict("the wallet or the order has changed")


async def write(connection: Connection, change: Change) -> None:
    """Write inside the transaction of the connection; the caller ends it.

    Rows are locked in one order by everybody: inventory, batches, then wallets, then orders, each by
    key.

    Raises:
        Conflict: a row is not as loaded; then the transaction must be rolled back.
    """
    deltas = balance_deltas(change.transfers, change.fenced)
    inserts = dict(_inserts(change))
    for table in ("requests", "usernames"):
        await _insert(connection, table, inserts.pop(table, None))
    await _write_inventory(connection, change, deltas.inventory)
    await _move(connection, MOVE_BATCHES, change.batches)
    await _move(connection, MOVE_PURCHASES, change.purchases)
    await _move(connection, MOVE_ASSETS, change.assets)
    await _move(connection, MOVE_BREAKS, change.breaks)
    await _move(connection, MOVE_REVIEWS, change.reviews)
    await _move(connection, MOVE_ADJUSTMENTS, change.adjustments)
    await _move(connection, MOVE_FACTORS, change.factors)
    await _move(connection, MOVE_USERS, change.moved_users)
    await _move(connection, MOVE_SESSIONS, change.sessions)
    await _move(connection, MOVE_KEYS, change.keys)
    await _note_key_uses(connection, change.key_uses)
    await _forget(connection, FORGET_SESSIONS, change.forgotten)
    await _forget(connection, FORGET_KEYS, change.forgotten_keys)
    await erase(connection, change.erased)
    await _write_wallets(connection, change, deltas.wallets)
    await _move(connection, MOVE_ORDERS, change.orders)
    await _write_holdings(connection, change, deltas.holdings)
    for table, rows in inserts.items():
        await _insert(connection, table, rows)


def _inserts(change: Change) -> Iterator[tuple[str, Columns]]:
    """New rows by table, in an order that foreign keys allow; tables without any are left out.

    Events come last: their numbers are drawn while everything is locked (see `event_log.py`).
    """
    users = change.users
    tables: tuple[tuple[str, Columns], ...] = (
        ("requests", columns(() if change.request is None else (change.request,))),
        ("usernames", [[u.username.lower() for u in users], [u.id for u in users]]),
        ("users", columns(users)),
        ("wallets", wallet_columns(users, change.activity)),
        ("sessions", columns(change.new_sessions)),
        ("second_factors", columns(change.new_factors)),
        ("api_keys", columns(change.new_keys)),
        ("assets", columns(change.new_assets)),
        ("inventory", columns(Inventory(asset=a.symbol) for a in change.new_assets)),
        ("orders", columns(change.new_orders)),
        ("batches", columns(change.new_batches)),
        ("purchases", columns(change.new_purchases)),
        ("fills", fill_columns(change.fills)),
        ("statements", statement_columns(change.new_statements)),
        ("breaks", columns(change.new_breaks)),
        ("reviews", columns(change.new_reviews)),
        ("adjustments", columns(change.new_adjustments)),
        ("transfers", transfer_columns(change.transfers)),
        ("audit_log", audit_columns(change.audit)),
        ("audit_chain", columns(change.links)),
        ("events", event_columns(change.events)),
    )
    for table, rows in tables:
        if rows and rows[0]:
            yield table, rows


async def _insert(connection: Connection, table: str, rows: Columns | None) -> None:
    if rows is not None:
        await connection.execute(insert(table), *rows)


async def _move(connection: Connection, move: Move, moves: Sequence[Transition[Row]]) -> None:
    if moves:
        status = await connection.execute(move.sql, *move_columns(move, moves))
        _require_all(status, len(moves), move.table)


async def _note_key_uses(connection: Connection, uses: Sequence[KeyUse]) -> None:
    if uses:
        ordered = sorted((use.user_id, use.id, use.at_us) for use in uses)
        await connection.execute(NOTE_KEY_USES, *zip(*ordered, strict=True))


async def _forget(
    connection: Connection, statement: str, gone: Sequence[Session] | Sequence[ApiKey]
) -> None:
    if gone:
        users, ids = [each.user_id for each in gone], [each.id for each in gone]
        await connection.execute(statement, users, ids)


async def _write_inventory(
    connection: Connection, change: Change, amounts: Mapping[Symbol, int]
) -> None:
    """The row that was loaded, by its version; others by what transfers say of them."""
    amounts = dict(amounts)
    if change.inventory is not None:
        before, after = change.inventory.before, change.inventory.after
        status = await connection.execute(
            MOVE_INVENTORY,
            before.asset,
            before.version,
            after.quantity - before.quantity + amounts.pop(before.asset, 0),
            after.reserved,
            after.expected,
            after.failures,
            after.retry_at_us,
            after.version,
        )
        _require_all(status, 1, "inventory")
    if amounts:
        symbols = sorted(amounts)
        added = [amounts[symbol] for symbol in symbols]
        _require_all(
            await connection.execute(ADD_TO_INVENTORY, symbols, added), len(added), "inventory"
        )


async def _write_wallets(
    connection: Connection, change: Change, amounts: Mapping[UserId, int]
) -> None:
    if change.wallet is not None:
        loaded = change.wallet.user_id, change.wallet.version
        activity = write_activity(change.activity)
        lock = (LOCK_WALLET, *loaded) if activity is None else (SET_ACTIVITY, *loaded, activity)
        _require_all(await connection.execute(*lock), 1, "wallets")
    if amounts:
        users = sorted(amounts)
        added = [amounts[user_id] for user_id in users]
        _require_all(await connection.execute(ADD_TO_WALLETS, users, added), len(users), "wallets")


async def _write_holdings(
    connection: Connection, change: Change, amounts: Mapping[tuple[UserId, Symbol], int]
) -> None:
    if not amounts:
        return
    costs, keys = charges_by_holding(change), sorted(amounts)
    await connection.execute(
        ADD_TO_HOLDINGS,
        [user_id for user_id, _ in keys],
        [asset for _, asset in keys],
        [amounts[key] for key in keys],
        [costs.get(key, 0) for key in keys],
    )


def _require_all(status: str, expected: int, table: str) -> None:
    """Every row must have matched; a command's status ends with the number that did."""
    matched = int(status.rpartition(" ")[2])
    if matched != expected:
        raise Conflict(f"{table}: {expected - matched} of {expected} rows have changed")


async def _require_new(connection: Connection, request: StoredRequest | None) -> None:
    """A command that came twice at once finds its wallet changed by itself."""
    if request is not None and await connection.fetchrow(
        FIND_REQUEST, request.user_id, request.operation, request.key
    ):
        raise RequestRepeated
