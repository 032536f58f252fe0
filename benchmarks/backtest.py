"""How many orders a second a backtest takes, by engine, beside what else could be used.

python benchmarks/backtest.py [--orders 44000] [--million] [--seed 1]

A year of 15-minute prices, orders of $1.00 to $9.99. Processor time of one core, but for the sweeps, whose
seconds are on the clock. The NumPy lines know a threshold and nothing else: no lots, minimum, inventory,
deadline, fees or ledger. nautilus_trader, if it is installed, is told of each order and buys at market
whenever they reach the threshold.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from crypto_exchange.backtest import AggregationPolicy, Backtest, Result, orders, prices

DAYS = 365
CENTS = 10**6
GRID: dict[str, Any] = {
    "threshold": ["10.00", "25.00", "50.00", "100.00"],
    "max_wait": ["1h", "6h", "24h"],
    "policy_spread_bps": [0, 20, 40],
}


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--orders", type=int, default=44_000)
    parser.add_argument("--million", action="store_true", help="a million with the domain's engine")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    some, many = given(options.orders, options.seed), given(1_000_000, options.seed)
    for threshold in ("10.00", "50.00", "100.00"):
        report(f"domain, threshold {threshold}", some, threshold, "domain")
        report(f"fast, threshold {threshold}", many, threshold, "fast")
        run_numpy(many, threshold)
    result = with_policy(many, "50.00", "fast").run()
    print(f"columns: {size_of(result):.1f} bytes an order, batches included")
    if options.million:
        report("domain, a million", many, "50.00", "domain")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{'peak memory of all so far':<34}{peak:12,.0f} MiB")
    for engine in ("domain", "fast"):
        for jobs in (1, 2):
            sweep(some, engine, jobs)
    run_nautilus(some, "50.00")


def given(size: int, seed: int) -> Backtest:
    """A year with about so many orders."""
    series = prices.synthetic("BTC", days=DAYS, interval="15m", seed=seed)
    per_hour = f"{size / DAYS / 24:.3f}"
    amounts = orders.uniform("1.00", "9.99")
    flow = orders.Poisson("BTC", per_hour=per_hour, amount=amounts, users=1_000, seed=seed)
    return Backtest(series, flow)


def with_policy(base: Backtest, threshold: str, engine: Any) -> Backtest:
    """The same prices and orders."""
    return Backtest(
        tuple(base.inputs.prices.values()),
        base.inputs.flow,
        policy=AggregationPolicy(threshold=threshold),
        engine=engine,
    )


def report(title: str, base: Backtest, threshold: str, engine: str) -> None:
    """Run it (the fast engine: the best of three) and print the figures."""
    backtest = with_policy(base, threshold, engine)
    seconds = min(seconds_of(backtest.run) for _ in range(3 if engine == "fast" else 1))
    show(title, len(base.inputs.flow), seconds)


def seconds_of(run: Callable[[], object]) -> float:
    """Processor time."""
    began = time.process_time()
    run()
    return time.process_time() - began


def show(title: str, size: int, seconds: float) -> None:
    """One line."""
    print(f"{title:<34}{size / seconds:12,.0f} orders/s {seconds:9.2f} s for {size:,}", flush=True)


def size_of(result: Result) -> float:
    """Bytes of the columns per order."""
    records = result.records
    columns = [*vars(records.orders).values(), *vars(records.batches).values()]
    held = sum(len(each) * each.itemsize for each in columns if hasattr(each, "itemsize"))
    return float(held / len(records.orders))


def sweep(base: Backtest, engine: str, jobs: int) -> None:
    """36 policies over the same orders."""
    backtest, began = with_policy(base, "10.00", engine), time.perf_counter()
    cells = len(backtest.sweep(n_jobs=jobs, progress=False, **GRID))
    seconds = time.perf_counter() - began
    print(f"sweep of {cells} cells, {engine}, {jobs} job(s): {seconds:.2f} s", flush=True)


def run_numpy(base: Backtest, threshold: str) -> None:
    """The threshold alone: cumulative sums, and from each batch's end to the next."""
    (series,), flow = base.inputs.prices.values(), base.inputs.flow
    at_us, spends = np.asarray(flow.at_us), np.asarray(flow.spends)
    price_us, quotes = np.asarray(series.at_us), np.asarray(series.prices)
    least = int(Decimal(threshold) * 10**8)

    def run() -> float:
        sums = np.cumsum(spends)
        before = np.concatenate([[0], sums[:-1]])
        following = np.searchsorted(sums, before + least) + 1
        ends, place, size = [], 0, len(spends)
        jumps = following.tolist()
        while (place := jumps[place]) < size:
            ends.append(place)
        bought = np.diff(sums[np.array(ends) - 1], prepend=0)
        held = quotes[np.searchsorted(price_us, at_us[np.array(ends) - 1], side="right") - 1]
        return float((bought / held).sum())

    show(f"NumPy alone, threshold {threshold}", len(spends), min(seconds_of(run) for _ in range(3)))


def run_nautilus(base: Backtest, threshold: str) -> None:
    """The same orders through nautilus_trader."""
    if find_spec("nautilus_trader") is None:
        print("nautilus_trader: not installed, so not measured")
        return
    engine = import_module("nautilus_orders").prepare(base.inputs, int(Decimal(threshold) * 10**8))
    size, seconds = len(base.inputs.flow), seconds_of(engine.run)
    filled = len(engine.trader.generate_order_fills_report())
    show(f"nautilus_trader, threshold {threshold}", size, seconds)
    print(f"  of which {filled:,} purchases were filled")


if __name__ == "__main__":
    main()
