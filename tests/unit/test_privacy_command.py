"""What people ask for by letter: their data, and to be forgotten."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.domain.audit_log import Action, Via
from crypto_exchange.domain.cashier import Deposit
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import accounts, wallets
from crypto_exchange.domain.user import UserStatus
from crypto_exchange.entrypoints.cli import privacy
from crypto_exchange.entrypoints.cli.main import run
from crypto_exchange.entrypoints.http.export import ExportResponse
from tests.builders import NOW_US, an_asset, usd


class Service:
    """A service in memory where alice is registered, and the commands over it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state = State((an_asset(),))
        self.context = memory_context(clock=MemoryClock(NOW_US), state=self.state)
        monkeypatch.setattr(privacy, "run_with_context", self._in_memory)
        asyncio.run(accounts.register(self.context, "alice", "correct horse"))
        (self.user_id,) = self.state.users

    def _in_memory(self, _settings: object, command: Callable[[Any], Any]) -> Any:
        return asyncio.run(command(self.context))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(monkeypatch)


def test_an_export_is_the_document_that_the_api_answers(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["user", "export", "ALICE"]) == 0

    found = msgspec.json.decode(capsys.readouterr().out, type=ExportResponse)
    assert found.account["username"] == "alice"
    assert json.loads(bytes(found.wallet.balance)) == 0
    newest = service.state.audit[-1]
    assert (newest.action, newest.via) == (Action.ACCOUNT_EXPORTED, Via.TERMINAL)


def test_an_account_is_closed_if_it_is_empty_and_there_is_a_reason(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    closing = ("user", "close", "alice", "--reason", "a letter of today")
    command = Deposit(user_id=service.user_id, amount=usd("2.00"))
    asyncio.run(wallets.deposit(service.context, command))

    refused = run(closing)
    wallet = service.state.wallets[service.user_id]
    service.state.wallets[service.user_id] = msgspec.structs.replace(wallet, balance=0)
    closed = run(closing)

    assert (refused, closed) == (2, 0)
    told = capsys.readouterr()
    assert "was one with 2.00 USD in the wallet" in told.err
    assert told.out == "alice is closed\n"
    assert service.state.users[service.user_id].status is UserStatus.CLOSED
    assert service.state.audit[-1].details == {"reason": "a letter of today"}


@pytest.mark.parametrize("action", ["export", "close"])
def test_of_nobody_there_is_nothing(
    service: Service, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    reason = ["--reason", "a letter"] if action == "close" else []

    assert run(["user", action, "nobody", *reason]) == 2
    assert "expected an existing user, was 'nobody'" in capsys.readouterr().err
