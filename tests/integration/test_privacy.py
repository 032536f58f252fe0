"""What is left in Postgres of an account that is closed, and who comes first when it is."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import msgspec
import pytest

from crypto_exchange.adapters.postgres import Database
from crypto_exchange.adapters.postgres.tables import metadata
from crypto_exchange.domain.audit_log import Actor
from crypto_exchange.domain.cashier import Deposit
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.closing import AccountNotEmpty
from crypto_exchange.domain.errors import Unauthenticated
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases import accounts, closing, wallets
from crypto_exchange.domain.use_cases.closing import CloseAccount
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import UserStatus
from crypto_exchange.entrypoints.http.config import HttpConfig
from crypto_exchange.entrypoints.testing.contracts.scene import Scene
from tests.integration.postgres_store import context_over, opened_database, store_over
from tests.unit.http.api import Api
from tests.unit.http.application import app_over
from tests.unit.http.second_factor_suite import PASSWORD, Customer

ADDRESS, DEVICE = "203.0.113.77", "A-Very-Rare-Browser/7.1"
SIGNALS = '{"at_us": 9, "linked": 3, "score": 7}'
LEDGER = ("transfers", "orders", "wallets", "holdings", "events", "requests")


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Database]:
    async with opened_database(postgres_dsn) as database:
        yield database


@pytest.fixture
async def scene(database: Database) -> Scene:
    scene = Scene(store_over(database))
    await scene.list_asset()
    return scene


async def test_of_a_closed_account_no_name_device_or_address_is_left_but_the_ledger_is(
    scene: Scene, database: Database
) -> None:
    async with _served(scene) as api:
        alice = await _lived(api, scene, database)
        before, wanted = await _texts(database), _of(alice)
        assert all(any(word in text for text in before.values()) for word in wanted)

        exported = await api.call("GET", "accounts/export/", token=alice.token)
        assert "linked" not in exported.text
        answer = await _close(api, alice)

        assert answer.json["left"] == [{"crypto": "BTC", "amount": "0.5"}]
        after = await _texts(database)
        found = {(word, name) for word in wanted for name, text in after.items() if word in text}
        assert found == {(ADDRESS, "audit_log"), (DEVICE, "audit_log")}
        assert {name: after[name] for name in LEDGER if name != "wallets"} == {
            name: before[name] for name in LEDGER if name != "wallets"
        }
        assert (await alice.log_in()).code == "invalid_credentials"
        assert (await api.call("GET", "orders/", token=alice.token)).code == "unauthenticated"


@pytest.mark.parametrize("lock", [False, True])
async def test_a_deposit_that_was_under_way_when_the_account_was_closed_is_refused(
    scene: Scene, lock: bool
) -> None:
    racer = await Racer(scene).enter()
    deposit = asyncio.create_task(racer.deposit(held=True))
    await racer.gate.reached.wait()

    await racer.close(lock=lock)
    racer.gate.opened.set()

    with pytest.raises(Unauthenticated):
        await deposit
    assert (await scene.wallet(racer.user_id)).balance == 0
    assert await racer.status() is UserStatus.CLOSED
    assert await scene.store.queries.list_differences() == ()


async def test_an_account_that_gets_money_while_it_is_being_closed_stays_open(scene: Scene) -> None:
    racer = await Racer(scene).enter()
    closed = asyncio.create_task(racer.close(held=True))
    await racer.gate.reached.wait()

    await racer.deposit()
    racer.gate.opened.set()

    with pytest.raises(AccountNotEmpty, match=r"with 1\.00 USD in the wallet$"):
        await closed
    assert (await scene.wallet(racer.user_id)).balance == 100 * CENT
    assert await racer.status() is UserStatus.ACTIVE


async def test_deposits_and_a_closing_at_once_leave_no_money_in_a_closed_account(
    scene: Scene,
) -> None:
    for number in range(4):
        racer = await Racer(scene).enter()

        closed, *deposits = await asyncio.gather(
            racer.close(), *(racer.deposit() for _ in range(number)), return_exceptions=True
        )

        paid = [each for each in deposits if not isinstance(each, Unauthenticated)]
        assert [each for each in paid if each is not None] == []
        assert (await scene.wallet(racer.user_id)).balance == 100 * CENT * len(paid)
        gone = await racer.status() is UserStatus.CLOSED
        assert (gone, closed is None) == (not paid, not paid)


class Gate:
    """Where a commit waits."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()


class Held:
    """A unit of work that loads at once and commits when the gate is open."""

    def __init__(self, work: UnitOfWork, gate: Gate) -> None:
        self._work, self._gate = work, gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    async def commit(self, change: Change) -> None:
        self._gate.reached.set()
        await self._gate.opened.wait()
        await self._work.commit(change)


