"""System: this machine's clock."""

from __future__ import annotations

import time


class SystemClock:
    """Real time."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000
