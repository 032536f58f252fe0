"""A history is decided once more: the same ledger, or the record where the decisions disagree."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crypto_exchange.domain.events import AnyEvent
from crypto_exchange.entrypoints.backtest.parity.replay import ledger_text, replay
from crypto_exchange.entrypoints.backtest.parity.replay_records import HistoryError
from crypto_exchange.entrypoints.backtest.result import ledger_hash
from crypto_exchange.entrypoints.cli.main import run
from tests.unit.backtest.numbered_histories import a_broker, exported
from tests.unit.test_architecture import modules_after

SEEDS = range(30)
EVENTS = {each.__name__ for each in AnyEvent.__args__}
HEADER = {"record": "header", "history": 1, "policy": {}, "assets": []}


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happened_to_a_broker_gives_the_same_ledger_once_more(seed: int) -> None:
    lived = a_broker(seed)

    found = replay(exported(lived))

    assert found.disagreement is None, found.disagreement.sentence
    expected = ledger_text(lived.state)
    assert {name: f"{balance:f}" for name, balance in found.ledger.items()} == expected
    assert found.ledger_hash == ledger_hash(expected)
    assert found.events == len(lived.state.events)


@pytest.mark.no_cover  # the test before makes the same
def test_every_kind_of_event_is_among_those_histories() -> None:
    told = {type(event).__name__ for seed in SEEDS for event in a_broker(seed).state.events}

    assert told == EVENTS


@pytest.mark.parametrize(
    ("event", "field", "value"),
    [
        ("OrderPlaced", "quantity", 1),
        ("OrderPlaced", "total", 7),
        ("OrderPlaced", "unit_price", 10**12),
        ("OrderPlaced", "state", "completed"),
        ("OrderPlaced", "user_id", 99),
        ("OrderPlaced", "held", True),
        ("OrderReleased", "order_id", 9_999),
        ("OrderReleased", "state", "completed"),
        ("OrderCancelled", "refunded", 7),
        ("OrderCancelled", "order_id", 9_999),
        ("Withdrawn", "amount", 10**18),
        ("BalanceAdjusted", "amount", -(10**18)),
        ("PurchaseIntended", "quantity", 7),
        ("PurchaseIntended", "used", 7),
        ("PurchaseIntended", "orders", [[1, 2]]),
        ("PurchaseIntended", "window_ms", 7),
        ("OrdersFailed", "reason", "unfilled"),
        ("OrdersFailed", "orders", [[1, 2]]),
        ("BatchSettled", "used", 7),
        ("BatchSettled", "outcomes", []),
        ("BatchSettled", "fees", None),
        ("BatchSettled", "batch", "unknown"),
        ("BatchRefunded", "reason", "unfilled"),
        ("PurchaseRejected", "kind", ""),
        ("PurchaseRejected", "attempt", 9),
        ("PurchaseNotPlaced", "attempt", 9),
        ("PurchaseLost", "attempt", 9),
        ("PurchaseQuarantined", "asset", "ABC"),
        ("QuarantineResolved", "outcome", "unknown"),
        ("LateFillBought", "attempt", 9),
        ("BreakOpened", "subject", "nothing"),
        ("BreakClosed", "subject", "nothing"),
        ("AssetHaltChanged", "asset", "NOPE"),
    ],
)
def test_what_was_changed_is_found_at_its_record(event: str, field: str, value: object) -> None:
    records = exported(a_broker(first_seed_with(event)))
    place = next(n for n, record in enumerate(records) if record.get("event") == event)
    records[place] |= {field: value}

    found = replay(records).disagreement

    assert found is not None
    of_commit = [n for n, r in enumerate(records, 1) if r.get("commit") == records[place]["commit"]]
    assert found.record in of_commit
    assert found.sentence.startswith(f"record {found.record}, ")
    assert ": expected " in found.sentence


def test_an_amount_that_came_from_outside_is_believed_and_moves_the_ledger() -> None:
    records = exported(a_broker(1))
    deposit = next(record for record in records if record.get("event") == "Deposited")
    honest = replay(records)
    deposit["amount"] += 10**6

    found = replay(records)

    assert found.disagreement is None
    assert found.ledger["external:USD"] == honest.ledger["external:USD"] - Decimal("0.01")


def test_breaks_that_an_audit_opened_and_an_operator_closed_move_nothing() -> None:
    records = exported(a_broker(4))
    honest = replay(records)
    subjects = [{"kind": "venue", "subject": f"venue:{name}"} for name in ("BTC", "USD")]
    at = {"record": "event", "user_id": 0, "at_us": records[-1]["at_us"]}
    found = {"event": "BreakOpened", "expected": 1, "found": 2, "commit": 10**9}
    closed = {"event": "BreakClosed", "evidence": "a fee", "commit": 10**9 + 1}
    opened = [{**at, **found, **each} for each in subjects]

    explained = replay([*records, *opened, {**at, **closed, **subjects[1]}])

    assert explained.disagreement is None
    assert explained.events == honest.events + 3
    assert explained.ledger_hash == honest.ledger_hash


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([], "record 1: expected a header, was nothing"),
        ([{"record": "event"}], "record 1: expected a header of version 1, was 'event'"),
        ([{**HEADER, "history": 2}], "of version 2"),
        ([{**HEADER, "assets": 1}], "record 1: Expected `array`, got `int`"),
        ([HEADER, {"record": "event"}], "record 2: expected the number of its commit, was None"),
        ([HEADER, {"record": "event", "commit": 1, "event": "Sung"}], "record 2: Invalid value"),
    ],
)
def test_what_is_no_export_is_refused(records: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(HistoryError) as refused:
        replay(records)

    assert said in str(refused.value)


def test_the_command_prints_the_ledger_and_its_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lived, file = a_broker(3), tmp_path / "history.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in exported(lived)))

    assert run(["replay-history", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accounts"] == ledger_text(lived.state)
    assert found["ledger_hash"] == ledger_hash(found["accounts"])

    assert run(["replay-history", str(file)]) == 0
    *_, counted, hashed = capsys.readouterr().out.splitlines()
    assert counted.startswith(f"{len(lived.state.events)} events in ")
    assert hashed == f"ledger {found['ledger_hash']}"


def test_the_command_names_the_record_that_was_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records, file = exported(a_broker(3)), tmp_path / "history.jsonl"
    place = next(n for n, record in enumerate(records) if record.get("event") == "OrderPlaced")
    records[place]["total"] += 1
    file.write_text("".join(json.dumps(record) + "\n" for record in records))

    assert run(["replay-history", str(file)]) == 1

    assert capsys.readouterr().err.startswith(f"record {place + 1}, OrderPlaced: expected ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "expected a file to read, was "),
        ("hello\n", "record 1: expected a JSON object"),
        ("", "record 1: expected a header, was nothing"),
    ],
)
def test_a_file_that_is_no_export_is_refused_in_a_sentence(
    tmp_path: Path, text: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "something"
    if text is not None:
        file.write_text(text)

    assert run(["replay-history", str(file)]) == 2

    assert said in capsys.readouterr().err


def test_replaying_needs_nothing_but_msgspec(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in exported(a_broker(3))))

    loaded = modules_after(
        "import contextlib, io\n"
        "from crypto_exchange.entrypoints.cli.main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    assert run(['replay-history', {str(file)!r}]) == 0"
    )

    outside = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert outside <= {"__main__", "crypto_exchange", "msgspec"}


def first_seed_with(event: str) -> int:
    seeds = (s for s in SEEDS for e in a_broker(s).state.events if type(e).__name__ == event)
    return next(seeds)


def test_an_export_from_when_events_told_names_is_still_followed() -> None:
    records = exported(a_broker(1))
    for record in records:
        if record.get("event") == "UserRegistered":
            record["username"] = "alice"

    assert replay(records).disagreement is None