class Racer:
    """Somebody who pays in and closes the account at the same time."""

    def __init__(self, scene: Scene) -> None:
        self.context, self.gate = context_over(scene), Gate()

    async def enter(self) -> Racer:
        name = f"racer-{await self.context.ids.next_user_id()}"
        pair = await accounts.register(self.context, name, PASSWORD)
        self.bearer = self.context.tokens.read_access(pair.access)
        self.user_id = self.bearer.user_id
        return self

    async def deposit(self, *, held: bool = False) -> None:
        command = Deposit(user_id=self.user_id, amount=100 * CENT)
        await wallets.deposit(self._context(held=held), command, self.bearer.session_id)

    async def close(self, *, held: bool = False, lock: bool = False) -> None:
        context, actor = self._context(held=held, lock=lock), Actor(user_id=self.user_id)
        await closing.close(context, self.bearer, CloseAccount(password=PASSWORD), actor=actor)

    async def status(self) -> UserStatus:
        async with self.context.begin() as work:
            work.abandon()
            return (await work.get_user(self.user_id)).status

    def _context(self, *, held: bool = False, lock: bool = False) -> Context:
        @asynccontextmanager
        async def begin(*, lock: bool = lock) -> AsyncIterator[Any]:
            async with self.context.begin(lock=lock) as work:
                yield Held(work, self.gate) if held else work

        return msgspec.structs.replace(self.context, begin=begin)


@asynccontextmanager
async def _served(scene: Scene) -> AsyncIterator[Api]:
    """The API over Postgres, called by somebody from an address of their own."""
    app = app_over(context_over(scene), HttpConfig(find_missing=_nothing_missing))
    transport = httpx.ASGITransport(cast("Any", app), client=(ADDRESS, 4711))
    client = httpx.AsyncClient(
        transport=transport, base_url="http://testserver", headers={"User-Agent": DEVICE}
    )
    async with app.lifespan(), client:
        yield await Api.open(client)


async def _nothing_missing() -> str | None:
    return None


async def _lived(api: Api, scene: Scene, database: Database) -> Customer:
    """Somebody with all that an account can have, and nothing of it in the way of closing it."""
    alice = await Customer(api, scene.at_us // 30_000_000).enrolled("100.00")
    user_id = int(await _value(database, "SELECT max(id) FROM users"))
    key = {"name": f"bot of {alice.name}", "scopes": ["read"]}
    alice.token = (await alice.step_up(alice.code())).json["access"]
    made = await api.call("POST", "accounts/api-keys/", json.dumps(key), token=alice.token)
    assert made.status == 201, made
    order = await api.call("POST", "orders/", '{"crypto": "BTC", "spend": 5.00}', token=alice.token)
    await api.call("POST", f"orders/{order.json['id']}/cancel/", token=alice.token)
    await scene.give_coins(user_id, 50_000_000, "BTC")
    assert (await alice.move("withdraw", "100.00")).status == 200
    await api.call("POST", "accounts/auth/login/", _login(alice, "a wrong password"))
    refresh = json.loads((await alice.step_up(alice.code(1))).text)["refresh"]
    headers = {"Idempotency-Key": "a key that nobody guesses"}
    body = json.dumps({"refresh": refresh})
    renewed = await api.call("POST", "accounts/auth/refresh/", body, headers=headers)
    alice.token = renewed.json["access"]
    sql = "INSERT INTO user_signals (user_id, at_us, body) VALUES ($1, 9, $2)"
    await database.fetch(sql, user_id, SIGNALS)
    return alice


def _login(alice: Customer, password: str) -> str:
    return json.dumps({"username": alice.name.upper(), "password": password})


async def _close(api: Api, alice: Customer) -> Any:
    """With a recovery code: the codes of this half minute are all used."""
    body = {"password": PASSWORD, "leave_holdings": True, "code": alice.recovery_codes[0]}
    answer = await api.call("POST", "accounts/close/", json.dumps(body), token=alice.token)
    assert answer.status == 200, answer
    return answer


def _of(alice: Customer) -> tuple[str, ...]:
    """What says who it was, and what opened the account."""
    secret = base64.b32decode(alice.secret).hex()
    return alice.name, ADDRESS, DEVICE, SIGNALS, f"insecure:{PASSWORD}", secret


async def _texts(database: Database) -> dict[str, str]:
    """Every column of every row, table by table."""
    texts = {}
    for name in metadata.tables:
        rows = await database.fetch(f"SELECT t::text AS row FROM {name} AS t ORDER BY 1")
        texts[name] = "\n".join(row["row"].replace('""', '"') for row in rows)
    return texts


async def _value(database: Database, sql: str) -> Any:
    return await database.fetchval(sql)
