"""People who use the API through everything, and keep an exact record of their own."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import httpx

Json: TypeAlias = Any
FINAL = frozenset({"completed", "partially_completed", "failed", "cancelled"})
_ASSETS = ("ABAN", "BTC", "ETH")
_SELDOM = "SOL"
"""Bought in such small amounts that its orders wait until their deadline."""
_TRY_S = 5.0
"""What one try gets. A command is tried again, with its key, until its outcome is known."""
_PATIENCE_S = 150.0


class Answer(NamedTuple):
    """A definite one. `next_path`: where its list goes on."""

    status: int
    body: Json
    next_path: str | None = None


class Wires:
    """How customers reach the API: any of its addresses, at random, through one client."""

    def __init__(self, addresses: list[str]) -> None:
        self.addresses = addresses
        self.client = httpx.AsyncClient(
            timeout=_TRY_S, limits=httpx.Limits(max_connections=200, max_keepalive_connections=50)
        )
        self.tries: Counter[str] = Counter()
        self.orders = 0


class Customer:
    """Somebody with a wallet. `draw` decides what they do; `stopped` ends it."""

    def __init__(self, wires: Wires, name: str, draw: random.Random) -> None:
        self.name = name
        self.paid_in = Decimal(0)
        self.orders: dict[int, Json] = {}
        self.cancelled: set[int] = set()
        self.cancelling: set[int] = set()
        self.wrong: list[str] = []
        self._wires, self._draw = wires, draw
        self._login = {"username": name, "password": f"{draw.getrandbits(64):016x}"}
        self._token = ""
        self._keys = 0

    async def live(self, pause_s: float, stopped: Callable[[], bool]) -> None:
        """Register, pay in, and act until told to stop."""
        await self._register()
        await self._pay("deposit", Decimal(2_000))
        while not stopped():
            await self._act()
            await asyncio.sleep(self._draw.uniform(0, 2 * pause_s))

    async def look_up(self) -> list[int]:
        """Renew the record's orders; returns those that have not ended."""
        for number, order in self.orders.items():
            if order["state"] not in FINAL:
                answer = await self._ask("GET", f"/orders/{number}/")
                self.orders[number] = answer.body if answer.status == 200 else order
        return [n for n, order in self.orders.items() if order["state"] not in FINAL]

    async def get(self, path: str) -> Json:
        """What the API says of this customer."""
        return (await self._ask("GET", path)).body

    async def list_orders(self) -> list[Json]:
        """Every order that the API knows of this customer, the newest first."""
        orders: list[Json] = []
        path: str | None = "/orders/?limit=200"
        while path is not None:
            page = await self._ask("GET", path)
            orders += page.body
            path = page.next_path
        return orders

    async def _register(self) -> None:
        self._token = await self._sign_up(self._login)

    async def _sign_up(self, login: dict[str, str]) -> str:
        """A new account's token."""
        answer = await self._send("POST", "/accounts/auth/register/", login)
        if answer.status == 409:  # an earlier try got through, and its answer was lost
            answer = await self._send("POST", "/accounts/auth/login/", login)
        self._expect(answer, (200, 201))
        return str(answer.body.get("access", ""))

    async def _open_account(self) -> None:
        """One that is not used any further."""
        name = f"{self.name}-{self._draw.getrandbits(48):x}"
        await self._sign_up({**self._login, "username": name})

    async def _act(self) -> None:
        acts = {
            self._buy_small: 600,
            self._buy_large: 200,
            self._buy_seldom: 40,
            self._cancel: 80,
            self._move: 75,
            self._open_account: 5,
        }
        await self._draw.choices([*acts], weights=[*acts.values()])[0]()

    async def _buy_small(self) -> None:
        await self._buy(self._draw.randint(50, 999))
        if self._draw.random() < 0.15:
            await self._cancel()

    async def _buy_large(self) -> None:
        await self._buy(self._draw.randint(1_000, 3_000))

    async def _buy_seldom(self) -> None:
        await self._buy(self._draw.randint(5, 20), _SELDOM)

    async def _buy(self, cents: int, asset: str | None = None) -> None:
        body = {"crypto": asset or self._draw.choice(_ASSETS), "spend": _dollars(cents)}
        answer = await self._command("POST", "/orders/", body)
        if answer.status == 201:
            if answer.body["id"] in self.orders:
                self.wrong.append(f"order {answer.body['id']} was given twice")
            self.orders[answer.body["id"]] = answer.body
            self._wires.orders += 1
        elif self._refused(answer, "insufficient_funds"):
            await self._pay("deposit", Decimal(500))
        else:
            self._expect(answer, (201,), "asset_halted")

    async def _cancel(self) -> None:
        waiting = [n for n, o in self.orders.items() if o["state"] not in FINAL]
        if waiting:
            number = waiting[-1] if self._draw.random() < 0.7 else self._draw.choice(waiting)
            self.cancelling.add(number)
            answer = await self._command("POST", f"/orders/{number}/cancel/", None)
            if self._expect(answer, (200,), "too_late"):
                self.cancelled.add(number)
                self.orders[number] = answer.body

    async def _move(self) -> None:
        way = self._draw.choice(["deposit", "withdraw"])
        await self._pay(way, Decimal(self._draw.randint(1, 3_000)) / 100)

    async def _pay(self, way: str, amount: Decimal) -> None:
        answer = await self._command(
            "PATCH", f"/accounts/wallet/{way}", {"amount": f"{amount:.2f}"}
        )
        if self._expect(answer, (200,), "insufficient_funds"):
            self.paid_in += amount if way == "deposit" else -amount

    async def _command(self, method: str, path: str, body: Json) -> Answer:
        self._keys += 1
        return await self._ask(method, path, body, key=f"{self.name}-{self._keys}")

    async def _ask(
        self, method: str, path: str, body: Json = None, key: str | None = None
    ) -> Answer:
        """Ask as the customer; once more with a new token if the old one is no longer good."""
        answer = await self._send(method, path, body, key)
        if answer.status == 401:
            login = await self._send("POST", "/accounts/auth/login/", self._login)
            self._token = login.body.get("access", "")
            answer = await self._send(method, path, body, key)
        return answer

    async def _send(self, method: str, path: str, body: Json, key: str | None = None) -> Answer:
        """Try until there is a definite answer, at any of the addresses."""
        headers = {"Idempotency-Key": key} if key else {}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            url = f"{self._draw.choice(self._wires.addresses)}/api/v1{path}"
            try:
                got = await self._wires.client.request(method, url, json=body, headers=headers)
            except httpx.TransportError as error:
                self._wires.tries[type(error).__name__] += 1
            else:
                self._wires.tries[str(got.status_code)] += 1
                if got.status_code < 500:
                    return Answer(got.status_code, _exact(got), _next_path(got))
                if got.status_code != 503:
                    self.wrong.append(f"{method} {path}: {got.status_code} {got.text[:200]}")
            await asyncio.sleep(self._draw.uniform(0.05, 0.4))
        self.wrong.append(f"{method} {path}: no definite answer in {_PATIENCE_S:g} s")
        return Answer(0, {})

    def _expect(self, answer: Answer, good: tuple[int, ...], *refusals: str) -> bool:
        """Whether it is good; anything but that or an announced refusal is wrong."""
        if answer.status in good:
            return True
        if not any(self._refused(answer, refusal) for refusal in refusals):
            self.wrong.append(f"{self.name}: {answer.status} {answer.body}")
        return False

    @staticmethod
    def _refused(answer: Answer, code: str) -> bool:
        return isinstance(answer.body, dict) and answer.body.get("code") == code


def _exact(answer: httpx.Response) -> Json:
    return json.loads(answer.content, parse_float=Decimal) if answer.content else None


def _next_path(answer: httpx.Response) -> str | None:
    url = answer.links.get("next", {}).get("url")
    return None if url is None else url.removeprefix("/api/v1")


def _dollars(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"
