"""`adjustment` at the terminal: two administrators log in, and a shell alone lets nothing pass."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.domain.audit_log import Action, Via
from crypto_exchange.domain.state import State
from crypto_exchange.domain.totp import step_at
from crypto_exchange.domain.use_cases import accounts, second_factor
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role
from crypto_exchange.entrypoints.cli import adjustments
from crypto_exchange.entrypoints.cli.main import run
from tests.builders import NOW_US, usd
from tests.unit.http.second_factor_suite import one_time_code

SECRETS = {"ann": "correct horse", "ben": "battery staple", "eve": "tr0ub4dor and 3"}


class Terminal:
    """Commands over memory, where ann and ben are administrators, and ben has a second factor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.state, self.clock = State(), MemoryClock(NOW_US)
        self.context = memory_context(clock=self.clock, state=self.state)
        self.ids: dict[str, int] = {}

        def run_with_context(_: object, command: Callable[[Context], Awaitable[Any]]) -> Any:
            async def run_it() -> Any:
                return await command(self.context)

            return asyncio.run(run_it())

        monkeypatch.setattr(adjustments, "run_with_context", run_with_context)

    async def prepare(self) -> None:
        for name, password in SECRETS.items():
            role = Role.USER if name == "eve" else Role.ADMIN
            pair = await accounts.register(self.context, name, password, role=role)
            claims = self.context.tokens.read_access(pair.access)
            self.ids[name] = claims.user_id
            if name == "ben":
                self.secret = (await second_factor.enroll(self.context, claims)).secret
                await second_factor.confirm(self.context, claims.user_id, self.code(-1))

    def code(self, offset: int = 0) -> str:
        return one_time_code(self.secret, step_at(self.clock.now_us()) + offset)

    def run(self, *arguments: str, typed: str = "") -> tuple[int, str, str]:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = run(["adjustment", *arguments])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def balance(self) -> int:
        return self.state.wallets[self.ids["eve"]].balance


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    made = Terminal(monkeypatch, capsys)
    asyncio.run(made.prepare())
    return made


def test_two_administrators_log_in_before_anything_moves(terminal: Terminal) -> None:
    proposal = ("propose", "eve", "12.50", "--reason", "a fee", "--as", "ann", "--password-stdin")
    code, said, _ = terminal.run(*proposal, typed="correct horse\n")
    assert code == 0
    found = re.fullmatch(r"adjustment (\w{24}) of 12\.50 USD is proposed\n", said)
    assert found is not None
    approval = ("approve", found[1], "--password-stdin", "--as")

    refused = [
        terminal.run(*approval, "ann", typed="correct horse\n"),
        terminal.run(*approval, "ben", typed="correct horse\n"),
        terminal.run(*approval, "ben", typed="battery staple\n"),
        terminal.run(*approval, "ben", typed=f"battery staple\n{terminal.code(99)}\n"),
        terminal.run(*approval, "eve", typed="tr0ub4dor and 3\n"),
        terminal.run(*approval, "ben"),
    ]

    assert [code for code, _, _ in refused] == [2] * 6
    assert "no part in the proposal" in refused[0][2]
    assert "its password" in refused[1][2]
    assert "Code of the second factor: expected a line of input" in refused[2][2]
    assert "role admin" in refused[4][2]
    assert terminal.balance() == 0
    typed = f"battery staple\n{terminal.code()}\n"
    assert terminal.run(*approval, "ben", typed=typed)[:2] == (
        0,
        f"adjustment {found[1]} of 12.50 USD is approved\n",
    )
    assert terminal.balance() == usd("12.50")
    assert f"{found[1]} approved" in terminal.run("list")[1]
    entries = [each for each in terminal.state.audit if each.subject == found[1]]
    assert [(each.action, each.actor_id, each.via) for each in entries] == [
        (Action.ADJUSTMENT_PROPOSED, terminal.ids["ann"], Via.TERMINAL),
        (Action.ADJUSTMENT_APPROVED, terminal.ids["ben"], Via.TERMINAL),
    ]
    left = [each for each in terminal.state.sessions.values() if each.device == "terminal"]
    assert left
    assert all(each.revoked for each in left)


def test_at_a_terminal_password_and_code_are_asked_for_without_being_shown(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answers = ["battery staple", terminal.code()]

    def getpass(prompt: str) -> str:
        asked.append(prompt)
        if not answers:
            raise EOFError
        return answers.pop(0)

    monkeypatch.setattr("getpass.getpass", getpass)
    proposal = ("propose", "eve", "1.00", "--reason", "a fee", "--as", "ben")

    assert terminal.run(*proposal)[0] == 0
    assert asked == ["Password of ben: ", "Code of the second factor of ben: "]
    code, _, complained = terminal.run(*proposal)
    assert (code, complained) == (2, "Password: expected a line of input, was its end\n")


def test_a_proposal_is_rejected_and_nonsense_is_refused_with_a_sentence(terminal: Terminal) -> None:
    login = ("--reason", "a mistake", "--as", "ann", "--password-stdin")
    _, said, _ = terminal.run("propose", "eve", "-0.50", *login, typed="correct horse\n")
    key = said.split()[1]

    rejection = ("reject", key, "--as", "ann", "--password-stdin")
    assert terminal.run(*rejection, typed="correct horse\n")[:2] == (
        0,
        f"adjustment {key} of -0.50 USD is rejected\n",
    )
    assert terminal.run(*rejection, typed="correct horse\n")[0] == 2
    for username, amount, complaint in (
        ("eve", "lots", "AMOUNT: expected plain digits"),
        ("eve", "0.005", "whole cents"),
        ("eve", "10000.01", "at most 10000.00"),
        ("nobody", "1", "existing user"),
        ("ann", "1", "another wallet"),
    ):
        code, _, complained = terminal.run(
            "propose", username, amount, *login, typed="correct horse\n"
        )
        assert code == 2
        assert complaint in complained
        assert complained.count("\n") == 1
