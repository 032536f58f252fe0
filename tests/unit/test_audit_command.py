"""What `audit`, `quarantine`, `resolve-quarantine` and the worker's watch make of the books, in memory."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import MemoryClock, MemoryExchange, Silence, memory_context
from crypto_exchange.domain.breaks import BreakKind
from crypto_exchange.domain.cashier import Deposit
from crypto_exchange.domain.errors import InvalidField, Unavailable
from crypto_exchange.domain.order import Order, OrderState, Reason
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.purchase import Purchase, PurchaseState
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import (
    accounts,
    house,
    orders,
    reconciliation,
    trading,
    wallets,
)
from crypto_exchange.domain.views import Mirror
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.cli import audit, quarantine
from crypto_exchange.entrypoints.cli import house as house_commands
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.cli.figures import write_gauges
from crypto_exchange.entrypoints.cli.main import run
from crypto_exchange.entrypoints.http.resolutions import read_trades
from crypto_exchange.entrypoints.worker import watch
from crypto_exchange.entrypoints.worker.watch import Watch
from tests.builders import DAY_US, KEY, NOW_US, a_purchase, an_asset, coins, usd


class Service:
    """A context over memory, one rich user, and an exchange that keeps what it should."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOW_US)
        self.state = State((an_asset(),))
        self.context = memory_context(clock=self.clock, state=self.state)
        assert isinstance(self.context.exchange, MemoryExchange)
        self.exchange = self.context.exchange
        self.user_id = 0

    async def prepare(self) -> None:
        pair = await accounts.register(self.context, "rich", "password")
        self.user_id = self.context.tokens.read_access(pair.access).user_id
        await wallets.deposit(self.context, Deposit(user_id=self.user_id, amount=usd("1000")))

    async def buy(self, dollars: str) -> Order:
        command = PlaceOrder(user_id=self.user_id, asset="BTC", spend=usd(dollars))
        order, _, _ = await orders.place(self.context, command)
        for key, purchase in await trading.seal_due(self.context, "BTC"):
            await trading.execute(self.context, key, purchase)
        await self.agree()
        return self.state.get_order(self.user_id, order.id)

    async def agree(self) -> None:
        """Let the exchange keep what the books say."""
        mirror: Mirror = await self.context.queries.get_mirror()
        self.exchange.balances = dict(mirror.balances)

    async def quarantine(self, step: Silence = Silence.BEFORE) -> Purchase:
        """Buy something of which the exchange says nothing for a day."""
        self.exchange.script.append(step)
        await self.buy("20")
        [purchase] = self.state.purchases.values()
        self.exchange.down = True
        self.clock.advance(DAY_US + 10 * SECOND_US)
        await trading.resolve(self.context, purchase.batch)
        self.exchange.down = False
        return self.state.get_purchase(purchase.batch, purchase.attempt)

    def steal_a_cent(self) -> None:
        wallet = self.state.wallets[self.user_id]
        less = Wallet(wallet.user_id, wallet.balance - usd("0.01"), wallet.version)
        self.state.wallets[self.user_id] = less


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(audit, "_AGAIN_S", 0)
    monkeypatch.setattr(watch, "_AGAIN_S", 0)
    service = Service()
    await service.prepare()
    return service


# ---- audit ---------------------------------------------------------------------------------------


def test_every_kind_of_a_break_is_explained() -> None:
    assert set(audit.MEANINGS) == set(BreakKind)


async def test_clean_books_end_with_0_and_say_so(service: Service) -> None:
    await service.buy("20")

    found = await audit.look(service.context)

    assert found.exit_code == 0
    assert list(audit._lines(found)) == [
        "audit: 0 differences, 0 open breaks, 0 in quarantine, 0 purchases in flight;"
        " every currency sums to zero (BTC, USD)"
    ]


async def test_a_cent_that_is_missing_is_named_with_its_account(service: Service) -> None:
    await service.buy("20")
    service.steal_a_cent()

    found = await audit.look(service.context)

    assert found.exit_code == 1
    assert list(audit._lines(found))[:2] == [
        f"difference: user:{service.user_id}:USD: expected 980.00, found 979.99",
        "    balance: a balance should be the sum of its transfers",
    ]


async def test_a_coin_that_the_exchange_does_not_keep_is_a_difference(service: Service) -> None:
    await service.buy("20")
    service.exchange.balances["BTC"] -= 1

    found = await audit.look(service.context)

    [difference] = found.differences
    assert (difference.subject, difference.found - difference.expected) == ("venue:BTC", -1)
    figures = {(f.name, f.label_value): f.value for f in audit.list_figures(found)}
    assert figures["venue_difference", "BTC"] == "-0.00000001"
    assert figures["venue_difference", "USD"] == "0"
    assert figures["differences", "venue"] == "1"


