"""One line at the terminal that says how far a long piece of work is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeAlias

Tick: TypeAlias = Callable[[int, int], None]
"""Is told how many are done, and of how many."""
Progress: TypeAlias = bool | Tick | None
"""None: a line on standard error if that is a terminal; True or False: always or never; or whom to tell."""

_EVERY_S = 0.1


@contextmanager
def ticking(progress: Progress, what: str) -> Iterator[Tick]:
    """Whom to tell about progress, first of what is done before it begins; `what` is counted ("cells")."""
    if callable(progress):
        yield progress
    elif progress or (progress is None and sys.stderr.isatty()):
        line = Line(what, sys.stderr, time.monotonic)
        try:
            yield line.tell
        finally:
            line.end()
    else:
        yield _nobody


class Line:
    """A line that is written over: how many are done, how many a second, how much time is left."""

    def __init__(self, what: str, stream: TextIO, clock: Callable[[], float]) -> None:
        self._what, self._stream, self._clock = what, stream, clock
        self._began: tuple[int, float] | None = None
        self._written_s = float("-inf")
        self._width = 0

    def tell(self, done: int, of: int) -> None:
        """Write the line, but for the last one not more than ten times a second."""
        now_s = self._clock()
        if self._began is None:
            self._began = done, now_s
        elif done < of and now_s - self._written_s < _EVERY_S:
            return
        self._written_s = now_s
        text = f"{done:,} of {of:,} {self._what}{self._rate(done, of, now_s)}"
        self._stream.write(f"\r{text:<{self._width}}")
        self._stream.flush()
        self._width = len(text)

    def end(self) -> None:
        """Go to the next line."""
        if self._width:
            self._stream.write("\n")
            self._stream.flush()

    def _rate(self, done: int, of: int, now_s: float) -> str:
        before, since_s = self._began or (0, now_s)
        if done == before or now_s <= since_s:
            return ""
        rate = (done - before) / (now_s - since_s)
        return f", {rate:,.3g} a second, {(of - done) / rate:,.0f} s left"


def _nobody(_done: int, _of: int) -> None:
    """Is told, and does nothing."""
