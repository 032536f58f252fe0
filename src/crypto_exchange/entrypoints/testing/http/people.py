"""People: users that the kit registers, what they see, and what is known of them."""

from __future__ import annotations

import itertools
import json
import re
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from crypto_exchange.entrypoints.testing.http.breaches import InDoubt, expect
from crypto_exchange.entrypoints.testing.http.client import Answer, Client
from crypto_exchange.entrypoints.testing.http.ledger import Ledger
from crypto_exchange.entrypoints.testing.http.options import HttpOptions
from crypto_exchange.entrypoints.testing.http.rows import (
    Currency,
    OrderRow,
    TransactionRow,
    read_balance,
    read_currency,
    read_holding,
    read_order,
    read_transaction,
)
from crypto_exchange.entrypoints.testing.http.snapshots import (
    Snapshot,
    check_settled_view,
    read_stable,
)

Row = TypeVar("Row")

_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')
_LARGEST_PAGE = 200
_NAMES = ("ann", "bob", "cid", "dee", "eve", "fay")


class Person:
    """A user with an own wallet. `doubtful` once a command was sent that may or may not be done."""

    def __init__(self, name: str, client: Client, options: HttpOptions, pair: Answer) -> None:
        self.name = name
        self.client = client
        self.options = options
        self.ledger = Ledger()
        self.placed_at: dict[int, float] = {}
        self.proven: set[int] = set()
        self.doubtful = False
        self.access, self._refresh = pair.body["access"], pair.body["refresh"]
        self._keys = itertools.count(1)

    def new_key(self) -> str:
        """An idempotency key that this user has not used."""
        return f"{self.name}-{next(self._keys)}"

    def call(
        self,
        method: str,
        path: str,
        body: str | None = None,
        *,
        key: str | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """As `Client.call`, with the user's token, which is renewed when it has expired."""

        def send() -> Answer:
            return self.client.call(
                method, path, body, token=self.access, key=key, content_type=content_type
            )

        try:
            answer = send()
            return send() if answer.status == 401 and self._renew() else answer
        except InDoubt:
            self.doubtful = True
            raise

    def get(self, path: str) -> Answer:
        """What must be shown. Raises `Broken` unless it is."""
        answer = self.call("GET", path)
        expect("X6 shown", answer.status == 200, f"GET {path}: 200", answer)
        return answer

    def read_order(self, order_id: int) -> OrderRow:
        """An order of this user, compared with what was known of it."""
        row = read_order(self.get(f"orders/{order_id}/").body, self.options)
        self.ledger.saw(row)
        return row

    def look(self, limit: int = _LARGEST_PAGE) -> Snapshot:
        """Read everything, lists by pages of at least `limit`, and check it. Raises `Broken`."""
        limit = min(_LARGEST_PAGE, max(limit, len(self.ledger.orders) // 4 + 1))
        seen = check_settled_view(lambda: self._read(limit), self.ledger, self.options)
        for newest in seen.orders[:1]:
            self.read_order(newest.id)
        for movement in seen.transactions[:1]:
            row = read_transaction(self.get(f"transactions/{movement.id}").body)
            expect("X4 complete lists", row == movement, str(movement), row)
        return seen

    def list_orders(self, limit: int = _LARGEST_PAGE) -> list[OrderRow]:
        """All orders, newest first."""
        return self._list("orders/", limit, lambda body: read_order(body, self.options))

    def list_transactions(self) -> list[TransactionRow]:
        """All transactions, newest first."""
        return self._list("transactions/", _LARGEST_PAGE, read_transaction)

    def _read(self, limit: int) -> Snapshot:
        def read() -> Snapshot:
            before = list_currencies(self.client, self.options)
            balance = read_balance(self.get("accounts/wallet/").body)
            rows = self.get("accounts/holdings/").body
            holdings = [read_holding(row, self.options) for row in rows]
            transactions = self._list("transactions/", limit, read_transaction)
            still = list_currencies(self.client, self.options) == before
            return Snapshot(
                balance=balance,
                holdings=holdings,
                transactions=transactions,
                listing=before if still else None,
                orders=self.list_orders(limit),
            )

        return read_stable(read, self.list_orders)

    def _list(self, path: str, limit: int, read: Callable[[object], Row]) -> list[Row]:
        """Follow the links from page to page."""
        answer = self.get(f"{path}?limit={limit}")
        found: list[Row] = []
        while True:
            page = answer.body
            expect("X4 pages", isinstance(page, list), "an array", str(page)[:80])
            expect("X4 pages", len(page) <= limit, f"at most {limit} rows", len(page))
            found.extend(read(row) for row in page)
            link = _NEXT.search(answer.headers.get("link", ""))
            if link is None:
                return found
            expect("X4 pages", len(page) > 0, "no next page after an empty one", link[1])
            answer = self.client.follow(link[1], self.access)
            expect("X4 pages", answer.status == 200, f"GET {link[1]}: 200", answer)

    def _renew(self) -> bool:
        body = json.dumps({"refresh": self._refresh})
        pair = self.client.call("POST", "accounts/auth/refresh/", body)
        if pair.status == 200:
            self.access, self._refresh = pair.body["access"], pair.body["refresh"]
        return pair.status == 200


class Crowd:
    """Everybody whom the kit has registered: at most `most`, then they come again."""

    def __init__(self, client: Client, options: HttpOptions) -> None:
        self._client, self._options = client, options
        self._turn = itertools.count()
        self._limited = False
        self.most = options.people
        self._named = 0
        self.people: list[Person] = []

    def sure(self) -> list[Person]:
        """Those whose money is known to the cent."""
        return [person for person in self.people if not person.doubtful]

    def pick(self, wanted: int) -> Sequence[Person]:
        """That many people, new ones as long as more may be registered."""
        picked: list[Person] = []
        while len(picked) < wanted:
            few = len(self.sure()) < wanted
            may = len(self.people) < self.most and not self._limited
            newcomer = self._register(wait=few) if few or may else None
            picked.append(newcomer or self._known_one(picked))
        return picked

    def _known_one(self, picked: Sequence[Person]) -> Person:
        others = [person for person in self.sure() if person not in picked]
        return others[next(self._turn) % len(others)]

    def _register(self, *, wait: bool) -> Person | None:
        login = {"username": f"cx-{secrets.token_hex(8)}", "password": secrets.token_urlsafe(16)}
        body = json.dumps(login)
        answer = self._client.call("POST", "accounts/auth/register/", body, wait=wait)
        if answer.status == 429:
            self._limited = True
            return None
        expect("X6 accepted", answer.status == 201, "register: 201", answer)
        self._named += 1
        name = _NAMES[self._named % len(_NAMES)]
        person = Person(f"{name}{self._named}", self._client, self._options, answer)
        self.people.append(person)
        return person


def list_currencies(client: Client, options: HttpOptions) -> list[Currency]:
    """What can be bought now, in the order of the API. Raises `Broken` if that is not by name."""
    answer = client.call("GET", "exchanges/crypto-currencies/")
    expect("X6 shown", answer.status == 200, "the crypto-currencies: 200", answer)
    names = [row["name"] for row in answer.body]
    expect("X4 complete lists", names == sorted(set(names)), "a list by name, each once", names)
    found = (read_currency(row, options) for row in answer.body)
    return [currency for currency in found if currency is not None]


def wait_until(holds: Callable[[], bool], until: float) -> bool:
    """Ask again and again, more and more slowly, until it holds or the time has come."""
    pause_ms = 50
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(pause_ms / 1000)
        pause_ms = min(pause_ms * 2, 1000)
    return True