class Passing(MemoryExchange):
    """Keeps too much once, as while a commit is on its way."""

    looks = 0

    @override
    async def list_balances(self, scales: Any) -> Any:
        self.looks += 1
        found = await super().list_balances(scales)
        return {**found, "BTC": 1} if self.looks == 1 else found


async def test_a_difference_that_passes_is_none(service: Service) -> None:
    passing = Passing((an_asset(),), service.context.policy, service.exchange.now_ms)
    context = msgspec.structs.replace(service.context, exchange=passing)

    found = await audit.look(context)

    assert found.exit_code == 0
    assert passing.looks == 3  # two looks, and the figures


async def test_without_the_exchange_the_books_are_audited_alone(service: Service) -> None:
    service.exchange.down = True

    clean = await audit.look(service.context)
    service.steal_a_cent()
    wrong = await audit.look(service.context)

    assert (clean.exit_code, wrong.exit_code) == (3, 1)
    assert [line for line in audit._lines(clean) if "gave no answer" in line]
    assert {f.value for f in audit.list_figures(clean) if f.name == "exchange_answers"} == {"0"}


class Leaving(MemoryExchange):
    """Goes away after one answer."""

    @override
    async def list_balances(self, scales: Any) -> Any:
        found = await super().list_balances(scales)
        self.down = True
        return found


async def test_an_exchange_that_leaves_meanwhile_is_told(service: Service) -> None:
    leaving = Leaving((an_asset(),), service.context.policy, service.exchange.now_ms)

    found = await audit.look(msgspec.structs.replace(service.context, exchange=leaving))

    assert (found.exit_code, found.kept) == (3, None)


async def test_open_breaks_and_quarantine_end_with_1(service: Service) -> None:
    held = await service.quarantine()
    service.steal_a_cent()
    await reconciliation.record(
        service.context, (await reconciliation.look(service.context)).differences
    )
    [record] = await service.context.queries.list_breaks()

    found = await audit.look(service.context)

    assert found.exit_code == 1
    lines = "\n".join(audit._lines(found))
    assert f"open break {record.key}: user:{service.user_id}:USD: expected 980.00, found" in lines
    assert f"in quarantine: {held.client_order_id}: nobody knows whether it bought 0.0004" in lines
    assert "1 open break, 1 in quarantine, 1 purchase in flight" in lines
    shown = audit._as_json(found)
    assert shown["open_breaks"] == [
        {
            "key": record.key,
            "kind": "balance",
            "account": f"user:{service.user_id}:USD",
            "expected": "980.00",
            "found": "979.99",
            "meaning": audit.MEANINGS[BreakKind.BALANCE],
            "opened_at": "2026-01-02T00:00:10.000000Z",
        }
    ]
    assert shown["quarantined"] == [
        {
            "batch": held.batch,
            "attempt": 1,
            "asset": "BTC",
            "quantity": "0.0004",
            "signed_at": "2026-01-01T00:00:00.000000Z",
            "client_order_id": held.client_order_id,
        }
    ]
    figures: Any = shown["figures"]
    assert (figures["quarantined"], figures["open_breaks"]["balance"]) == (1, "1")


async def test_gauges_are_what_prometheus_reads(service: Service) -> None:
    await service.buy("20")
    service.exchange.balances['odd"\n\\'] = 1

    text = write_gauges(audit.list_figures(await audit.look(service.context)))

    lines = text.splitlines()
    assert text.endswith("\n")
    assert lines.count("# TYPE crypto_exchange_audit_differences gauge") == 1
    assert 'crypto_exchange_audit_differences{kind="currency"} 0' in lines
    assert 'crypto_exchange_audit_open_breaks{kind="late_fill"} 0' in lines
    assert "crypto_exchange_audit_in_flight 0" in lines
    assert 'crypto_exchange_audit_ledger_sum{currency="USD"} 0' in lines
    assert r'crypto_exchange_audit_venue_difference{currency="odd\"\n\\"} 0.00000001' in lines


