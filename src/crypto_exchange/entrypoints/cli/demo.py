"""`crypto-exchange demo`: a narrated walk through the main job, which checks what it tells."""

from __future__ import annotations

import argparse
import json
import secrets
import time
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, TypeAlias

import httpx
import msgspec

from crypto_exchange.entrypoints.cli.connection import running
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.cli.house import ledger_sums
from crypto_exchange.settings import Settings

Json: TypeAlias = Any
_PATIENCE_S = 60
_TOO_MANY = 429


def demo(settings: Settings, _options: argparse.Namespace) -> int:
    """Walk through the main job; 1 if anything is not as told."""
    address = running(settings).api_url
    print(f"A walk through the main job, on {address}. Every line is a real call.\n")
    try:
        with httpx.Client(base_url=f"{address}/api/v1", timeout=10) as client:
            _Walk(client, settings).run()
    except _NotAsToldError as error:
        raise CommandError(f"\nNot as told: {error}", 1) from None
    except httpx.HTTPError as error:
        raise CommandError(f"the API at {address} does not answer: {error}", 3) from None
    print("\nAll of it was as told.")
    return 0


class _NotAsToldError(Exception):
    """Something differs from the narration."""


class _Walk:
    """The steps, in order, with what they have to remember."""

    def __init__(self, client: httpx.Client, settings: Settings) -> None:
        self.client, self.settings = client, settings
        self.tokens: dict[str, str] = {}

    def run(self) -> None:
        """Take all steps."""
        self._people_arrive()
        price = self._prices()
        self._small_orders(price)
        self._large_order()
        self._money_back()
        self._books()

    def _people_arrive(self) -> None:
        _title("1. Three people register and put money into their wallets")
        for person in ("ann", "ben", "eve"):
            name = f"{person}-{secrets.token_hex(4)}"
            login = {"username": name, "password": secrets.token_urlsafe(16)}
            pair = self._call("POST", "/accounts/auth/register/", login, expected=201)
            self.tokens[person] = pair["access"]
            wallet = self._call("PATCH", "/accounts/wallet/deposit", {"amount": 50}, by=person)
            _tell(f"{name} has {wallet['balance']} {wallet['currency']}")
            _check("the wallet holds 50.00", wallet["balance"] == 50)

    def _prices(self) -> Decimal:
        _title("2. Anybody can see what is for sale")
        listed = self._call("GET", "/exchanges/crypto-currencies/")
        for asset in listed:
            _tell(f"{asset['name']:<6} {asset['price']:>12} USD   ({asset['status']})")
        by_name = {asset["name"]: asset for asset in listed}
        _check("BTC is for sale", by_name.get("BTC", {}).get("status") == "active")
        return Decimal(by_name["BTC"]["price"])

    def _small_orders(self, price: Decimal) -> None:
        threshold = Decimal(self.settings.aggregation_threshold) / 10**8
        _title(f"3. Small orders wait until together they reach {threshold:.2f} USD")
        third = (threshold * 4 / 10).quantize(Decimal("0.01"), ROUND_CEILING)
        placed = []
        for person in ("ann", "ben", "eve"):
            order = self._call(
                "POST", "/orders/", {"crypto": "BTC", "spend": third}, by=person, expected=201
            )
            placed.append((person, order))
            _tell(f"{person} orders BTC for {order['total_price']} USD: {order['state']}")
        _check("the first one waited", placed[0][1]["state"] == "aggregated")
        unit_price = placed[0][1]["unit_price"]
        _check("the price is near the one shown", abs(unit_price - price) < price / 10)
        _tell("… the third one fills the batch; it is bought as one purchase at the exchange …")
        for person, order in placed:
            done = self._ended(person, order)
            _tell(f"{person}'s order is {done['state']}: {done['filled_amount']} BTC")
            _check("everyone got all of it", done["filled_amount"] == order["amount"])

    def _large_order(self) -> None:
        _title("4. A large order is bought at once")
        order = self._call(
            "POST", "/orders/", {"crypto": "ABAN", "amount": 1}, by="ann", expected=201
        )
        _tell(f"ann orders 1 ABAN for {order['total_price']} USD: {order['state']}")
        _check("it does not wait for others", order["state"] == "pending")
        done = self._ended("ann", order)
        _tell(f"ann's order is {done['state']}")
        _check("it is completed", done["state"] == "completed")
        holdings = self._call("GET", "/accounts/holdings/", by="ann")
        for holding in holdings:
            _tell(
                f"ann holds {holding['amount']} {holding['crypto']}, which cost {holding['cost']}"
            )
        _check("ann holds ABAN and BTC", [h["crypto"] for h in holdings] == ["ABAN", "BTC"])

    def _money_back(self) -> None:
        _title("5. A waiting order can be cancelled, and every cent comes back")
        before = self._call("GET", "/accounts/wallet/", by="ben")["balance"]
        order = self._call(
            "POST", "/orders/", {"crypto": "ETH", "spend": "1.00"}, by="ben", expected=201
        )
        cancelled = self._call("POST", f"/orders/{order['id']}/cancel/", by="ben")
        after = self._call("GET", "/accounts/wallet/", by="ben")["balance"]
        _tell(f"ben's order is {cancelled['state']}; refunded {cancelled['refunded']} USD")
        _check("ben's wallet is as before", after == before)
        for row in self._call("GET", "/transactions/", by="ben"):
            cause = "" if row["order_id"] is None else f"  order {row['order_id']}"
            _tell(f"ben: {row['type']:<10} {row['amount']:>8} USD{cause}")

    def _books(self) -> None:
        _title("6. The house's books: every currency's accounts sum to zero")
        for currency, total in ledger_sums(self.settings).items():
            _tell(f"sum of all {currency} accounts: {total}")
            _check(f"{currency} sums to zero", Decimal(total) == 0)

    def _ended(self, person: str, order: Json) -> Json:
        """Wait until an order ends."""
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            now = self._call("GET", f"/orders/{order['id']}/", by=person)
            if now["state"] not in {"pending", "aggregated"}:
                return now
            time.sleep(0.1)
        raise _NotAsToldError(f"order {order['id']} has not ended within {_PATIENCE_S} s")

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        by: str | None = None,
        expected: int = 200,
    ) -> Json:
        """Make a call; numbers come back as exact decimals."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if by is not None:
            headers["Authorization"] = f"Bearer {self.tokens[by]}"
        content = b"" if body is None else _ENCODER.encode(body)
        answer = self.client.request(method, path, content=content, headers=headers)
        while answer.status_code == _TOO_MANY:
            wait_s = int(answer.headers["Retry-After"])
            _tell(f"… too many calls for now: waiting {wait_s} s, as the answer says …")
            time.sleep(wait_s)
            answer = self.client.request(method, path, content=content, headers=headers)
        if answer.status_code != expected:
            raise _NotAsToldError(
                f"{method} {path} should answer {expected}, but was {answer.status_code}: "
                f"{answer.text[:300]}"
            )
        return _decode(answer.content)


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _decode(content: bytes) -> Json:
    return json.loads(content, parse_float=Decimal, parse_int=int)


def _title(text: str) -> None:
    print(f"\n{text}")


def _tell(text: str) -> None:
    print(f"   {text}")


def _check(what: str, holds: bool) -> None:
    if not holds:
        raise _NotAsToldError(f"expected that {what}, but it was not so")
