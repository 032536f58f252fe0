"""`check-history` reads what a person gives it, and says where what is wrong."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import msgspec
import pytest

from crypto_exchange.entrypoints.cli.main import run
from tests.unit.test_architecture import modules_after
from tests.unit.testing.alterations import History, decoded
from tests.unit.testing.histories import a_history


@pytest.fixture(scope="module")
def history() -> History:
    return decoded(a_history(3, 60).records)


def written(tmp_path: Path, history: History) -> str:
    file = tmp_path / "history.jsonl"
    file.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in history))
    return str(file)


def test_a_sound_history_is_counted(
    tmp_path: Path, history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check-history", written(tmp_path, history)]) == 0

    assert capsys.readouterr().out == f"{len(history)} records, no violations\n"


def test_a_violation_is_told_with_its_line(
    tmp_path: Path, history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    index = next(i for i, each in enumerate(history) if each.get("event") == "OrderPlaced")
    twice = [*history[: index + 1], history[index], *history[index + 1 :]]

    assert run(["check-history", written(tmp_path, twice)]) == 1

    out = capsys.readouterr().out
    assert out.startswith(f"line {index + 2}: I3 one outcome: expected a new order id below 2⁵³")
    assert out.endswith(f"{len(twice)} records, 1 violation\n")


def test_a_history_is_read_from_standard_input_too(
    history: History, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = b"\n\n".join(msgspec.json.encode(each) for each in history)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))

    assert run(["check-history", "-"]) == 0
    assert f"{len(history)} records" in capsys.readouterr().out


def test_settings_that_were_changed_are_left_out_on_request(
    tmp_path: Path, history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = [{**history[0], "policy": {**history[0]["policy"], "window_ms": 1}}, *history[1:]]
    file = written(tmp_path, changed)

    assert run(["check-history", file]) == 1
    assert "expected a window of 1 ms" in capsys.readouterr().out
    assert run(["check-history", file, "--no-policy"]) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a history, was an empty file"),
        ("hello\n", "line 1: expected a JSON object"),
        ("[1]\n", "line 1: expected a JSON object"),
        ('{"record": "header", "history": 2}\n', "expected version 1 of histories, was 2"),
        ('{"record": "header", "history": 1}\n\n{"a": 1}\n', "line 3: expected all fields of None"),
        ('{"record": "song"}\n', "expected another kind of record here, was 'song'"),
        ('{"record": "event", "event": "Sung", "at_us": 1}\n', "a known event, was 'Sung'"),
        (
            '{"record": "event", "event": "Deposited", "at_us": 1}\n',
            "expected all fields of 'Deposited' as they are told, was without 'user_id'",
        ),
        (
            '{"record": "event", "event": "Deposited", "at_us": 1, "user_id": 1, "amount": "x"}\n',
            "expected all fields of 'Deposited' as they are told, was with: ",
        ),
    ],
)
def test_what_is_no_history_is_refused_in_a_sentence(
    tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "something"
    file.write_text(text)

    assert run(["check-history", str(file)]) == 2

    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check-history", "no/such/file"]) == 2

    assert capsys.readouterr().err.startswith("expected a file to read, was no/such/file: ")


def test_checking_needs_nothing_but_msgspec(tmp_path: Path, history: History) -> None:
    loaded = modules_after(
        "import contextlib, io\n"
        "from crypto_exchange.entrypoints.cli.main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    assert run(['check-history', {written(tmp_path, history)!r}]) == 0"
    )

    outside = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert outside <= {"__main__", "crypto_exchange", "msgspec"}
    assert "crypto_exchange.bootstrap" not in loaded
