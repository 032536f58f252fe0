"""Receipts as they are sent, read back, and verified offline."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain.allocation import share
from crypto_exchange.domain.policy import Pricing
from crypto_exchange.domain.purchase import Fill
from crypto_exchange.domain.receipt import Receipt, list_faults
from crypto_exchange.domain.statement import Member, Statement, hashed_id
from crypto_exchange.entrypoints.cli.main import run
from crypto_exchange.entrypoints.http.app import list_operations
from crypto_exchange.entrypoints.http.receipts import ReceiptError, read_receipt, receipt_response
from tests.builders import KEY, coins, usd
from tests.unit.test_architecture import modules_after

FILLS = (
    Fill(trade_id="28457", quantity=coins("0.00015"), cost=usd("7.50000001"), fee=usd("0.0075")),
    Fill(trade_id="28458", quantity=coins("0.00005"), cost=usd("2.5"), fee=3, fee_currency="BNB"),
)


def a_receipt(index: int = 1, pricing: Pricing = Pricing.QUOTED, **changes: Any) -> Receipt:
    """Orders 1, 2 and 3 of a batch, of which 2 took the others along."""
    members = tuple(
        Member(hashed_id(KEY, number), coins(amount), usd(total), number == 2)
        for number, amount, total in ((1, "0.00002", "1"), (2, "0.0002", "10"), (3, "0.00004", "2"))
    )
    given: dict[str, Any] = {
        "batch": KEY,
        "asset": "BTC",
        "scale": 8,
        "pricing": pricing,
        "bought": coins("0.00025"),
        "used": 0 if pricing is Pricing.AVERAGE else 1_000,
        "members": members,
        "fills": FILLS,
    }
    statement = Statement(**(given | changes))
    part = share(statement)[index]
    return Receipt(
        order_id=index + 1,
        index=index,
        filled=part.filled,
        charged=part.charged,
        refunded=members[index].total - part.charged,
        statement=statement,
    )


def written(receipt: Receipt) -> bytes:
    return msgspec.json.encode(receipt_response(receipt))


@given(
    units=st.lists(st.integers(1, 10**18), min_size=1, max_size=5),
    scale=st.integers(0, 18),
    cost=st.integers(0, 10**18),
    fee_currency=st.sampled_from(["USD", "BTC", "BNB"]),
)
def test_what_is_sent_is_read_back_to_the_unit(
    units: list[int], scale: int, cost: int, fee_currency: str
) -> None:
    members = tuple(Member(hashed_id(KEY, n), u, cost, n == 1) for n, u in enumerate(units, 1))
    fill = Fill(trade_id="t", quantity=sum(units), cost=cost, fee=1, fee_currency=fee_currency)
    statement = Statement(
        batch=KEY,
        asset="BTC",
        scale=scale,
        pricing=Pricing.AVERAGE,
        bought=sum(units),
        used=units[0],
        members=members,
        fills=(fill,),
    )
    receipt = Receipt(
        order_id=1, index=0, filled=units[0], charged=cost, refunded=0, statement=statement
    )

    assert read_receipt(written(receipt)) == receipt


def test_amounts_are_numbers_with_all_their_decimals() -> None:
    sent = json.loads(written(a_receipt()), parse_float=Decimal)

    assert list(sent) == [
        "order_id", "batch", "rule", "asset", "scale", "pricing", "bought", "inventory_used",
        "members", "fills", "index", "quantity", "charge", "refund",
    ]  # fmt: skip
    assert sent["fills"][0] == {
        "trade_id": "28457",
        "quantity": Decimal("0.00015"),
        "cost": Decimal("7.50000001"),
        "fee": Decimal("0.0075"),
        "fee_currency": "USD",
    }
    assert sent["fills"][1]["fee"] == Decimal("0.00000003")
    assert sent["members"][0]["id"] == hashed_id(KEY, 1)


@pytest.mark.parametrize("pricing", list(Pricing))
@pytest.mark.parametrize("index", [0, 1, 2])
def test_every_members_receipt_is_right(index: int, pricing: Pricing) -> None:
    assert list(list_faults(read_receipt(written(a_receipt(index, pricing))))) == []


def test_the_example_in_the_description_is_right() -> None:
    [call] = [call for call in list_operations() if call.name == "get_receipt"]
    assert call.answer_example is not None

    assert list(list_faults(read_receipt(call.answer_example.encode()))) == []


def test_a_program_that_writes_numbers_with_exponents_does_no_harm() -> None:
    body = written(a_receipt()).replace(b"0.00005", b"5E-5").replace(b"0.00015", b"1.50e-04")

    assert read_receipt(body) == a_receipt()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"charge": "10.00"}, "charge: expected a number"),
        ({"charge": -1}, "charge: expected a number from 0 on"),
        ({"charge": True}, "charge: expected a number"),
        ({"charge": None}, "charge: expected a number"),
        ({"bought": [1]}, "bought: expected a number"),
        ({"quantity": Decimal("0.000000001")}, "quantity: expected at most 8 decimals"),
        ({"scale": 19}, "Expected `int` <= 18"),
        ({"pricing": "best"}, "Invalid enum value"),
        ({"order_id": 0}, "Expected `int` >= 1"),
        ({"members": [{"id": "x", "quantity": 1, "total": 1, "direct": False}]}, "Expected `str`"),
        ({"extra": 1}, "extra"),
    ],
)
def test_what_is_no_receipt_is_refused(change: dict[str, Any], says: str) -> None:
    sent = json.loads(written(a_receipt()))
    body = json.dumps(sent | {n: v for n, v in change.items() if not isinstance(v, Decimal)})
    for name, value in change.items():
        if isinstance(value, Decimal):
            body = body.replace(f'"{name}": {sent[name]}', f'"{name}": {value:f}')

    with pytest.raises(ReceiptError, match=says):
        read_receipt(body.encode())


@pytest.mark.parametrize("number", [b"1e999999999", b"1" * 61, b"1e-999999999"])
def test_a_number_beyond_all_measure_is_refused_at_once(number: bytes) -> None:
    body = written(a_receipt()).replace(b'"bought":0.00025', b'"bought":' + number)

    with pytest.raises(ReceiptError, match="bought: expected"):
        read_receipt(body)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"1", b'"receipt"'])
def test_what_is_not_even_a_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ReceiptError, match="expected the JSON of a receipt, was something else"):
        read_receipt(body)


# ---- the command ---------------------------------------------------------------------------------


def test_a_right_receipt_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(written(a_receipt(index=2)))

    code = run(["verify-receipt", str(file)])

    assert code == 0
    assert capsys.readouterr().out.splitlines() == [
        f"right: order 3 is member 3 of 3 of batch {KEY}",
        "  asked for  0.00004 BTC for 2.00 USD",
        "  delivered  0.00004 BTC",
        "  charged    2.00 USD",
        "  refunded   0.00 USD",
        "  the batch  0.0002 BTC bought in 2 trades of 0.00025 asked for, 0.00001 from the inventory",
        "  the rules  version 1, quoted: every member pays what was quoted for what it gets",
    ]


def test_a_wrong_receipt_is_told_with_every_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "receipt.json"
    wrong = msgspec.structs.replace(a_receipt(index=2), filled=1, refunded=usd("0.01"))
    file.write_bytes(written(wrong))

    code = run(["verify-receipt", str(file)])

    assert code == 1
    assert capsys.readouterr().out.splitlines() == [
        "wrong: filled: the rules give 4000, the receipt says 1",
        "wrong: refunded: the rules give 0, the receipt says 1000000",
    ]


def test_a_receipt_comes_from_standard_input_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(written(a_receipt()))))

    assert run(["verify-receipt", "-"]) == 0
    assert capsys.readouterr().out.startswith("right: order 2 ")


def test_a_file_that_is_no_receipt_or_not_there_gets_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.json"
    file.write_text("{}")

    assert run(["verify-receipt", str(file)]) == 2
    assert "expected the JSON of a receipt" in capsys.readouterr().err
    assert run(["verify-receipt", str(tmp_path / "none.json")]) == 2
    assert "expected a file to read" in capsys.readouterr().err


def test_verifying_needs_nothing_but_msgspec(tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(written(a_receipt()))

    loaded = modules_after(
        "import contextlib, io\n"
        "from crypto_exchange.entrypoints.cli.main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    assert run(['verify-receipt', {str(file)!r}]) == 0"
    )

    assert "crypto_exchange.entrypoints.cli.receipt" in loaded
    outside = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert outside <= {"__main__", "crypto_exchange", "msgspec"}


def test_a_cent_changed_by_hand_in_a_file_is_found_by_the_program(tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(written(a_receipt(index=2)).replace(b'"refund":0.00', b'"refund":0.01'))

    ended = subprocess.run(
        [sys.executable, "-m", "crypto_exchange", "verify-receipt", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1, ended
    assert "refunded" in ended.stdout
