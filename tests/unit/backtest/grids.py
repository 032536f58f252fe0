"""A small backtest to sweep, and markets that make cells fail."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from typing_extensions import override

from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.inputs import orders, prices
from crypto_exchange.entrypoints.backtest.market import FeeSchedule

GRID: dict[str, Any] = {"threshold": ["10.00", "20.00"], "max_wait": ["1h", "3h"]}


def a_backtest() -> Backtest:
    flow = orders.Poisson("BTC", per_hour=6, amount=orders.uniform("1.00", "9.99"), users=5)
    return Backtest(prices.synthetic("BTC", interval="10m"), flow)


class Broken(FeeSchedule, frozen=True):
    """Fails when a run needs it, and not before."""

    @override
    def tier_ppm(self, volume: int) -> int:
        raise RuntimeError("planted")


STUBBORN = "A_STUBBORN_PROCESS"
"""The setting that names a file: it is there as soon as a process asks not to be ended."""


class Deadly(FeeSchedule, frozen=True):
    """Ends the process, as the system does when there is no memory; after a stubborn one has begun, if
    one will.
    """

    @override
    def tier_ppm(self, volume: int) -> int:
        while STUBBORN in os.environ and not Path(os.environ[STUBBORN]).exists():
            time.sleep(0.01)
        os._exit(9)


class Stubborn(FeeSchedule, frozen=True):
    """Does not end, not even when it is asked to."""

    @override
    def tier_ppm(self, volume: int) -> int:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Path(os.environ[STUBBORN]).touch()
        while True:
            signal.pause()
