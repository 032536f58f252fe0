"""`python -m tests.chaos --seed 1 --seconds 600 --orders 5000`: a chaos run of its own."""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from crypto_exchange.adapters.faults import CRASH_POINTS
from tests.chaos.run import Plan, Result, run

_LATE_FROM_S = 300.0
"""A late fill takes two minutes to come and to be found: shorter runs do not wait for them."""


def main() -> int:
    """Run it and print the report; 1 if anything differed."""
    options = _options()
    brief = options.seconds < _LATE_FROM_S
    plan = Plan(
        seed=options.seed,
        seconds=options.seconds,
        longest_s=options.seconds * 1.2,
        orders=int(options.seconds * 25 / 3) if options.orders is None else options.orders,
        deaths=int(options.seconds / 3),
        points=tuple(n for n in CRASH_POINTS if not (brief and n.startswith("late."))),
        customers=options.customers,
        pause_s=options.pause,
        strike_s=options.strike,
        times=int(options.seconds / 60) if options.times is None else options.times,
    )
    print(f"chaos with seed {plan.seed}: {plan.seconds:g} s", flush=True)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        result = _run(plan, options.keep)
    else:
        with tempfile.TemporaryDirectory(prefix="chaos-") as directory:
            result = _run(plan, Path(directory))
    print(result.told())
    return int(bool(result.differences))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    parser.add_argument("--seconds", type=float, default=600, help="how long the faults last")
    parser.add_argument("--orders", type=int, help="at least so many, or it fails; 5000 in 600 s")
    parser.add_argument("--times", type=int, help="each crash point, or it fails; 10 in 600 s")
    parser.add_argument("--customers", type=int, default=20)
    parser.add_argument("--pause", type=float, default=0.35, help="mean seconds between acts")
    parser.add_argument("--strike", type=float, default=1.5, help="mean seconds between faults")
    parser.add_argument("--keep", type=Path, help="an empty directory for data and logs")
    return parser.parse_args()


def _run(plan: Plan, directory: Path) -> Result:
    async def stoppable() -> Result:
        running = asyncio.ensure_future(run(plan, directory))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        return await running

    try:
        return asyncio.run(stoppable())
    except asyncio.CancelledError:
        print("stopped", flush=True)
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
