"""What a service exported is decided once more in the backtest, and the ledger is the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crypto_exchange.entrypoints.backtest.parity.replay import Replay, replay
from tests import paper_record
from tests.integration.postgres_store import opened_database
from tests.integration.test_history_export import environment, run_command, trade
from tests.running import Person, RunningServer, eventually
from tests.servers import run_sql

pytestmark = pytest.mark.xdist_group("server")
DEPOSIT = """INSERT INTO events (user_id, at_us, event, body)
             VALUES (1, 9, 'Deposited', '{"event":"Deposited","at_us":9,"amount":100}')"""


@pytest.fixture(scope="module")
def traded(server: RunningServer) -> Iterator[RunningServer]:
    """A server with a worker and a paper exchange, after everything that can become of an order."""
    person = Person(server.run_file["api_url"], deposit="1000.00")
    waiting = person.place("BTC", spend="1.23")
    assert person.client.post(f"/orders/{waiting['id']}/cancel/").status_code == 200
    person.patch("/accounts/wallet/withdraw", {"amount": "100.00"})
    ended = [person.place("BTC", spend="10.01"), person.place("SOL", spend="20.00")]
    paper_record.order_fault(server, "partial_fill", symbol="ABAN", count=1)
    ended += [person.place("ABAN", amount="0.30"), person.place("ABAN", amount="0.20")]
    paper_record.order_fault(
        server, "reject", symbol="ETH", code=-1013, msg="Filter failure: LOT_SIZE", count=1
    )
    ended.append(person.place("ETH", spend="31.07"))
    states = Counter(person.ended(order)["state"] for order in ended)
    paper_record.order_fault(server, "timeout_after", symbol="ETH", after_ms=0, count=1)
    states[person.ended(person.place("ETH", spend="12.34"))["state"]] += 1
    assert states == {"completed": 4, "partially_completed": 2}
    yield server
    paper_record.remove_faults(server)


@pytest.fixture(scope="module")
def history(traded: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its export, of a moment at which nothing was under way."""
    file = tmp_path_factory.mktemp("parity") / "history.jsonl"

    def at_rest() -> bool:
        before = traded.ledger()
        exported = traded.command("export-history", str(file))
        assert exported.returncode == 0, exported.stderr
        return bool(traded.ledger() == before)

    eventually(at_rest, 60)
    return file


def test_a_run_of_the_service_is_decided_once_more_with_the_same_ledger(
    traded: RunningServer, history: Path
) -> None:
    told = {record.get("event") for record in records_of(history)}
    assert {"OrderCancelled", "PurchaseLost", "PurchaseRejected", "HouseFunded"} <= told

    replayed = traded.command("replay-history", str(history), "--json")

    assert replayed.returncode == 0, replayed.stderr
    found = json.loads(replayed.stdout)
    assert found["accounts"] == traded.ledger()["accounts"]
    assert found["ledger_hash"] == replay(history).ledger_hash


def test_the_checker_reads_what_was_exported_for_the_replay(
    traded: RunningServer, history: Path
) -> None:
    checked = traded.command("check-history", str(history))

    assert "no violations" in checked.stdout, checked.stdout


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        ("OrderPlaced", {"quantity": 1}),
        ("OrderCancelled", {"refunded": 1}),
        ("PurchaseIntended", {"quantity": 1}),
        ("BatchSettled", {"used": 1}),
    ],
)
def test_a_record_that_was_changed_is_named_by_its_number(
    history: Path, event: str, changes: dict[str, int]
) -> None:
    records = records_of(history)
    place = next(n for n, record in enumerate(records) if record.get("event") == event)
    records[place] |= changes

    found = replay(records).disagreement

    assert found is not None
    assert (found.record, found.event) == (place + 1, event)
    assert found.found == str(next(iter(changes.values())))


async def test_what_racing_workers_and_people_did_is_decided_once_more(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_database(postgres_dsn) as database:
        context = await trade(database)
        rows = await context.queries.list_ledger()
    file = tmp_path / "history.jsonl"
    assert run_command(postgres_dsn, "export-history", str(file)).returncode == 0

    found = replay(file)

    assert_agrees(found)
    assert {row.account: row.balance for row in rows} == {
        name: int(balance.scaleb(8)) for name, balance in found.ledger.items()
    }


def test_an_export_that_is_followed_goes_on_until_it_is_interrupted(
    postgres_dsn: str, tmp_path: Path
) -> None:
    file = tmp_path / "history.jsonl"
    run_sql(postgres_dsn, DEPOSIT)
    following = subprocess.Popen(
        [sys.executable, "-m", "crypto_exchange", "export-history", str(file), "--follow"],
        env=dict(environment(postgres_dsn)),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(lambda: file.exists() and file.read_bytes().count(b"Deposited") == 1, 30)
        run_sql(postgres_dsn, DEPOSIT)
        eventually(lambda: file.read_bytes().count(b"Deposited") == 2, 30)
        following.send_signal(signal.SIGINT)
        _, said = following.communicate(timeout=30)
    finally:
        following.kill()

    assert (following.returncode, said) == (0, f"2 events written to {file}\n")


def assert_agrees(found: Replay) -> None:
    assert found.disagreement is None, found.disagreement.sentence


def records_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]
