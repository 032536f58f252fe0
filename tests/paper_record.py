"""What the exchange itself has recorded, asked with a signing of the tests' own."""

import hashlib
import hmac
import time
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
