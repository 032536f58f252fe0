"""Pictures of what orders went through: waiting, the price meanwhile, cost, and the spread for the risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_exchange.entrypoints.backtest.amounts import moment
from crypto_exchange.entrypoints.backtest.figures.costs import PARTS, drifts_bps
from crypto_exchange.entrypoints.backtest.figures.vectors import (
    Flags,
    Floats,
    Integers,
    bps,
    integers,
    rank,
    total,
)
from crypto_exchange.entrypoints.backtest.reports.drawing import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
)
from crypto_exchange.entrypoints.backtest.reports.lengths import LENGTHS_S, STEPS_S, written_s
from crypto_exchange.entrypoints.backtest.reports.pictures import Picture, Scene
from crypto_exchange.entrypoints.backtest.rows import BATCH_CAUSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAUSE_COLORS = dict(zip(BATCH_CAUSES, (PURPLE, BLUE, ORANGE), strict=True))
_PART_COLORS = dict(zip(PARTS, (BLUE, GREEN, PURPLE, ORANGE, MUTED), strict=True))
_BINS, _MOST_MARKS, _SPANS = 40, 6, 3
_MOST_POINTS = 300
_SHORTEST_S = 1e-3
_DAY_US = 86_400_000_000


def _draw_waits(axes: Axes, scene: Scene) -> None:
    waits, causes = _waits_s(scene), _causes(scene)
    for place, cause in enumerate(BATCH_CAUSES):
        own = np.sort(waits[causes == place])
        if len(own):
            shares = np.linspace(0, 100, min(len(own), _MOST_POINTS) + 1)[1:]
            places = np.ceil(shares / 100 * len(own)).astype(np.int64) - 1
            color = CAUSE_COLORS[cause]
            line = (np.append(own[0], own[places]), np.append(0, shares))
            axes.plot(*line, color=color, label=cause, drawstyle="steps-post")
    axes.axhline(95, color=MUTED, linewidth=0.8, linestyle="dashed")
    axes.set_ylabel("orders with coins (%)")
    axes.set_xlabel("waited")
    axes.legend(loc="center left")
    _in_lengths(axes, waits)


def _tell_waits(scene: Scene) -> str:
    deliveries, causes = scene.deliveries, _causes(scene)
    waits = np.sort(deliveries.ended_us - deliveries.at_us) / 1_000_000
    counts = np.bincount(causes, minlength=len(BATCH_CAUSES)).tolist()
    by_cause = ", ".join(
        f"{n:,} {cause}" for cause, n in zip(BATCH_CAUSES, counts, strict=True) if n
    )
    return (
        f"How long orders waited for their coins, by what their batch was sealed for ({by_cause}). "
        f"Half of all waited at most {written_s(rank(waits, 50))}, "
        f"95 % (dashed) at most {written_s(rank(waits, 95))}."
    )


def _draw_drift(axes: Axes, scene: Scene) -> None:
    waits, drifts = _waits_s(scene), drifts_bps(scene.records, scene.deliveries)
    x, ranks = _bands(waits, drifts)
    low, lower, middle, upper, high = ranks.T
    axes.fill_between(x, low, high, color=BLUE, alpha=0.18, linewidth=0, label="90 % of orders")
    axes.fill_between(x, lower, upper, color=BLUE, alpha=0.4, linewidth=0, label="half of them")
    axes.plot(x, middle, color=BLUE, label="median", marker="o", markersize=2.5)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_ylabel("price since the quote (bps)")
    axes.set_xlabel("waited")
    axes.legend(loc="upper left")
    _in_steps(axes, float(x.max()))


def _tell_drift(scene: Scene) -> str:
    drifts = drifts_bps(scene.records, scene.deliveries)
    far = rank(np.sort(abs(drifts)), 95)
    return (
        "How far the price had moved from an order's quote when its coins were bought, by how long it "
        f"had waited: mean {drifts.mean():,.2f} bps, 95 % within {far:,.1f} bps either way. "
        f"Bands join ranks 5, 25, 75 and 95 % of orders that waited about as long."
    )


def _draw_costs(axes: Axes, scene: Scene) -> None:
    groups = _costs_by_group(scene)
    places = range(len(groups))
    zeros = [0.0] * len(groups)
    ups, downs = zeros, zeros
    for part in PARTS:
        widths = [parts[part] for _, parts in groups]
        starts = [up if w >= 0 else down for up, down, w in zip(ups, downs, widths, strict=True)]
        axes.barh(places, widths, left=starts, color=_PART_COLORS[part], label=part, height=0.6)
        ups = [up + max(w, 0) for up, w in zip(ups, widths, strict=True)]
        downs = [down + min(w, 0) for down, w in zip(downs, widths, strict=True)]
    for place, (up, (_, parts)) in enumerate(zip(ups, groups, strict=True)):
        axes.annotate(
            f"{sum(parts.values()):,.1f}",
            (up, place),
            (3, 0),
            textcoords="offset points",
            va="center",
        )
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(places, [name for name, _ in groups])
    axes.margins(x=0.12)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("basis points of the quoted value")
    axes.set_ylim(len(groups) + 0.5, -0.5)
    axes.legend(loc="lower center", ncols=3, handlelength=1, columnspacing=1)


def _tell_costs(scene: Scene) -> str:
    _, parts = _costs_by_group(scene)[0]
    told = ", ".join(f"{part} {share:,.2f}" for part, share in parts.items())
    return (
        "What was paid above the quoted value, in basis points of it, by what batches were sealed for "
        f"or when they ended; the number is the sum. All, with late fills: {told}.{_tell_late(scene)}"
    )


def _tell_late(scene: Scene) -> str:
    if not len(scene.records.late):
        return ""
    return " Batches that used coins of late fills, whose cost is only in all, have negative dust."


def _draw_cover(axes: Axes, scene: Scene) -> None:
    cover = scene.cover
    spreads, shares = zip(*cover.curve(), strict=True)
    percent = [share * 100 for share in shares]
    axes.plot(percent, spreads, color=BLUE, drawstyle="steps-pre", label="of the days")
    axes.plot(range(101), cover.resampled_bps, color=PURPLE, label="of resampled runs")
    if cover.spread_bps is not None:
        answer = (cover.confidence * 100, cover.spread_bps)
        axes.plot(*answer, "o", color=ORANGE, label=f"{cover.spread_bps} bps")
    axes.axhline(cover.charged_bps, color=MUTED, linestyle="dashed", label="charged", linewidth=1)
    within = [s for s, p in zip(spreads, percent, strict=True) if p >= _FROM_PERCENT]
    low, high = min(0, *within), max(*within, cover.spread_bps or 0, cover.charged_bps)
    axes.set_xlim(_FROM_PERCENT, 101)
    axes.set_ylim(low - (high - low) * 0.06, high + (high - low) * 0.06)
    axes.set_xlabel("share whose risk is covered (%)")
    axes.set_ylabel("spread (bps)")
    axes.legend(loc="best")


def _bands(waits: Floats, drifts: Floats) -> tuple[Floats, Floats]:
    """Of orders that waited about as long, as many each: the median wait, and drifts at 5, 25, 50, 75
    and 95 %.
    """
    order = np.argsort(waits, kind="stable")
    bins = np.array_split(order, min(_BINS, len(order)))
    x = [np.median(waits[each]) for each in bins]
    ranks = [np.percentile(drifts[each], (5, 25, 50, 75, 95)) for each in bins]
    return np.array(x), np.array(ranks)


def _costs_by_group(scene: Scene) -> list[tuple[str, dict[str, float]]]:
    """Of all, and of each group of batches: the parts in basis points of what was delivered at quotes."""
    split = scene.split
    found = [("all", _shares(split.parts(), total(split.value)))]
    for name, own in _groups(scene):
        if total(split.value[own]):
            sums = {part: total(getattr(split, part)[own]) for part in PARTS}
            found.append((name, _shares(sums, total(split.value[own]))))
    return found


def _groups(scene: Scene) -> list[tuple[str, Flags]]:
    """Batches by what they were sealed for, or if that is the same for all, by when they ended."""
    rows, batches = scene.split.rows, scene.records.batches
    causes, ended = integers(batches.cause)[rows], integers(batches.ended_us)[rows]
    if len(np.unique(causes)) > 1:
        return [(cause, causes == place) for place, cause in enumerate(BATCH_CAUSES)]
    edges = np.linspace(ended.min(), ended.max() + 1, _SPANS + 1).astype(np.int64)
    spans = np.searchsorted(edges, ended, side="right") - 1
    form = "%d %b" if np.ptp(ended) > _SPANS * _DAY_US else "%H:%M"
    starts = [moment(each).strftime(form) for each in edges.tolist()]
    return [(f"from\n{starts[place]}", spans == place) for place in range(_SPANS)]


def _shares(sums: dict[str, int], value: int) -> dict[str, float]:
    return {part: bps(units, value) or 0.0 for part, units in sums.items()}


def _waits_s(scene: Scene) -> Floats:
    """As a logarithmic axis takes them: at least a millisecond."""
    waited_us = scene.deliveries.ended_us - scene.deliveries.at_us
    waits: Floats = np.maximum(waited_us / 1_000_000, _SHORTEST_S)
    return waits


def _causes(scene: Scene) -> Integers:
    causes: Integers = integers(scene.records.batches.cause)[scene.deliveries.batch]
    return causes


def _in_lengths(axes: Axes, waits: Floats) -> None:
    """A logarithmic axis of time from a length of time that people know to another."""
    from matplotlib.ticker import FixedLocator, NullLocator

    known = [*LENGTHS_S]
    low = max((s for s in known if s <= waits.min()), default=known[0])
    high = min((s for s in known if s >= waits.max() and s > low), default=known[-1])
    marks = [s for s in known if low <= s <= high]
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(marks))
    axes.xaxis.set_major_formatter(lambda seconds, _: LENGTHS_S.get(round(seconds, 3), ""))
    axes.xaxis.set_minor_locator(NullLocator())


def _in_steps(axes: Axes, longest_s: float) -> None:
    """An axis of time from 0 on, with marks that people know."""
    from matplotlib.ticker import MultipleLocator

    step = next((s for s in STEPS_S if longest_s / s <= _MOST_MARKS), STEPS_S[-1])
    axes.set_xlim(0, longest_s or step)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(lambda seconds, _: written_s(seconds) if seconds else "0")


def _lacks_coins(scene: Scene) -> str:
    return "" if len(scene.deliveries.rows) else "No order got coins."


def _lacks_value(scene: Scene) -> str:
    return "" if total(scene.split.value) else "Nothing was bought."


_FROM_PERCENT = 50
PICTURES = (
    Picture(name="waits", title="Waiting", draw=_draw_waits, tell=_tell_waits, lacks=_lacks_coins),
    Picture(
        name="drift",
        title="The price while waiting",
        draw=_draw_drift,
        tell=_tell_drift,
        lacks=_lacks_coins,
    ),
    Picture(name="costs", title="Cost", draw=_draw_costs, tell=_tell_costs, lacks=_lacks_value),
    Picture(
        name="cover",
        title="Spread for the house's risk",
        draw=_draw_cover,
        tell=lambda scene: str(scene.cover),
        lacks=lambda scene: str(scene.cover) if scene.cover.why_not else "",
    ),
)
"""Waiting by cause, drift by wait, cost by part, spread by confidence."""
