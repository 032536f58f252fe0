"""Pictures over the time of a run: batches, and what of the house is exposed to prices."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crypto_exchange.entrypoints.backtest.amounts import duration_us, format_duration
from crypto_exchange.entrypoints.backtest.figures.house import expose
from crypto_exchange.entrypoints.backtest.figures.vectors import (
    Floats,
    Integers,
    integers,
    started_us,
)
from crypto_exchange.entrypoints.backtest.reports.drawing import BLUE
from crypto_exchange.entrypoints.backtest.reports.pictures import Picture, Scene
from crypto_exchange.entrypoints.backtest.reports.pictures_orders import CAUSE_COLORS
from crypto_exchange.entrypoints.backtest.reports.table_columns import extra
from crypto_exchange.entrypoints.backtest.rows import BATCH_CAUSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Moments: TypeAlias = NDArray[np.datetime64]

_MOST_BARS, _MOST_STEPS = 48, 160
_LOGARITHMIC_FROM = 10
"""Dollars, of which there are often many for a moment and few for long."""
_WIDTHS = (
    *("1s", "10s", "1m", "5m", "15m", "1h", "3h", "6h", "12h"),
    *("1d", "2d", "7d", "14d", "30d", "90d"),
)


def _draw_batches(axes: Axes, scene: Scene) -> None:
    from matplotlib.ticker import MaxNLocator

    edges, width = _bars(scene)
    sealed = integers(scene.records.batches.sealed_us)
    causes = integers(scene.records.batches.cause)
    below = np.zeros(len(edges) - 1, dtype=np.int64)
    for place, cause in enumerate(BATCH_CAUSES):
        counts, _ = np.histogram(sealed[causes == place], edges)
        if counts.any():
            axes.stairs(
                below + counts,
                _moments(edges),
                baseline=below,
                fill=True,
                color=CAUSE_COLORS[cause],
                label=cause,
            )
        below = below + counts
    axes.set_ylabel(f"batches in {width}")
    axes.set_ylim(0, float(below.max()) * 1.18)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper left", ncols=3, handlelength=1)
    _in_dates(axes, edges)


def _tell_batches(scene: Scene) -> str:
    counts = np.bincount(integers(scene.records.batches.cause), minlength=len(BATCH_CAUSES))
    told = ", ".join(
        f"{n:,} {cause}" for cause, n in zip(BATCH_CAUSES, counts.tolist(), strict=True)
    )
    return (
        f"Batches by when and for what they were sealed: {told}. Direct is a large order, threshold "
        "enough small ones, deadline one that had waited long enough."
    )


def _draw_exposure(axes: Axes, scene: Scene) -> None:
    edges, least, mean, most = _steps(scene)
    moments = _moments(edges)
    axes.stairs(
        most, moments, baseline=least, fill=True, color=BLUE, alpha=0.25, label="least to most"
    )
    axes.stairs(mean, moments, baseline=None, color=BLUE, label="mean")
    axes.set_ylabel("dollars")
    if abs(np.array([least, most])).max() > _LOGARITHMIC_FROM:
        axes.set_yscale("symlog", linthresh=1)
        axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.margins(y=0.2)
    axes.legend(loc="upper left", ncols=2)
    _in_dates(axes, edges)


def _tell_exposure(scene: Scene) -> str:
    exposed = expose(scene.inputs, scene.records)
    return (
        "What the house has at stake: its coins at the price of the moment, and the quoted value of "
        f"batches under way. At most {exposed.peak:,.2f} USD, {exposed.usd_hours:,.2f} USD hours."
    )


def _bars(scene: Scene) -> tuple[Integers, str]:
    """Edges on round moments, and how far apart they are."""
    start, end = started_us(scene.inputs, scene.records), scene.records.ended_us
    widths = [duration_us("width", text) for text in _WIDTHS]
    width = next((each for each in widths if (end - start) / each <= _MOST_BARS), widths[-1])
    while (end - start) / width > _MOST_BARS:
        width *= 2
    return np.arange(start // width, end // width + 2) * width, format_duration(width)


def _steps(scene: Scene) -> tuple[Integers, Floats, Floats, Floats]:
    """Edges, and between them the least, the mean and the most of the exposure."""
    exposed = expose(scene.inputs, scene.records)
    start, end = started_us(scene.inputs, scene.records), scene.records.ended_us
    edges = np.unique(np.linspace(start, max(end, start + 1), _MOST_STEPS + 1).astype(np.int64))
    at_us = np.union1d(exposed.at_us, edges)
    at_us = at_us[(at_us >= start) & (at_us <= edges[-1])]
    before = np.searchsorted(exposed.at_us, at_us, side="right")
    values = np.append(0.0, exposed.dollars)[before][:-1]
    firsts = np.searchsorted(at_us[:-1], edges[:-1])
    held = np.add.reduceat(values * np.diff(at_us), firsts)
    return (
        edges,
        np.minimum.reduceat(values, firsts),
        held / np.diff(edges),
        np.maximum.reduceat(values, firsts),
    )


def _moments(at_us: Integers) -> Moments:
    moments: Moments = at_us.astype("datetime64[us]")
    return moments


def _in_dates(axes: Axes, edges: Integers) -> None:
    dates: Any = extra("matplotlib.dates")  # which has no types
    locator = dates.AutoDateLocator(tz=UTC, minticks=2, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=UTC))
    first, last = _moments(edges)[[0, -1]]
    axes.set_xlim(first, last)


def _lacks_batches(scene: Scene) -> str:
    return "" if len(scene.records.batches) else "No batch was sealed."


PICTURES = (
    Picture(
        name="batches",
        title="Batches",
        draw=_draw_batches,
        tell=_tell_batches,
        lacks=_lacks_batches,
    ),
    Picture(
        name="exposure",
        title="The house's exposure",
        draw=_draw_exposure,
        tell=_tell_exposure,
        lacks=_lacks_batches,
    ),
)
"""Batches by cause, and the house's exposure."""
