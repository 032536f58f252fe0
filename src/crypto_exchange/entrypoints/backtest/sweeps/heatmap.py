"""A sweep as a map: one figure over two names of its grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crypto_exchange.entrypoints.backtest.reports.drawing import new_axes, titled
from crypto_exchange.entrypoints.backtest.sweeps.frontier import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

_BLACK, _WHITE = "#111111", "#ffffff"
"""As a page must leave them, whatever its theme is: the squares have the same colours in both."""
_READABLE = 0.179
"""From this luminance on black has more contrast than white."""
_DARK = 0.04045


def draw_heatmap(rows: Sequence[Row], value: str, x: str | None, y: str | None) -> Figure:
    """The least figure for each pair of values, darker where it is less; empty where there is none."""
    columns, lines = _values(rows, x), _values(rows, y)
    least = [[_least(rows, value, {x: over, y: down}) for over in columns] for down in lines]
    figure, axes = new_axes(2.5 + 0.8 * len(columns), 1.8 + 0.5 * len(lines))
    mesh = axes.pcolormesh(least, cmap="viridis", edgecolors="face", linewidth=0.5)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_title(titled(value))
    axes.set_xticks([place + 0.5 for place in range(len(columns))], [*map(str, columns)])
    axes.set_yticks([place + 0.5 for place in range(len(lines))], [*map(str, lines)])
    axes.set_xlabel(titled(x) if x else "")
    axes.set_ylabel(titled(y) if y else "")
    _write(axes, mesh, least)
    return figure


def _values(rows: Sequence[Row], name: str | None) -> list[object]:
    return [*dict.fromkeys(row[name] for row in rows)] if name else [""]


def _least(rows: Sequence[Row], value: str, at: dict[str | None, object]) -> float:
    """NaN if no cell there has the figure."""
    found = [
        float(figure)
        for row in rows
        if all(name is None or row[name] == place for name, place in at.items())
        and isinstance(figure := row[value], int | float | Decimal)
        and math.isfinite(figure)
    ]
    return min(found, default=math.nan)


def _write(axes: Axes, mesh: QuadMesh, least: list[list[float]]) -> None:
    """Each figure in its square, in black or white, whichever can be read there."""
    for down, line in enumerate(least):
        for over, number in enumerate(line):
            if not math.isnan(number):
                color = _BLACK if _luminance(mesh, number) > _READABLE else _WHITE
                place = (over + 0.5, down + 0.5)
                axes.text(*place, _short(number), ha="center", va="center", color=color)


def _luminance(mesh: Any, number: float) -> float:
    """How bright a figure's colour is, from 0 to 1, by the formula of WCAG 2."""
    color: tuple[float, ...] = mesh.cmap(mesh.norm(number))
    red, green, blue = (
        part / 12.92 if part <= _DARK else math.pow((part + 0.055) / 1.055, 2.4)
        for part in color[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1_000 else f"{number:.4g}"
