"""Verification names the first thing in which the engines differ."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import msgspec
import pytest

from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.engine import verification
from crypto_exchange.entrypoints.backtest.engine.engine import run_domain
from crypto_exchange.entrypoints.backtest.engine.verification import VerificationError, verify
from crypto_exchange.entrypoints.backtest.fast.fast import run_fast
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from tests.unit.backtest.drawn import drawn


@pytest.fixture
def inputs() -> Inputs:
    series, flow, policy, market = drawn(2)
    return Backtest(series, flow, policy=policy, market=market).inputs


def change_order(records: Records) -> None:
    records.orders.quantity[7] += 1
    records.orders.charged[5] += 10**6
    records.batches.fee[0] += 1


def change_reason(records: Records) -> None:
    records.orders.reason[3] = 1


def change_batch(records: Records) -> None:
    records.batches.cost[2] -= 1


def forget_batch(records: Records) -> None:
    for column in vars(records.batches).values():
        column.pop()


def change_ledger(records: Records) -> None:
    records.ledger["house:pnl:USD"] += 1


def forget_account(records: Records) -> None:
    del records.ledger["venue:USD"]


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (change_order, r"orders\.charged row 5: expected (\d+) .*, was \d+ \(fast engine\)"),
        (change_reason, r"orders\.reason row 3: expected '' .*, was 'price_stale'"),
        (change_batch, r"batches\.cost row 2: expected \d+ \(domain engine\), was \d+"),
        (forget_batch, r"batches\.\w+ row \d+: expected \d+ .*, was 'none'"),
        (change_ledger, r"ledger\.house:pnl:USD: expected -?\d+ \(domain engine\), was -?\d+"),
        (forget_account, r"ledger\.venue:USD: expected \d+ .*, was 'none'"),
    ],
)
def test_a_planted_difference_is_named(
    inputs: Inputs,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[Records], None],
    message: str,
) -> None:
    def run_wrongly(inputs: Inputs) -> Records:
        records = run_fast(inputs)
        plant(records)
        return records

    monkeypatch.setattr(verification, "run_fast", run_wrongly)

    with pytest.raises(VerificationError, match=message):
        verify(inputs)


@pytest.mark.parametrize("figure", ["deposited", "checks", "ended_us"])
def test_a_figure_that_differs_is_named(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch, figure: str
) -> None:
    def run_wrongly(inputs: Inputs) -> Records:
        records = run_fast(inputs)
        return msgspec.structs.replace(records, **{figure: getattr(records, figure) + 1})

    monkeypatch.setattr(verification, "run_fast", run_wrongly)

    with pytest.raises(VerificationError, match=f"^{figure}: expected "):
        verify(inputs)


def test_the_domain_engines_records_are_what_is_left(inputs: Inputs) -> None:
    result = Backtest.of(inputs).verify()

    assert vars(result.records.orders) == vars(run_domain(inputs).orders)


def test_what_several_assets_did_at_one_moment_may_be_numbered_in_another_order(
    inputs: Inputs,
) -> None:
    ours, theirs = run_domain(inputs), run_domain(inputs)
    for records, assets in ((ours, [0, 1]), (theirs, [1, 0])):
        rows = records.batches
        for name, column in vars(rows).items():
            setattr(rows, name, array(column.typecode, [0, 0]))
        rows.asset[:] = array("h", assets)
        records.orders.batch[:] = array("i", [-1]) * len(records.orders)
        records.orders.batch[0] = assets.index(1)

    assert verification.find_difference(ours, theirs) is None
