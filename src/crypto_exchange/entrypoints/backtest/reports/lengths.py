"""Lengths of time as people say them."""

from __future__ import annotations

LENGTHS_S = {
    0.001: "1 ms",
    0.01: "10 ms",
    0.1: "0.1 s",
    1: "1 s",
    10: "10 s",
    60: "1 min",
    600: "10 min",
    3_600: "1 h",
    21_600: "6 h",
    86_400: "1 d",
    604_800: "7 d",
    2_592_000: "30 d",
    31_536_000: "1 y",
    315_360_000: "10 y",
}
"""Seconds of the marks of an axis, and what is written there."""
STEPS_S = (
    *(0.01, 0.1, 1, 5, 10, 30, 60, 300, 600, 1_200, 3_600, 7_200, 21_600, 43_200),
    *(86_400, 172_800, 604_800, 2_592_000, 31_536_000),
)
"""Seconds between two marks of an axis."""
_FROM = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0), ("ms", 0.001))


def written_s(seconds: float | None) -> str:
    """Three digits and the unit that suits them: 250 ms, 42.5 min, 6 h; "n/a" for None."""
    if not seconds:
        return "n/a" if seconds is None else "0 s"
    unit, size = next((each for each in _FROM if seconds >= each[1]), _FROM[-1])
    return f"{float(f'{seconds / size:.3g}'):,.10g} {unit}"