@pytest.mark.parametrize(
    ("options", "shows"),
    [([], "audit: 0 differences"), (["--json"], '"differences": []'), (["--metrics"], "# HELP ")],
)
def test_the_command_prints_it_in_three_forms(
    options: list[str],
    shows: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = audit.Audit(
        differences=(),
        breaks=(),
        quarantined=(),
        mirror=Mirror(balances={}, scales={}, in_flight=(), prices={}),
        ledger=(),
        kept={},
        silence=None,
    )
    monkeypatch.setattr(audit, "run_with_context", lambda _settings, _command: found)

    assert run(["audit", *options]) == 0
    assert shows in capsys.readouterr().out


# ---- breaks and quarantine -----------------------------------------------------------------------

Run = Callable[..., int]


@pytest.fixture
def commands(service: Service, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command against the service in memory."""

    def in_memory(_settings: object, command: Callable[[Any], Any]) -> Any:
        coroutine = command(service.context)
        try:  # nothing in memory waits for anything but a turn of the loop
            while True:
                coroutine.send(None)
        except StopIteration as ended:
            return ended.value

    for module in (quarantine, house_commands):
        monkeypatch.setattr(module, "run_with_context", in_memory)
    return lambda *arguments: run(arguments)


async def test_a_coin_that_pays_fees_is_funded_though_it_is_not_listed(
    service: Service, commands: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands("fund", "FEE", "1.5") == 2
    assert "FEE" in capsys.readouterr().err
    await house.fund(service.context, "FEE", 1)

    assert commands("fund", "FEE", "1.5") == 0

    mirror: Mirror = await service.context.queries.get_mirror()
    assert mirror.balances["FEE"] == coins("1.5") + 1


async def test_a_break_is_closed_with_evidence_once(
    service: Service, commands: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    service.steal_a_cent()
    differences = (await reconciliation.look(service.context)).differences
    [record] = await reconciliation.record(service.context, differences)

    assert commands("close-break", record.key, "--evidence", " ") == 2
    assert "evidence" in capsys.readouterr().err
    assert commands("close-break", record.key, "--evidence", "ticket 4711") == 0
    assert f"closed break {record.key}" in capsys.readouterr().out
    assert commands("close-break", record.key, "--evidence", "again") == 2
    assert await service.context.queries.list_breaks() == ()


async def test_quarantine_is_listed(
    service: Service, commands: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    held = await service.quarantine()

    assert commands("quarantine") == 0

    heads, line = capsys.readouterr().out.splitlines()
    assert heads.split()[0] == "BATCH"
    assert line.split() == [
        *(held.batch, "1", "BTC", "0.0004", "2026-01-01T00:00:00.000000Z"),
        held.client_order_id,
    ]


async def test_trades_that_the_exchange_shows_settle_the_batch(
    service: Service, commands: Run, tmp_path: Path
) -> None:
    held = await service.quarantine()
    file = tmp_path / "trades.json"
    file.write_text(json.dumps([{"trade_id": "7", "quantity": "0.0004", "cost": "20"}]))
    arguments = ("resolve-quarantine", held.batch, "--filled", str(file), "--evidence", "seen")

    assert commands(*arguments) == 0

    [order] = service.state.orders.values()
    assert order.state is OrderState.COMPLETED
    assert service.state.get_asset("BTC").halted
    assert commands(*arguments) == 2  # there is nothing left to resolve


async def test_a_refused_purchase_is_refunded(service: Service, commands: Run) -> None:
    held = await service.quarantine()

    assert commands("resolve-quarantine", held.batch, "--rejected", "--evidence", "seen") == 0

    [order] = service.state.orders.values()
    assert (order.state, order.reason) == (OrderState.FAILED, Reason.EXCHANGE_REJECTED)


async def test_a_purchase_that_never_came_is_tried_again(service: Service, commands: Run) -> None:
    held = await service.quarantine()

    assert commands("resolve-quarantine", held.batch, "--not-placed", "--evidence", "seen") == 0

    after = service.state.get_purchase(held.batch, held.attempt)
    assert after.state is PurchaseState.NOT_PLACED
    [order] = service.state.orders.values()
    assert order.state is OrderState.PENDING


async def test_a_purchase_that_the_exchange_executed_is_not_said_to_have_been_none(
    service: Service, commands: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    held = await service.quarantine(Silence.AFTER)
    arguments = ("resolve-quarantine", held.batch, "--evidence", "a slip")

    assert [commands(*arguments, outcome) for outcome in ("--not-placed", "--rejected")] == [2, 2]

    assert "the exchange says it sold 0.0004 BTC" in capsys.readouterr().err
    after = service.state.get_purchase(held.batch, held.attempt)
    assert after.state is PurchaseState.QUARANTINED


def trade(**changes: str) -> dict[str, str]:
    return {"trade_id": "1", "quantity": "0.0004", "cost": "20.00", **changes}


@pytest.mark.parametrize(
    ("trades", "says"),
    [
        ({}, "expected a JSON list"),
        ([{"trade_id": "1"}], "expected a JSON list"),
        ([{"trade_id": "1", "quantity": 0.0004, "cost": "20"}], "expected a JSON list"),
        ([trade(price="50000")], "expected a JSON list"),
        ([trade(quantity="4e-4")], "quantity: expected plain digits"),
        ([trade(quantity="0.000000001")], "quantity: expected at most 8 decimals"),
        ([trade(cost="-20")], "cost: expected plain digits"),
        ([trade(cost="0")], "above 0"),
        ([trade(quantity="0")], "above 0"),
        ([trade(quantity="0.0006"), trade(trade_id="2", quantity="0.0005")], "at most 0.001 BTC"),
        ([trade(), trade()], "every trade_id once"),
        ([trade(trade_id="")], "trade_id: expected 1 to 64"),
        ([trade(fee="0.1", fee_currency="USDT")], "expected USD, which USDT is booked as"),
        ([trade(fee="0.1", fee_currency="bnb")], "capital letters"),
        ([trade(fee="0.0005", fee_currency="BTC")], "expected fees below what was bought"),
    ],
)
def test_trades_that_cannot_be_are_refused_with_a_sentence(
    trades: Sequence[object], says: str
) -> None:
    with pytest.raises((CommandError, InvalidField), match=says):
        read_trades(
            quarantine.decode_trades(json.dumps(trades).encode()), a_purchase("0.001"), "USDT"
        )


def test_trades_are_read_in_units_of_their_currencies() -> None:
    body = json.dumps(
        [
            trade(fee="0.02"),
            trade(trade_id="2", fee="0.00000001", fee_currency="BTC"),
            trade(trade_id="3", quantity="0.0002", fee="0.5", fee_currency="BNB"),
        ]
    )

    fills = read_trades(quarantine.decode_trades(body.encode()), a_purchase("0.001"), "USDT")

    assert [(f.quantity, f.fee, f.fee_currency) for f in fills] == [
        (coins("0.0004"), usd("0.02"), "USD"),
        (coins("0.0004"), 1, "BTC"),
        (coins("0.0002"), coins("0.5"), "BNB"),
    ]
    assert fills[0].cost == usd("20")


def test_an_outcome_and_evidence_must_be_given() -> None:
    for arguments in ([KEY, "--rejected"], [KEY, "--evidence", "x"]):
        with pytest.raises(SystemExit, match="2"):
            run(["resolve-quarantine", *arguments])


# ---- the worker's watch --------------------------------------------------------------------------


async def test_a_break_is_recorded_once_by_whoever_watches(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    await service.buy("20")
    service.steal_a_cent()

    for watching in (Watch(service.context), Watch(service.context)):
        await watching.look()

    assert len(await service.context.queries.list_breaks()) == 1
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        f"the books have a break: balance user:{service.user_id}:USD: expected 980, was 979.99"
    )


async def test_a_difference_that_passes_is_not_recorded(service: Service) -> None:
    passing = Passing((an_asset(),), service.context.policy, service.exchange.now_ms)

    await Watch(msgspec.structs.replace(service.context, exchange=passing)).look()

    assert passing.looks == 2
    assert await service.context.queries.list_breaks() == ()


async def test_the_books_are_watched_while_the_exchange_is_away(service: Service) -> None:
    service.steal_a_cent()
    service.exchange.down = True

    await Watch(service.context).look()

    [record] = await service.context.queries.list_breaks()
    assert (record.kind, record.subject) == (BreakKind.BALANCE, f"user:{service.user_id}:USD")


async def test_late_fills_that_cannot_be_asked_after_do_not_hinder_the_watch(
    service: Service,
) -> None:
    service.steal_a_cent()
    service.exchange.clock_unread = True
    watching = Watch(service.context)

    await watching.tend_attempts()
    await watching.look()

    assert len(await service.context.queries.list_breaks()) == 1


async def test_an_attempt_in_quarantine_is_told_once_also_while_the_exchange_is_away(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    held = await service.quarantine()
    caplog.clear()
    watching = Watch(service.context)

    await watching.tend_attempts()
    await watching.tend_attempts()

    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert held.client_order_id in record.getMessage()
    assert f"resolve-quarantine {held.batch}" in record.getMessage()


async def test_a_late_fill_is_bought_by_the_house_and_told(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    late = LateExchange((an_asset(),), service.context.policy, service.exchange.now_ms)
    context = msgspec.structs.replace(service.context, exchange=late)
    held = await service.quarantine()
    service.state.purchases[held.batch, held.attempt] = msgspec.structs.replace(
        held, state=PurchaseState.NOT_PLACED, timestamp_ms=service.exchange.now_ms()
    )
    caplog.clear()

    for watching in (Watch(context), Watch(context)):
        await watching.tend_attempts()

    assert "executed 1 purchase after it had been given up" in caplog.text
    assert len(caplog.records) == 1
    [record] = await service.context.queries.list_breaks()
    assert (record.kind, record.subject) == (BreakKind.LATE_FILL, held.client_order_id)


class LateExchange(MemoryExchange):
    """Executes after all."""

    @override
    async def find_late(self, purchase: Purchase) -> Any:
        return self._buy(purchase)


async def test_without_the_database_nothing_is_audited(service: Service) -> None:
    class Gone:
        def __getattr__(self, name: str) -> Any:
            raise Unavailable("the database is away")

    context = msgspec.structs.replace(service.context, queries=Gone())

    with pytest.raises(Unavailable, match="database"):
        await audit.look(context)
