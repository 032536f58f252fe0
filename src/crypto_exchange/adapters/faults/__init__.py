"""Faults on purpose: places where a process ends itself when told to, and a clock that is off.

Wrapped around ports by the composition root when a setting asks for it; otherwise nothing of this is
used. `tests/chaos` is what asks.
"""

from crypto_exchange.adapters.faults.clock import SkewedClock
from crypto_exchange.adapters.faults.points import CRASH_POINTS, CrashPoints
from crypto_exchange.adapters.faults.ports import (
    CrashingBegin,
    CrashingExchange,
    CrashingQueue,
    CrashingTally,
)

__all__ = [
    "CRASH_POINTS",
    "CrashPoints",
    "CrashingBegin",
    "CrashingExchange",
    "CrashingQueue",
    "CrashingTally",
    "SkewedClock",
]
