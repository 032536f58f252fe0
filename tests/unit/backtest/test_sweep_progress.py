"""Long work says on one line how far it is, and only to a terminal."""

from __future__ import annotations

import io
import sys

import pytest
from typing_extensions import override

from crypto_exchange.entrypoints.backtest.progress import Line, ticking


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def test_the_line_says_how_many_are_done_how_fast_and_how_long_it_still_takes() -> None:
    clock, stream = iter([0.0, 2.0, 4.0]), io.StringIO()
    line = Line("cells", stream, lambda: next(clock))

    for done in (0, 4, 16):
        line.tell(done, 16)
    line.end()

    first, second, last = stream.getvalue().removeprefix("\r").split("\r")
    assert first == "0 of 16 cells"
    assert second == "4 of 16 cells, 2 a second, 6 s left"
    assert last == "16 of 16 cells, 4 a second, 0 s left\n"


def test_what_was_done_before_does_not_count_for_the_speed() -> None:
    clock, stream = iter([0.0, 1.0]), io.StringIO()
    line = Line("cells", stream, lambda: next(clock))

    line.tell(10, 16)
    line.tell(12, 16)

    assert stream.getvalue().endswith("12 of 16 cells, 2 a second, 2 s left")


def test_the_line_is_written_ten_times_a_second_at_most_and_at_the_end() -> None:
    clock, stream = iter([0.0, 0.01, 0.02, 0.03]), io.StringIO()
    line = Line("orders", stream, lambda: next(clock))

    for done in (0, 1, 2, 3):
        line.tell(done, 3)

    assert stream.getvalue().count("\r") == 2
    assert "\r3 of 3 orders" in stream.getvalue()


def test_a_shorter_text_leaves_nothing_of_a_longer_one() -> None:
    clock, stream = iter([0.0, 1.0, 9.0]), io.StringIO()
    line = Line("cells", stream, lambda: next(clock))

    for done in (0, 1, 2_000):
        line.tell(done, 2_000)

    *_, before, after = stream.getvalue().split("\r")
    assert len(after) >= len(before)


@pytest.mark.parametrize(
    ("stream", "progress", "is_written"),
    [
        (Terminal, None, True),
        (Terminal, False, False),
        (io.StringIO, None, False),
        (io.StringIO, True, True),
    ],
)
def test_only_a_terminal_is_told_unless_it_is_asked_for(
    stream: type[io.StringIO],
    progress: bool | None,
    is_written: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = stream()
    monkeypatch.setattr(sys, "stderr", screen)

    with ticking(progress, "cells") as tell:
        tell(1, 2)

    assert (screen.getvalue() == "\r1 of 2 cells\n") == is_written
    assert bool(screen.getvalue()) == is_written


def test_a_function_is_told_instead(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[int, int]] = []

    with ticking(lambda done, of: told.append((done, of)), "cells") as tell:
        tell(1, 2)

    assert told == [(1, 2)]
    assert capsys.readouterr().err == ""
