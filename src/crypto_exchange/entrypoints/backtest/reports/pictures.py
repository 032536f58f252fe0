"""Pictures of a run: each a drawing on axes, and what it shows in words. Needs numpy and matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from crypto_exchange.entrypoints.backtest.figures.costs import CostSplit, split_costs
from crypto_exchange.entrypoints.backtest.figures.deliveries import Deliveries, list_deliveries
from crypto_exchange.entrypoints.backtest.figures.spread_cover import SpreadCover, spread_cover
from crypto_exchange.entrypoints.backtest.reports.drawing import new_figure, style
from crypto_exchange.entrypoints.backtest.result import Inputs, Records

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What pictures are drawn from, computed once."""

    inputs: Inputs
    records: Records
    deliveries: Deliveries
    split: CostSplit
    cover: SpreadCover


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """`draw` fills axes; `tell` says what is seen there; `lacks` why there is nothing to see, or ""."""

    name: str
    title: str
    draw: Callable[[Axes, Scene], None]
    tell: Callable[[Scene], str]
    lacks: Callable[[Scene], str]


def set_scene(inputs: Inputs, records: Records) -> Scene:
    """Everything that pictures need of a run."""
    deliveries = list_deliveries(inputs, records)
    return Scene(
        inputs=inputs,
        records=records,
        deliveries=deliveries,
        split=split_costs(inputs, records, deliveries),
        cover=spread_cover(inputs, records),
    )


def list_pictures() -> tuple[Picture, ...]:
    """All pictures of a run, in the order of a report."""
    from crypto_exchange.entrypoints.backtest.reports import pictures_orders, pictures_time

    return (*pictures_orders.PICTURES, *pictures_time.PICTURES)


def plot_overview(inputs: Inputs, records: Records) -> Figure:
    """Four pictures as one figure, which isn't shown: waiting, drift, cost and the house's exposure.

    Raises ImportError without the extra `backtest`.
    """
    figure, all_axes = new_figure(11, 7.5, lines=2, columns=2)
    scene = set_scene(inputs, records)
    shown = {picture.name: picture for picture in list_pictures()}
    for axes, name in zip(all_axes, ("waits", "drift", "costs", "exposure"), strict=True):
        with style():
            axes.set_title(shown[name].title)
        paint(axes, shown[name], scene)
    return figure


def paint(axes: Axes, picture: Picture, scene: Scene) -> None:
    """Draw it, or say why there is nothing to draw."""
    why_not = picture.lacks(scene)
    with style():
        if why_not:
            axes.set_axis_off()
            axes.text(0.5, 0.5, why_not, ha="center", va="center", wrap=True)
        else:
            picture.draw(axes, scene)
