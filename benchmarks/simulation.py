"""How many days a second the testing kit simulates: 20 orders an hour, all faults, one core.

python benchmarks/simulation.py [--days 10] [--seed 1]
"""

from __future__ import annotations

import argparse
import time

from crypto_exchange.testing import simulate


def main() -> None:
    """Print days a second for some policies, with faults and without, in one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for faults in ("all", "none"):
        for seed in range(options.seed, options.seed + 3):
            started = time.process_time()
            history = simulate(seed, options.days, faults, orders_per_hour=20)
            seconds = time.process_time() - started
            history.require_sound()
            print(
                f"faults {faults:4} seed {seed}: {options.days / seconds:5.2f} days/s of processor"
                f" time, {len(history.steps):,} steps, {len(history.records):,} records,"
                f" {history.digest()[:12]}"
            )


if __name__ == "__main__":
    main()
