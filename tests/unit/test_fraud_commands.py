"""`review` and `replay-risk`: what operators do about the fraud rules at the terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.cashier import Deposit, Withdraw
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.policy import SECOND_US, Policy
from crypto_exchange.domain.risk_policy import RiskMode, RiskPolicy
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import accounts, orders, wallets
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.cli import reviews
from crypto_exchange.entrypoints.cli.main import run

START_US = 1_767_225_600 * SECOND_US
RISK = RiskPolicy(mode=RiskMode.OBSERVE, orders_per_minute=5)
POLICY = Policy(risk=RISK, price_max_age_us=2**60)
RULE = MarketRule(lot_step=1, min_notional=5 * DOLLAR)
BTC = Asset(symbol="BTC", rule=RULE, price=10**16, priced_at_us=START_US)


class Service:
    """A service in memory, one of whose users trades fast."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.clock, self.state = MemoryClock(START_US), State((BTC,))
        self.context = memory_context(policy=policy, clock=self.clock, state=self.state)

    async def trade(self, number: int, user_id: int | None = None) -> int:
        context = self.context
        if user_id is None:
            pair = await accounts.register(
                context, f"user{len(self.state.users)}", "hunter22 is it"
            )
            user_id = context.tokens.read_access(pair.access).user_id
            await wallets.deposit(context, Deposit(user_id=user_id, amount=900 * DOLLAR))
        for _ in range(number):
            self.clock.advance(SECOND_US)
            await orders.place(context, PlaceOrder(user_id=user_id, asset="BTC", spend=DOLLAR))
        await wallets.withdraw(context, Withdraw(user_id=user_id, amount=DOLLAR))
        return user_id

    def export(self, tmp_path: Path) -> str:
        """As `export-history` writes it."""
        header = {"record": "header", "policy": msgspec.to_builtins(self.context.policy)}
        file = tmp_path / "history.jsonl"
        file.write_bytes(
            b"\n".join(msgspec.json.encode(each) for each in (header, *self.state.events))
        )
        return str(file)


def altered(name: str, old: str, new: str) -> str:
    """The same file where something stands for the first time that says something else."""
    file = Path(name)
    file.write_text(file.read_text().replace(old, new, 1))
    return name


async def test_the_same_rules_decide_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service()
    for number in (9, 0, 3):
        await service.trade(number)

    assert run(["replay-risk", service.export(tmp_path), "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["decisions"], found["left_out"], found["differences"]) == (15, 0, [])
    assert found["then"] == found["now"]
    assert found["then"]["velocity_minute"] == 4


async def test_other_numbers_are_tried_and_their_differences_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service()
    await service.trade(9)

    assert run(["replay-risk", service.export(tmp_path), "--rules", "orders_per_minute=8"]) == 0

    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("10 decisions again by version 1 of the rules, 0 of them made by")
    assert "velocity_minute                 4          1" in out
    assert "3 decisions would be other ones" in out
    assert out[-1].endswith(": challenge velocity_minute -> allow")


async def test_a_decision_that_cannot_be_explained_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service()
    await service.trade(9)
    name = altered(service.export(tmp_path), "challenge/1 velocity", "hold/1 velocity")

    assert run(["replay-risk", name]) == 1

    assert "1 decisions would be other ones" in capsys.readouterr().out


async def test_what_another_version_of_the_rules_decided_is_no_error(tmp_path: Path) -> None:
    service = Service()
    await service.trade(9)
    name = altered(service.export(tmp_path), "challenge/1 velocity_minute", "allow/0")

    assert run(["replay-risk", name]) == 0


async def test_users_who_were_not_always_assessed_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(msgspec.structs.replace(POLICY, risk=None))
    user_id = await service.trade(2)
    service.context = msgspec.structs.replace(service.context, policy=POLICY)
    await service.trade(2, user_id)

    assert run(["replay-risk", service.export(tmp_path), "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["decisions"], found["left_out"]) == (0, 1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "expected a history, was an empty file"),
        ("{}", "line 1: expected the header of an export"),
        ('{"record": "header", "policy": {}}\n{}', "line 2: expected an event"),
    ],
)
def test_what_is_no_export_is_refused_in_a_sentence(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "history.jsonl"
    file.write_text(text)

    assert run(["replay-risk", str(file)]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("rules", ["mode=1", "velocity=1", "history_factor", "history_factor=x"])
def test_numbers_of_no_rule_are_refused_in_a_sentence(
    rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = Service().export(tmp_path)

    assert run(["replay-risk", name, "--rules", rules]) == 2
    assert "--rules: expected NAME=NUMBER" in capsys.readouterr().err
    assert run(["replay-risk", name, "--database"]) == 2


@pytest.fixture
def enforced(monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service that the commands talk to, whose rules hold every order but the first of a minute."""
    risk = msgspec.structs.replace(RISK, mode=RiskMode.ENFORCE, orders_per_minute=1)
    service = Service(msgspec.structs.replace(POLICY, risk=risk))

    def run_with_context(_: object, command: Callable[[Context], Awaitable[Any]]) -> Any:
        async def call() -> Any:
            return await command(service.context)

        return asyncio.run(call())

    monkeypatch.setattr(reviews, "run_with_context", run_with_context)
    return service


def test_held_orders_are_listed_released_and_refused(
    enforced: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(enforced.trade(3))

    assert run(["review", "list"]) == 0
    held = [line for line in capsys.readouterr().out.splitlines() if "velocity_minute" in line]
    first, second = (line.split()[0] for line in held)
    assert run(["review", "release", first, "--note", "called"]) == 0
    assert run(["review", "refuse", second]) == 0
    assert run(["review", "refuse", second]) == 2

    out = capsys.readouterr()
    assert out.out.splitlines() == ["order of 1.00 USD is released", "order of 1.00 USD is refused"]
    assert "open" in out.err
    assert run(["review", "release", "abc"]) == 2
    assert run(["review", "release", first, "--note", ""]) == 2
