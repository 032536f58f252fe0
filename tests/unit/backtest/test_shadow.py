"""A candidate is scored on the orders of a service, by the same definitions as the service itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from crypto_exchange.domain.events import AnyEvent
from crypto_exchange.domain.policy import SECOND_US, Policy
from crypto_exchange.domain.simulation import Simulation
from crypto_exchange.entrypoints.backtest.market import FeeSchedule, Market
from crypto_exchange.entrypoints.backtest.parity.live import LiveTrading
from crypto_exchange.entrypoints.backtest.parity.replay_records import Header, ListedAsset
from crypto_exchange.entrypoints.backtest.parity.shadow import Comparison, Score, compare
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.cli.main import run
from tests.builders import DAY_US, NOW_US, a_price, an_asset, usd

MARKET = Market(fee=FeeSchedule(rate_bps=10), latency="0ms", lot_step="0.00000001")
HEADER = Header(history=1, policy=Policy(), assets=(ListedAsset(symbol="BTC", scale=8),))
CONFIG = '[policy]\nthreshold = "8.00"\n[market]\nlatency = "0ms"\n'


def a_day() -> Sequence[AnyEvent]:
    """Three orders that wait for each other, a large one, one that is cancelled, one that nobody joins."""
    service = a_service()
    alice, bob = service.register("alice"), service.register("bob")
    for user_id in (alice, bob):
        service.deposit(user_id, usd("100"))
    for user_id, dollars, seconds in (
        (alice, "4.00", 0),
        (bob, "4.00", 100),
        (alice, "3.00", 100),
        (bob, "20.00", 60),
        (bob, "1.00", 60),
    ):
        service.advance(seconds * SECOND_US)
        service.set_price("BTC", a_price("50000"))
        service.place(user_id, "BTC", spend=usd(dollars))
        service.run()
    service.cancel(service.open_orders()[0])
    service.place(alice, "BTC", spend=usd("2.00"))
    service.advance(DAY_US)
    service.run()
    return service.state.events


def a_service(lot_step: int = 1) -> Simulation:
    rule = msgspec.structs.replace(MARKET.rule(), lot_step=lot_step)
    price = {"price": a_price("50000"), "priced_at_us": NOW_US}
    asset = msgspec.structs.replace(an_asset(), rule=rule, **price)
    return Simulation((asset,), policy=Policy(inventory_cap=usd("50")), at_us=NOW_US)


def compared(policy: AggregationPolicy) -> Comparison:
    trading = LiveTrading(HEADER)
    for event in a_day():
        trading.feed(event)
    found = compare(trading, policy, MARKET)
    assert found is not None
    return found


def test_the_service_is_scored_by_what_its_history_tells() -> None:
    assert compared(AggregationPolicy()).live == Score(
        orders=5,
        delivered=4,
        open=0,
        refunded=1,
        refunded_usd=Decimal("2.00"),
        wait_p50_s=0,
        wait_p95_s=200,
        purchases=2,
        fees_usd=Decimal("0.031"),
        cost_bps=10.0,
    )


def test_the_same_policy_at_the_same_exchange_scores_the_same() -> None:
    found = compared(AggregationPolicy())

    same = {"orders", "delivered", "purchases", "fees_usd", "cost_bps", "wait_p50_s", "wait_p95_s"}
    assert {n for n in same if getattr(found.live, n) == getattr(found.candidate, n)} == same


def test_a_lower_threshold_lets_nobody_wait_as_long() -> None:
    found = compared(AggregationPolicy(threshold="8.00")).candidate

    assert (found.purchases, found.wait_p95_s) == (2, 100)


def test_orders_for_coins_and_for_sums_are_told_apart_by_the_quotes_rule() -> None:
    trading = LiveTrading(HEADER)
    service = a_service()
    user_id = service.register("carol")
    service.deposit(user_id, usd("100"))
    service.place(user_id, "BTC", amount=20_001)
    service.place(user_id, "BTC", spend=usd("3.00"))
    for event in service.state.events:
        trading.feed(event)

    flow = trading.flow()

    assert (list(flow.spends), list(flow.amounts)) == ([0, usd("3.00")], [20_001, 0])


def test_what_the_inventory_gave_is_no_purchase() -> None:
    trading = LiveTrading(HEADER)
    service = a_service(lot_step=100_000)
    user_id = service.register("dave")
    service.deposit(user_id, usd("100"))
    for _ in range(3):
        service.place(user_id, "BTC", spend=usd("15.00"))
        service.run()
    for event in service.state.events:
        trading.feed(event)

    found = compare(trading, AggregationPolicy(), MARKET)

    assert found is not None
    assert (found.live.delivered, found.live.purchases) == (3, 1)


def test_nothing_is_compared_before_the_first_order() -> None:
    assert compare(LiveTrading(HEADER), AggregationPolicy(), MARKET) is None


def test_the_command_prints_both_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shadow", a_config(tmp_path), a_history(tmp_path)]) == 0

    title, *rows = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    assert title == ["live", "candidate"]
    assert [row[0] for row in rows] == list(Score.__struct_fields__)
    assert rows[0] == ["orders", "5", "5"]


def test_a_history_that_has_only_begun_has_nothing_to_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "history.jsonl"
    header = {"record": "header", **msgspec.to_builtins(HEADER)}
    file.write_text(json.dumps(header))  # without the end of its line

    assert run(["shadow", a_config(tmp_path), str(file)]) == 0

    assert capsys.readouterr().out == "no orders yet\n"


@pytest.mark.parametrize("every", ["-3", "1.5", "soon"])
def test_seconds_between_comparisons_are_a_whole_number(
    every: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(["shadow", "candidate.toml", "history.jsonl", "--every", every])

    assert f"expected a whole number of seconds, was {every!r}" in capsys.readouterr().err


def test_the_command_follows_a_file_until_it_is_interrupted(tmp_path: Path) -> None:
    file = Path(a_history(tmp_path))
    whole = file.read_bytes()
    begun = whole.index(b"OrderPlaced", whole.index(b"OrderPlaced") + 1)
    file.write_bytes(whole[:begun])
    command = ["-m", "crypto_exchange", "shadow", a_config(tmp_path), str(file)]
    following = subprocess.Popen(
        [sys.executable, *command, "--follow", "--every", "0"], stdout=subprocess.PIPE, text=True
    )
    assert following.stdout is not None
    try:
        wait_for_orders(following.stdout.fileno(), "1")
        with file.open("ab") as more:
            more.write(whole[begun:])
        wait_for_orders(following.stdout.fileno(), "5")
        following.send_signal(signal.SIGINT)
        rest, _ = following.communicate(timeout=30)
    finally:
        following.kill()

    assert following.returncode == 0
    assert ["orders", "5", "5"] in [line.split() for line in rest.splitlines()]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "expected a file to read, was "),
        ("[policy]\nthreshold = 'much'\n", "threshold"),
        ("[policie]\n", "policie"),
        ("[market.DOGE]\n", "DOGE"),
    ],
)
def test_a_candidate_that_is_none_is_refused_in_a_sentence(
    tmp_path: Path, config: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "candidate.toml"
    if config is not None:
        file.write_text(config)

    assert run(["shadow", str(file), a_history(tmp_path)]) == 2

    assert said in capsys.readouterr().err


def a_config(folder: Path) -> str:
    file = folder / "candidate.toml"
    file.write_text(CONFIG)
    return str(file)


def a_history(folder: Path) -> str:
    file = folder / "history.jsonl"
    header = {"record": "header", **msgspec.to_builtins(HEADER)}
    events = [{"record": "event", **msgspec.to_builtins(event)} for event in a_day()]
    file.write_text("".join(json.dumps(record) + "\n" for record in (header, *events)))
    return str(file)


def wait_for_orders(output: int, count: str) -> None:
    """Read until a comparison of so many orders, or more, has begun."""
    until, said = time.monotonic() + 30, ""
    while f"orders {count}" not in " ".join(said.split()):
        assert time.monotonic() < until, said
        said += os.read(output, 4096).decode()
