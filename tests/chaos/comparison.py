"""After a run: what people were told, what the exchange recorded and what the books say must agree."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import asyncpg

from tests import paper_record
from tests.chaos.customers import FINAL, Customer
from tests.running import RunningServer

Json: TypeAlias = Any
Amounts: TypeAlias = Mapping[str, Decimal]
_ASSETS = ("ABAN", "BTC", "ETH", "SOL")
_FILLED = frozenset({"filled", "partially_filled", "late"})
_UNIT = Decimal("0.00000001")
_LATE = "late_fill"


class Bought(NamedTuple):
    """An executed order: coins, dollars, and its trades."""

    coins: Decimal
    dollars: Decimal
    trades: frozenset[str]


async def compare(server: RunningServer, customers: Sequence[Customer]) -> list[str]:
    """Everything that differs, one sentence each."""
    priced = server.settings.get("PRICING", "")
    differences = [d for each in customers for d in await _customer_differences(each, priced)]
    purchases, ours, requests = await _our_record(server)
    theirs = await asyncio.to_thread(_their_record, server)
    differences += _purchase_differences(purchases, ours, theirs)
    differences += requests
    ledger = await asyncio.to_thread(server.ledger)
    kept = await asyncio.to_thread(paper_record.balances, server)
    differences += _book_differences(ledger, kept)
    return differences + await asyncio.to_thread(_audit_differences, server)


async def _customer_differences(customer: Customer, priced: str) -> list[str]:
    """Paid in = wallet + charges; what was filled is held; the API knows these orders and no others."""
    orders = customer.orders.values()
    listed = Counter(order["id"] for order in await customer.list_orders())
    charged = sum((o["total_price"] - o["refunded"] for o in orders), Decimal(0))
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        filled[order["crypto"]] += order["filled_amount"]
    wallet = (await customer.get("/accounts/wallet/"))["balance"]
    held = {h["crypto"]: h["amount"] for h in await customer.get("/accounts/holdings/")}
    found = [
        *_differing("wallet", customer.paid_in - charged, wallet),
        *_differing("holdings", {c: a for c, a in filled.items() if a}, held),
        *_differing("orders", Counter(customer.orders.keys()), listed),
        *(d for order in orders for d in _order_differences(customer, order, priced)),
    ]
    return [f"{customer.name}: {difference}" for difference in found]


def _order_differences(customer: Customer, order: Json, priced: str) -> Iterator[str]:
    """`priced` is the setting; where it is `average`, quantities and refunds follow from the fill."""
    state, number = order["state"], order["id"]
    if state not in FINAL:
        yield f"order {number} is {state}"
    if number in customer.cancelled and state != "cancelled":
        yield f"order {number}: was answered that it is cancelled, is {state}"
    if state == "cancelled" and number not in customer.cancelling:
        yield f"order {number} is cancelled, and nobody asked for it"
    as_quoted = f"{order['crypto']}=average" not in priced
    whole = order["filled_amount"] == order["amount"] and order["refunded"] == 0
    if state == "completed" and as_quoted and not whole:
        yield f"order {number} is completed without being filled: {order}"
    if state in {"failed", "cancelled"} and order["refunded"] != order["total_price"]:
        yield f"order {number} is {state} without a full refund: {order}"


async def _our_record(server: RunningServer) -> tuple[dict[str, str], dict[str, Bought], list[str]]:
    """State of each purchase by its name at the exchange, what we booked for it, and misfits."""
    connection = await asyncpg.connect(server.run_file["postgres_dsn"])
    try:
        rows = await connection.fetch("SELECT batch, attempt, state FROM purchases")
        fills = await connection.fetch("SELECT batch, attempt, trade_id, quantity, cost FROM fills")
        open_batches = await connection.fetchval(
            "SELECT count(*) FROM batches WHERE state = 'sealed'"
        )
        reserved = await connection.fetchval(
            "SELECT coalesce(sum(reserved + expected), 0) FROM inventory"
        )
        doubled = await connection.fetch(
            "SELECT kind, order_id FROM transfers WHERE kind IN ('purchase', 'refund')"
            " AND order_id IS NOT NULL GROUP BY kind, order_id HAVING count(*) > 1"
        )
    finally:
        await connection.close()
    purchases = {f"{row['batch']}-{row['attempt']}": str(row["state"]) for row in rows}
    booked: dict[str, Bought] = {}
    for row in fills:
        name = f"{row['batch']}-{row['attempt']}"
        before = booked.get(name, Bought(Decimal(0), Decimal(0), frozenset()))
        booked[name] = Bought(
            before.coins + row["quantity"] * _UNIT,
            before.dollars + row["cost"] * _UNIT,
            before.trades | {str(row["trade_id"])},
        )
    misfits = [
        *_differing("open batches", 0, open_batches),
        *_differing("reserved or expected coins", 0, int(reserved)),
        *(f"two transfers of kind {row['kind']} for order {row['order_id']}" for row in doubled),
    ]
    return purchases, booked, misfits


def _their_record(server: RunningServer) -> list[tuple[str, Bought]]:
    """Every executed order there, by the name that it was given."""
    executed: list[tuple[str, Bought]] = []
    for asset in _ASSETS:
        trades: dict[int, set[str]] = defaultdict(set)
        for trade in _all_trades(server, asset):
            trades[trade["orderId"]].add(str(trade["id"]))
        for order in paper_record.all_orders(server, asset):
            coins = Decimal(order["executedQty"])
            if coins:
                dollars = Decimal(order["cummulativeQuoteQty"])
                its_trades = frozenset(trades.pop(order["orderId"], set()))
                executed.append((order["clientOrderId"], Bought(coins, dollars, its_trades)))
        executed += [(f"no order {number}", _bare(ids)) for number, ids in trades.items()]
    return executed


def _all_trades(server: RunningServer, asset: str) -> list[Json]:
    trades: list[Json] = []
    while True:
        first = trades[-1]["id"] + 1 if trades else 0
        page = paper_record.ask(server, "myTrades", symbol=f"{asset}USDT", fromId=first, limit=1000)
        trades += page
        if len(page) < 1000:
            return trades


def _bare(trades: set[str]) -> Bought:
    return Bought(Decimal(0), Decimal(0), frozenset(trades))


def _purchase_differences(
    purchases: Mapping[str, str], ours: Mapping[str, Bought], theirs: Sequence[tuple[str, Bought]]
) -> Iterator[str]:
    """Every executed order is booked exactly once and as it was; no batch was bought twice."""
    names = Counter(name for name, _ in theirs)
    yield from (f"{name} was executed {n} times" for name, n in names.items() if n > 1)
    for name, bought in theirs:
        if purchases.get(name) not in _FILLED:
            yield f"{name} was executed there, and is {purchases.get(name, 'unknown')} here"
        else:
            yield from _differing(name, bought, ours.get(name))
    for name, state in purchases.items():
        if name not in names and name in ours:
            yield f"{name} was not executed there, and is booked here"
        if state in {"submitting", "unknown", "quarantined"}:
            yield f"{name} is still {state}"
    batches = Counter(name.rpartition("-")[0] for name in names if purchases.get(name) != "late")
    yield from (f"batch {batch} was bought {n} times" for batch, n in batches.items() if n > 1)


def _book_differences(ledger: Json, kept: Amounts) -> Iterator[str]:
    """All sums are zero, nothing is left in between, nobody owes, and the venue's balances are ours."""
    accounts = {name: Decimal(balance) for name, balance in ledger["accounts"].items()}
    for currency, total in ledger["sums"].items():
        yield from _differing(f"sum of all accounts in {currency}", Decimal(0), Decimal(total))
    for name, balance in accounts.items():
        if name.startswith(("suspense:", "clearing:")) and balance:
            yield f"{name}: expected 0, was {balance}"
        if name.startswith(("user:", "house:inventory:")) and balance < 0:
            yield f"{name}: expected at least 0, was {balance}"
    for currency, coin in {"USD": "USDT", **dict.fromkeys(_ASSETS)}.items():
        name = f"venue:{currency}"
        there = kept.get(coin or currency, Decimal(0))
        yield from _differing(f"{name} and the exchange", there, -accounts.get(name, Decimal(0)))


def _audit_differences(server: RunningServer) -> list[str]:
    """What the service's own audit finds; late fills are breaks that are announced."""
    audit = server.command("audit", "--json")
    if audit.returncode not in {0, 1}:
        return [f"audit ended with {audit.returncode}: {audit.stderr[-500:]}"]
    found = json.loads(audit.stdout)
    breaks = [each for each in found["open_breaks"] if each["kind"] != _LATE]
    return [f"audit: {each}" for each in (*found["differences"], *breaks, *found["quarantined"])]


def _differing(what: str, expected: object, was: object) -> Iterator[str]:
    if expected != was:
        yield f"{what}: expected {expected}, was {was}"
