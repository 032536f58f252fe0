"""`audit-log` at the terminal: what it shows of the log, and what it says of a chain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.domain.audit_log import Action, Actor
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import accounts
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.cli import audit_log
from crypto_exchange.entrypoints.cli.main import run
from crypto_exchange.entrypoints.worker.chain import Chain
from tests.builders import NOW_US

ALICE = Actor(address="192.0.2.1", request_id="r-1")


class Terminal:
    """Commands over memory, where ann and ben have registered, and ann has logged in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys, self.state = capsys, State()
        self.clock = MemoryClock(NOW_US)
        self.context = memory_context(clock=self.clock, state=self.state)

        def run_with_context(_: object, command: Callable[[Context], Awaitable[Any]]) -> Any:
            async def run_it() -> Any:
                return await command(self.context)

            return asyncio.run(run_it())

        monkeypatch.setattr(audit_log, "run_with_context", run_with_context)

    async def prepare(self) -> None:
        for name in ("ann", "ben"):
            await accounts.register(self.context, name, "correct horse", actor=ALICE)
        await accounts.log_in(self.context, "ann", "correct horse", device="phone", actor=ALICE)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = run(["audit-log", *arguments])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def chain(self) -> None:
        asyncio.run(Chain(self.context).extend())


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    terminal = Terminal(monkeypatch, capsys)
    asyncio.run(terminal.prepare())
    return terminal


def test_entries_are_listed_newest_first_and_by_user_and_action(terminal: Terminal) -> None:
    code, everything, _ = terminal.run("list")
    _, of_ann, _ = terminal.run("list", "--user", "ANN", "--json")
    _, registered, _ = terminal.run(
        "list", "--user-id", "2", "--action", "registered", "--limit", "5", "--json"
    )

    header, *lines = everything.splitlines()
    assert code == 0
    assert header.split() == ["ID", "AT", "ACTION", "USER", "BY", "VIA", "FROM", "WHAT"]
    assert [line.split()[:6] for line in lines] == [
        ["3", "2026-01-01T00:00:00.000000Z", "logged_in", "1", "-", "api"],
        ["2", "2026-01-01T00:00:00.000000Z", "registered", "2", "-", "api"],
        ["1", "2026-01-01T00:00:00.000000Z", "registered", "1", "-", "api"],
    ]
    assert lines[0].endswith("device=phone")
    assert [(each["id"], each["address"]) for each in json.loads(of_ann)] == [
        (3, "192.0.2.1"),
        (1, "192.0.2.1"),
    ]
    assert [each["id"] for each in json.loads(registered)] == [2]


def test_what_cannot_be_listed_is_refused_in_a_sentence(terminal: Terminal) -> None:
    assert terminal.run("list", "--user", "eve")[0] == 2
    assert terminal.run("list", "--limit", "0") == (
        2,
        "",
        "--limit: expected 1 to 10000, was 0\n",
    )


def test_verifying_says_what_fits_and_what_is_not_chained_yet(terminal: Terminal) -> None:
    before = terminal.run("verify")
    terminal.chain()
    kept = terminal.state.links[1].hash

    code, out, _ = terminal.run("verify", "--kept", kept)

    assert before[0] == 0
    assert "0 links fit" in before[1]
    assert "3 entries are not chained yet" in before[1]
    assert code == 0
    assert out == (
        f"3 links fit; the last hash is {terminal.state.links[-1].hash}\n"
        "0 entries are not chained yet\n"
    )


def test_verifying_ends_with_1_where_nobody_has_chained_for_a_minute(terminal: Terminal) -> None:
    terminal.clock.advance(60_000_000)

    late, out, _ = terminal.run("verify")
    terminal.chain()
    chained, _, _ = terminal.run("verify")

    assert (late, chained) == (1, 0)
    assert "3 of them are older than a minute: expected a worker to chain them" in out


def test_what_nobody_of_this_version_would_write_is_shown_and_chained(terminal: Terminal) -> None:
    strange = {"action": "no_such", "via": "nowhere", "at_us": 2**62}
    terminal.state.audit[1] = msgspec.structs.replace(terminal.state.audit[1], **strange)
    terminal.chain()

    _, text, _ = terminal.run("list")
    _, objects, _ = terminal.run("list", "--json")

    assert "9999-12-31T23:59:59.999999Z no_such" in text
    assert [each["via"] for each in json.loads(objects)] == ["api", "nowhere", "api"]
    assert terminal.run("verify")[0] == 0


def test_verifying_ends_with_1_where_something_something_was_edited(terminal: Terminal) -> None:
    terminal.chain()
    honest = terminal.state.audit[1]
    terminal.state.audit[1] = msgspec.structs.replace(honest, action=Action.LOGGED_OUT)

    edited, out, _ = terminal.run("verify")
    terminal.state.audit[1] = honest
    rewritten, said, _ = terminal.run("verify", "--kept", "ab12")

    assert (edited, rewritten) == (1, 1)
    assert "position 2 does not fit: entry 2 was changed" in out
    assert "no link that fits has the hash ab12" in said
