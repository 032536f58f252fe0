"""Sweep: the same prices and orders under many policies and markets, and what each of them came to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import closing, nullcontext
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from crypto_exchange.entrypoints.backtest.amounts import whole
from crypto_exchange.entrypoints.backtest.figures.summary import FIGURES
from crypto_exchange.entrypoints.backtest.progress import Progress, ticking
from crypto_exchange.entrypoints.backtest.reports.table_columns import extra
from crypto_exchange.entrypoints.backtest.result import Inputs, run_id
from crypto_exchange.entrypoints.backtest.sweeps.cells import Cell, list_cells, read_grid, shown
from crypto_exchange.entrypoints.backtest.sweeps.frontier import Frontier, find_frontier
from crypto_exchange.entrypoints.backtest.sweeps.outcomes import Kept, Outcome
from crypto_exchange.entrypoints.backtest.sweeps.workers import run_cells
from crypto_exchange.entrypoints.override import override

if TYPE_CHECKING:
    import polars
    from matplotlib.figure import Figure

_MAIN = ("wait_p50_s", "wait_p95_s", "cost_bps", "house_result_bps", "orders_failed")
"""The figures that a printed sweep has room for."""


def sweep(
    base: Inputs,
    grid: Mapping[str, Iterable[object]],
    *,
    n_jobs: int = 1,
    resume: str | os.PathLike[str] | None = None,
    progress: Progress = None,
) -> Sweep:
    """Run every combination of the grid's values, `n_jobs` at a time.

    A name of the grid is a field of AggregationPolicy, or of Market and then holds for all assets; of
    what both have there is `policy_spread_bps` and `market_spread_bps`. Results don't depend on `n_jobs`,
    and a script that uses it needs no `__main__` guard. A cell that fails has its error in the table.
    `resume` names a file that keeps each finished cell; those that it holds already, of the same inputs
    and version, are not run again. `progress`: None for a line on standard error if that is a terminal,
    True or False, or a function that is told (cells done, cells in all).

    Raises:
        TypeError: values of the grid that are no list, or of a wrong type.
        ValueError: a name of the grid that is unknown, values that are out of range, none or twice the
            same; `n_jobs` below 1; a file that holds something else.
        OSError: the file can't be read or written.
        ImportError: without the extra `backtest`.
    """
    whole("n_jobs", n_jobs, least=1)
    values = read_grid(grid)
    cells = {run_id(cell.inputs(base)): cell for cell in list_cells(base, values)}
    with Kept(Path(resume)) if resume is not None else nullcontext() as kept:
        done = _known(cells, kept)
        rest = {each: cell for each, cell in cells.items() if each not in done}
        outcomes = run_cells(base, rest, n_jobs)
        with ticking(progress, "cells") as tick, closing(outcomes):
            tick(len(done), len(cells))
            for outcome in outcomes:
                if kept is not None:
                    kept.add(outcome)
                done[outcome.run_id] = outcome
                tick(len(done), len(cells))
    rows = tuple((cell, done[each]) for each, cell in cells.items())
    return Sweep(inputs=base, grid=values, cells=rows)


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each cell, in the order of the grid; the last name changes first.

    `inputs` are those that were varied by `grid`.
    """

    inputs: Inputs
    grid: Mapping[str, tuple[object, ...]]
    cells: tuple[tuple[Cell, Outcome], ...]

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the grid with more than one value: they tell a cell from another."""
        return tuple(name for name, values in self.grid.items() if len(values) > 1)

    @property
    def table(self) -> list[dict[str, object]]:
        """One row a cell: the grid's values, every figure of the summary, `ledger_hash` and `error`.

        The figures of a cell that failed are None, and so is the error of one that did not.
        """
        summaries = [outcome.summary.as_dict() for _, outcome in self.cells if outcome.summary]
        reasons = sorted({name for each in summaries for name in each} - set(FIGURES))
        return [_row(cell, outcome, reasons) for cell, outcome in self.cells]

    @property
    def failed(self) -> list[dict[str, object]]:
        """The rows of cells that failed."""
        return [row for row in self.table if row["error"]]

    def frontier(self, x: str = "wait_p95_s", y: str = "cost_bps") -> Frontier:
        """The cells that no other beats in both figures; less is better.

        Raises ValueError for a name that is no figure.
        """
        return find_frontier(self.table, _figure(x), _figure(y), self.names)

    def heatmap(
        self, value: str = "cost_bps", x: str | None = None, y: str | None = None
    ) -> Figure:
        """A picture of a figure over two names of the grid: by default the last two that vary.

        Of cells that differ in other names the least is drawn. The picture isn't shown.

        Raises:
            ValueError: a name that is no figure, or not in the grid.
            ImportError: without the extra `backtest`.
        """
        from crypto_exchange.entrypoints.backtest.sweeps.heatmap import draw_heatmap

        return draw_heatmap(self.table, _figure(value), *self._axes(x, y))

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        command: str | None = None,
        configuration: str | None = None,
    ) -> Path:
        """Write frontier, maps and table into one HTML file; see `Result.report`.

        Raises:
            ImportError: without the extra `backtest`.
            OSError: the file can't be written.
        """
        from crypto_exchange.entrypoints.backtest.reports.drawing import require_drawing

        require_drawing()
        from crypto_exchange.entrypoints.backtest.reports.report import write_sweep_report

        return write_sweep_report(self, path, command=command, configuration=configuration)

    def to_polars(self) -> polars.DataFrame:
        """The table as a polars frame. Raises ImportError without the extra `backtest`."""
        frames = extra("polars")
        texts = {"ledger_hash": frames.String, "error": frames.String}  # even if all are None
        frame: polars.DataFrame = frames.DataFrame(
            self.table, schema_overrides=texts, infer_schema_length=None, strict=False
        )
        return frame

    def to_pandas(self) -> Any:
        """The table as a pandas frame. Raises ImportError without pandas."""
        return extra("pandas").DataFrame(self.table)

    @override
    def __repr__(self) -> str:
        heads, lines = self._printed()
        widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
        sized = (
            "  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True))
            for line in (heads, *lines)
        )
        return "\n".join([f"{len(self)} cells", *sized])

    def _repr_html_(self) -> str:
        heads, lines = self._printed()
        head = "".join(f"<th>{escape(name)}</th>" for name in heads)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _axes(self, x: str | None, y: str | None) -> tuple[str | None, str | None]:
        """Names that were not given are those of the grid that vary, from its end on."""
        for name in (x, y):
            if name is not None and name not in self.grid:
                known = ", ".join(self.grid)
                raise ValueError(f"expected a name of the grid ({known}), was {name!r}")
        free = [name for name in self.names if name not in {x, y}]
        x = x or (free.pop() if free else None)
        return x, y or (free.pop() if free else None)

    def _printed(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Heads and lines of a table that fits a screen."""
        rows = self.table
        names = (*self.grid, *_MAIN, *(["error"] if self.failed else []))
        return names, [tuple(_text(row[name]) for name in names) for row in rows]


def _known(cells: Iterable[str], kept: Kept | None) -> dict[str, Outcome]:
    """What became of the cells that are kept."""
    found = ((each, kept.find(each)) for each in cells) if kept is not None else ()
    return {each: outcome for each, outcome in found if outcome}


def _row(cell: Cell, outcome: Outcome, reasons: Iterable[str]) -> dict[str, object]:
    row: dict[str, object] = {name: shown(value) for name, value in cell.values.items()}
    if outcome.summary:
        row |= dict.fromkeys(FIGURES) | dict.fromkeys(reasons, 0) | outcome.summary.as_dict()
    else:
        row |= dict.fromkeys([*FIGURES, *reasons])
    return row | {"ledger_hash": outcome.ledger_hash or None, "error": outcome.error or None}


def _figure(name: str) -> str:
    if name not in FIGURES:
        raise ValueError(f"expected a figure ({', '.join(FIGURES)}), was {name!r}")
    return name


def _text(value: object) -> str:
    match value:
        case None:
            return "–"
        case float():
            return f"{value:,.2f}"
        case _:
            return str(value)
