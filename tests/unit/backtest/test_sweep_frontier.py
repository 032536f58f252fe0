"""The frontier holds every cell that no other beats, and says what became of the rest."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from crypto_exchange.entrypoints.backtest.sweeps.frontier import Row, find_frontier

NAMES = ("threshold",)
FIGURES = st.one_of(st.none(), st.integers(0, 5), st.floats(0, 5), st.just(math.nan))
ROWS = st.lists(st.tuples(FIGURES, FIGURES), max_size=12).map(
    lambda pairs: [{"threshold": n, "x": x, "y": y} for n, (x, y) in enumerate(pairs)]
)


def rows(*pairs: tuple[object, object]) -> list[Row]:
    return [{"threshold": str(n), "x": x, "y": y} for n, (x, y) in enumerate(pairs)]


def chosen(found: tuple[Row, ...]) -> list[object]:
    return [row["threshold"] for row in found]


def test_who_is_beaten_in_both_is_dominated() -> None:
    frontier = find_frontier(rows((3, 1), (1, 3), (3, 3), (2, 2)), "x", "y", NAMES)

    assert chosen(frontier.points) == ["1", "3", "0"]
    assert chosen(frontier.dominated) == ["2"]


def test_less_of_one_and_as_much_of_the_other_is_enough_to_beat() -> None:
    frontier = find_frontier(rows((1, 1), (1, 2), (2, 1)), "x", "y", NAMES)

    assert chosen(frontier.points) == ["0"]
    assert chosen(frontier.dominated) == ["1", "2"]


def test_equal_cells_do_not_beat_each_other() -> None:
    frontier = find_frontier(rows((1, 2), (2, 1), (1, 2)), "x", "y", NAMES)

    assert chosen(frontier.points) == ["0", "2", "1"]


def test_exact_numbers_and_others_are_compared_as_numbers() -> None:
    frontier = find_frontier(rows((Decimal("1.5"), 2), (1, 2.5)), "x", "y", NAMES)

    assert chosen(frontier.points) == ["1", "0"]


def test_cells_without_a_figure_are_named() -> None:
    frontier = find_frontier(rows((1, None), (math.nan, 1), (1, 1)), "x", "y", NAMES)

    assert chosen(frontier.without) == ["0", "1"]
    assert "without figures: threshold=0; threshold=1" in repr(frontier)


@given(ROWS)
def test_nothing_beats_a_point_and_a_point_beats_everything_else(drawn: list[Row]) -> None:
    frontier = find_frontier(drawn, "x", "y", NAMES)

    usable = [*frontier.points, *frontier.dominated]
    assert len(usable) + len(frontier.without) == len(drawn)
    assert not any(beats(other, point) for other in usable for point in frontier.points)
    for row in frontier.dominated:
        assert any(beats(point, row) for point in frontier.points)


def beats(one: Row, other: Row) -> bool:
    at_most = all(one[axis] <= other[axis] for axis in "xy")  # type: ignore[operator]  # numbers
    return at_most and any(one[axis] != other[axis] for axis in "xy")


def test_the_picture_labels_the_cells_and_joins_the_efficient_ones() -> None:
    frontier = find_frontier(rows((1, 3), (90, 1), (95, 2)), "x", "y", NAMES)

    figure = frontier.plot()

    [axes] = figure.axes
    assert isinstance(figure, Figure)
    assert [text.get_text() for text in axes.texts] == ["1", "2"]
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_title().get_text() == "threshold"
    assert [text.get_text() for text in legend.get_texts()] == [
        "beaten in both",
        "efficient",
        "0",
        "1",
    ]
    assert np.asarray(axes.lines[0].get_xydata()).tolist() == [[1.0, 3.0], [90.0, 1.0]]
    assert axes.get_xscale() == "log"


def test_cells_at_the_same_place_are_written_below_each_other() -> None:
    frontier = find_frontier(rows(*[(1, 1)] * 5), "x", "y", NAMES)

    [axes] = frontier.plot().axes

    assert [text.get_text() for text in axes.texts] == ["1"]
    assert axes.lines[-1].get_label() == "0\n1\n2\nand 2 more"


def test_without_any_figure_there_is_an_empty_picture() -> None:
    frontier = find_frontier(rows((None, 1)), "x", "y", NAMES)

    assert len(frontier.plot().axes[0].lines) == 0
    assert repr(frontier).startswith("x against y: 0 efficient cells\n")
