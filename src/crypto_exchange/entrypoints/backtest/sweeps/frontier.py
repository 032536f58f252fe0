"""The cells of a sweep that nothing beats: whoever wants less of one figure gets more of the other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from crypto_exchange.entrypoints.override import override

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row: TypeAlias = Mapping[str, object]
"""A line of a table: values by the name of their column."""

_MOST_LABELS = 3
_LOGARITHMIC_FROM = 50


class Frontier(msgspec.Struct, frozen=True, kw_only=True):
    """Of all cells with both figures, those that no other is below in one and at most equal in the other.

    `points` by rising x, equal ones all; `dominated` the others by rising x; `without` the cells that
    have no such figure, as where nothing was bought or the run failed. All are rows of `Sweep.table`.
    """

    x: str
    y: str
    names: tuple[str, ...]
    """The columns that tell a cell from another."""
    points: tuple[Row, ...]
    dominated: tuple[Row, ...]
    without: tuple[Row, ...]

    @override
    def __repr__(self) -> str:
        lines = [f"{self.x} against {self.y}: {len(self.points)} efficient cells"]
        lines += [
            f"  {self.label(row)}: {_number(row, self.x):,.2f}, {_number(row, self.y):,.2f}"
            for row in self.points
        ]
        lines.append(f"{len(self.dominated)} are beaten by one of these in both")
        if self.without:
            lines.append(f"without figures: {'; '.join(map(self.label, self.without))}")
        return "\n".join(lines)

    def label(self, row: Row) -> str:
        """What a cell is called: the values that tell it from others."""
        return label(row, self.names)

    def plot(self) -> Figure:
        """A picture of all cells with a line through the efficient ones. It isn't shown.

        Raises ImportError without the extra `backtest`.
        """
        from crypto_exchange.entrypoints.backtest.reports.drawing import new_axes, titled

        figure, axes = new_axes(8, 5)
        axes.set_xlabel(titled(self.x))
        axes.set_ylabel(titled(self.y))
        self._draw(axes)
        return figure

    def _draw(self, axes: Axes) -> None:
        others, best = self._places(self.dominated), self._places(self.points)
        if others:
            xs, ys = zip(*others, strict=True)
            axes.scatter(xs, ys, s=18, color="0.6", label="beaten in both")
        if best:
            xs, ys = zip(*best, strict=True)
            axes.plot(xs, ys, "o-", drawstyle="steps-post", color="C0", label="efficient")
            self._number(axes, best)
            axes.legend(
                title=" / ".join(self.names) or None, loc="upper left", bbox_to_anchor=(1, 1)
            )
        xs_of_all = [x for x, _ in others + best]
        if xs_of_all and 0 < min(xs_of_all) < max(xs_of_all) / _LOGARITHMIC_FROM:
            axes.set_xscale("log")

    def _number(self, axes: Axes, best: Sequence[tuple[float, float]]) -> None:
        """Number the efficient places, which may be close together, and say beside which cells they are."""
        cells: dict[tuple[float, float], list[str]] = {}
        for place, row in zip(best, self.points, strict=True):
            cells.setdefault(place, []).append(" / ".join(str(row[name]) for name in self.names))
        for number, (place, texts) in enumerate(cells.items(), 1):
            axes.annotate(str(number), place, (3, 3), textcoords="offset points", fontsize="small")
            more = [f"and {len(texts) - _MOST_LABELS} more"] if len(texts) > _MOST_LABELS else []
            told = "\n".join(texts[:_MOST_LABELS] + more)
            axes.plot(
                [], [], linestyle="none", marker=f"${number}$", mew=0.5, color="k", label=told
            )

    def _places(self, rows: Sequence[Row]) -> list[tuple[float, float]]:
        return [(float(_number(row, self.x)), float(_number(row, self.y))) for row in rows]


def find_frontier(rows: Sequence[Row], x: str, y: str, names: tuple[str, ...]) -> Frontier:
    """The frontier of rows; both figures are better when they are smaller."""
    usable = [row for row in rows if _has(row, x) and _has(row, y)]
    usable.sort(key=lambda row: (_number(row, x), _number(row, y)))
    points: list[Row] = []
    dominated: list[Row] = []
    for row in usable:
        last = points[-1] if points else None
        best = (
            last is None
            or _number(row, y) < _number(last, y)
            or (_number(row, x), _number(row, y)) == (_number(last, x), _number(last, y))
        )
        (points if best else dominated).append(row)
    return Frontier(
        x=x,
        y=y,
        names=names,
        points=tuple(points),
        dominated=tuple(dominated),
        without=tuple(row for row in rows if not (_has(row, x) and _has(row, y))),
    )


def label(row: Row, names: Sequence[str]) -> str:
    """What a cell is called: `threshold=25.00 max_wait=6h`."""
    return " ".join(f"{name}={row[name]}" for name in names) or "the only cell"


def _has(row: Row, name: str) -> bool:
    value = row.get(name)
    return isinstance(value, int | float | Decimal) and math.isfinite(value)


def _number(row: Row, name: str) -> int | float | Decimal:
    value = row[name]
    assert isinstance(value, int | float | Decimal)
    return value
