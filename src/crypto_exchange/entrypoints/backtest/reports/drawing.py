"""Figures to draw on, for whoever has matplotlib: nothing is shown, and no window or state is needed.

All pictures have the colours below and no others but those of a map, so that a page can put its own in
their place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from crypto_exchange.entrypoints.backtest.reports.table_columns import extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, LINE = "#1f2328", "#59636e", "#d1d9e0"
BLUE, ORANGE, GREEN, PURPLE = "#0969da", "#bc4c00", "#1a7f37", "#8250df"
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "font.size": 10,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "legend.edgecolor": "none",
    "legend.facecolor": "none",
    "legend.framealpha": 0,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}
_LOOKS = {
    *("axes", "figure", "font", "grid", "hatch", "image", "legend", "lines", "markers", "mathtext"),
    *("patch", "path", "scatter", "svg", "text", "xaxis", "xtick", "yaxis", "ytick"),
}
_UNITS = {
    "s": "seconds",
    "bps": "basis points",
    "usd": "dollars",
    "pct": "%",
    "h": "hours",
    "bytes": "bytes",
}


def new_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure of that size in inches, and its axes. Raises ImportError without matplotlib."""
    figure, [axes] = new_figure(width, height, lines=1, columns=1)
    return figure, axes


def new_figure(
    width: float, height: float, *, lines: int, columns: int
) -> tuple[Figure, list[Axes]]:
    """The same with several axes, line by line."""
    made: type[Figure] = extra("matplotlib.figure").Figure
    with style():
        figure = made(figsize=(width, height), layout="constrained")
        found = figure.subplots(lines, columns, squeeze=False)
        for axes in found.flat:  # marks are made when they are drawn, by the style of that moment
            axes.tick_params(color=MUTED, labelcolor=MUTED)
    return figure, list(found.flat)


def require_drawing() -> None:
    """Raises ImportError if numpy or matplotlib is not installed, with what to do about it."""
    for name in ("numpy", "matplotlib.figure"):
        extra(name)


@contextmanager
def style(**more: object) -> Iterator[None]:
    """How everything is drawn in here, whatever the settings are elsewhere; `more` in addition."""
    from matplotlib import rc_context, rcParamsDefault, rcsetup

    looks: Any = {name: rcParamsDefault[name] for name in rcParamsDefault if _is_look(name)}
    colors = rcsetup.cycler(color=[BLUE, ORANGE, GREEN, PURPLE])
    with rc_context(looks | _STYLE | {"axes.prop_cycle": colors} | more):
        yield


def _is_look(name: str) -> bool:
    return name.partition(".")[0] in _LOOKS


def titled(name: str) -> str:
    """A figure's name as a title: `wait_p95_s` is "wait p95 (seconds)"."""
    *words, last = name.split("_")
    if not words or last not in _UNITS:
        return " ".join([*words, last])
    return f"{' '.join(words)} ({_UNITS[last]})"
