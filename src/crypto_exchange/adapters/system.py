"""System: this machine's clock."""

from __future__ import annotations

import time


class SystemClock:
    """Real time."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000

    def monotonic_us(self) -> int:
        """Microseconds since some moment, by a clock that nobody sets."""
        return time.monotonic_ns() // 1_000
