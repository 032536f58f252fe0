"""What a report says of a sweep: its maps, its frontier, its cells, and those that failed."""

from __future__ import annotations

from decimal import Decimal

from crypto_exchange.entrypoints.backtest.reports.drawing import titled
from crypto_exchange.entrypoints.backtest.reports.lengths import written_s
from crypto_exchange.entrypoints.backtest.reports.pictures_svg import to_svg
from crypto_exchange.entrypoints.backtest.reports.report_markup import Markup, join, table, tag
from crypto_exchange.entrypoints.backtest.sweeps.frontier import Frontier, Row
from crypto_exchange.entrypoints.backtest.sweeps.sweep import Sweep

MAPPED = ("cost_bps", "wait_p95_s", "house_result_bps")
"""The figures that there is a map of."""
FIGURES = (
    *("orders_completed", "orders_failed", "wait_p50_s", "wait_p95_s", "cost_bps", "delay_bps"),
    *("fee_bps", "house_result_bps", "calls"),
)
"""Those that the table of cells has."""
MOST_CELLS = 200
_UNITS = {"bps": "bps", "usd": "USD"}
_WIDTH, _HEIGHT = 4.6, 3.3


def sections_of(sweep: Sweep) -> list[tuple[str, str, Markup]]:
    """The parts of a page on a sweep: anchor, title, content."""
    found = [("frontier", "Frontier of the sweep", _show_frontier(sweep.frontier()))]
    if sweep.names:
        found.append(("maps", "Maps of the sweep", _show_maps(sweep)))
    found.append(("cells", "Cells of the sweep", _show_cells(sweep)))
    if sweep.failed:
        found.append(("errors", "Cells that failed", _show_failures(sweep)))
    return found


def tell_sweep(sweep: Sweep) -> str:
    """One sentence on what a sweep found."""
    frontier = sweep.frontier()
    failed = f", {len(sweep.failed):,} failed" if sweep.failed else ""
    if not frontier.points:
        return f"None of {len(sweep):,} combinations got coins for anybody{failed}."
    fastest, cheapest = frontier.points[0], frontier.points[-1]
    told = (
        f"Of {len(sweep):,} combinations tried{failed}, {len(frontier.points):,} are beaten by no other "
        f"in both waiting and cost: from {_place(frontier, fastest)}"
    )
    if fastest is not cheapest:
        told += f" to {_place(frontier, cheapest)}"
    return f"{told}."


def _place(frontier: Frontier, row: Row) -> str:
    values = ", ".join(f"{name.replace('_', ' ')} {row[name]}" for name in frontier.names)
    return (
        f"95 % within {_shown('wait_p95_s', row[frontier.x])} at {_shown('', row[frontier.y])} bps "
        f"({values or 'the only one'})"
    )


def _show_frontier(frontier: Frontier) -> Markup:
    figure = frontier.plot()
    figure.set_size_inches(_WIDTH, _HEIGHT)
    [axes] = figure.axes
    legend = axes.get_legend()
    if legend is not None:  # the table beside it has the same
        legend.remove()
    for number in axes.texts:
        number.set_fontsize("medium")
    told = (
        f"Each dot is a cell: {titled(frontier.x)} against {titled(frontier.y)}, less is better. Through "
        "the numbered ones goes the frontier: no other cell is better in one and as good in the other."
    )
    picture = to_svg(figure, "sweep-frontier", "The efficient frontier", told)
    heads = ("no.", *map(_named, frontier.names), _named(frontier.x), _named(frontier.y))
    rows = [
        [str(number), *(str(row[name]) for name in frontier.names), *_figures(row, frontier)]
        for number, row in _numbered(frontier)
    ]
    efficient = table("Efficient cells", heads, rows, numbers=range(len(heads) - 2, len(heads)))
    shown = tag("figure", picture, tag("figcaption", told))
    return tag("div", shown, *([efficient] if rows else []), class_="pictures")


def _numbered(frontier: Frontier) -> list[tuple[int, Row]]:
    """Cells at the same place have the same number, as in the picture."""
    places = [(row[frontier.x], row[frontier.y]) for row in frontier.points]
    numbers = {place: number for number, place in enumerate(dict.fromkeys(places), 1)}
    return [(numbers[place], row) for place, row in zip(places, frontier.points, strict=True)]


def _figures(row: Row, frontier: Frontier) -> list[str]:
    return [_shown(frontier.x, row[frontier.x]), _shown(frontier.y, row[frontier.y])]


def _show_maps(sweep: Sweep) -> Markup:
    return tag("div", *(_show_map(sweep, value) for value in MAPPED), class_="pictures")


def _show_map(sweep: Sweep, value: str) -> Markup:
    figure = sweep.heatmap(value)
    figure.set_size_inches(_WIDTH, _HEIGHT)
    axes = figure.axes[0]
    axes.set_title("")
    told = "Of cells that differ in other values, the least." if len(sweep.names) > 2 else ""
    title = titled(value)
    picture = to_svg(
        figure, f"map-{value}".replace("_", "-"), title, f"{title} of every cell. {told}"
    )
    return tag("figure", tag("h3", title), picture, tag("figcaption", told))


def _show_cells(sweep: Sweep) -> Markup:
    rows = sweep.table
    efficient = [_key(row, sweep) for row in sweep.frontier().points]
    heads = (*map(_named, sweep.grid), *map(_named, FIGURES), "efficient")
    lines = [
        [
            *(str(row[name]) for name in sweep.grid),
            *(_shown(name, row[name]) for name in FIGURES),
            "yes" if _key(row, sweep) in efficient else "",
        ]
        for row in rows[:MOST_CELLS]
    ]
    more, figures = len(rows) - MOST_CELLS, range(len(sweep.grid), len(heads) - 1)
    rest = tag("p", f"… and {more:,} more cells, which Sweep.table has.") if more > 0 else ""
    return join([table(f"{len(rows):,} cells", heads, lines, numbers=figures), rest])


def _show_failures(sweep: Sweep) -> Markup:
    heads = (*map(_named, sweep.grid), "error")
    lines = [[*(str(row[name]) for name in sweep.grid), str(row["error"])] for row in sweep.failed]
    return table("Errors", heads, lines[:MOST_CELLS])


def _key(row: Row, sweep: Sweep) -> tuple[object, ...]:
    return tuple(row[name] for name in sweep.grid)


def _named(name: str) -> str:
    """As the head of a column; seconds are written with a unit of their own."""
    words = name.removesuffix("_s").split("_")
    unit = _UNITS.get(words[-1])
    return " ".join([*words[:-1], f"({unit})"] if unit else words)


def _shown(name: str, value: object) -> str:
    match value:
        case None:
            return "n/a"
        case float() if name.endswith("_s"):
            return written_s(value)
        case int():
            return f"{value:,}"
        case float() | Decimal():
            return f"{value:,.2f}"
        case _:
            return str(value)
