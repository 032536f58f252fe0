"""What the exchange itself has recorded, asked with a signing of the tests' own; and its faults."""

import hashlib
import hmac
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import urlencode

import httpx

from tests.running import RunningServer

Json: TypeAlias = Any


def ask(server: RunningServer, path: str, **parameters: object) -> Json:
    """Make a signed call."""
    run = server.run_file
    query = urlencode({**parameters, "timestamp": time.time_ns() // 10**6, "recvWindow": 60_000})
    secret = run["exchange_api_secret"].encode()
    signature = hmac.new(secret, query.encode(), hashlib.sha256).hexdigest()
    answer = httpx.get(
        f"{run['exchange_url']}/api/v3/{path}?{query}&signature={signature}",
        headers={"X-MBX-APIKEY": run["exchange_api_key"]},
        timeout=10,
    )
    answer.raise_for_status()
    return answer.json()


def all_orders(server: RunningServer, symbol: str) -> list[Json]:
    """Every order of a symbol, oldest first."""
    orders: list[Json] = []
    while True:
        first = orders[-1]["orderId"] + 1 if orders else 1
        page = ask(server, "allOrders", symbol=f"{symbol}USDT", orderId=first, limit=1000)
        orders += page
        if len(page) < 1000:
            return orders


def bought(server: RunningServer, symbol: str) -> Decimal:
    """How many coins of a symbol were ever bought there."""
    return sum((Decimal(o["executedQty"]) for o in all_orders(server, symbol)), Decimal(0))


def balances(server: RunningServer) -> dict[str, Decimal]:
    """What is kept there."""
    account = ask(server, "account")
    return {b["asset"]: Decimal(b["free"]) + Decimal(b["locked"]) for b in account["balances"]}


def assert_books_agree(server: RunningServer, symbols: Sequence[str]) -> None:
    """Nothing waits or is owed, and the exchange's own record says what the ledger says."""
    ledger = server.ledger()
    accounts = {name: Decimal(balance) for name, balance in ledger["accounts"].items()}

    assert set(ledger["sums"].values()) == {"0.00000000"}
    kept = balances(server)
    assert -accounts["venue:USD"] == kept["USDT"]
    for symbol in symbols:
        assert -accounts.get(f"venue:{symbol}", Decimal(0)) == kept[symbol]
        assert kept[symbol] == bought(server, symbol)
    assert not [n for n, b in accounts.items() if n.startswith(("suspense:", "clearing:")) and b]
    assert not [n for n, b in accounts.items() if n.startswith("user:") and b < 0]


def order_fault(server: RunningServer, kind: str, **terms: object) -> Json:
    """Put a fault in force; returns it as it is stored."""
    url = f"{server.run_file['exchange_url']}/paper/faults"
    answer = httpx.post(url, json={"kind": kind, **terms}, timeout=10)
    answer.raise_for_status()
    return answer.json()


def faults(server: RunningServer) -> list[Json]:
    """Those in force, with how often each was met."""
    answer = httpx.get(f"{server.run_file['exchange_url']}/paper/faults", timeout=10)
    answer.raise_for_status()
    return list(answer.json())


def remove_faults(server: RunningServer) -> None:
    """Take back all that are in force."""
    url = f"{server.run_file['exchange_url']}/paper/faults"
    httpx.delete(url, timeout=10).raise_for_status()
