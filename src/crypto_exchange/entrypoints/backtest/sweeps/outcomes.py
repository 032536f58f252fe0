"""What became of a sweep's cells, and the file that keeps it, so that a sweep can go on later."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from crypto_exchange.entrypoints.backtest.figures.summary import Summary


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one cell came to: a summary and the ledger's hash, or else the error that ended it."""

    run_id: str
    ledger_hash: str = ""
    summary: Summary | None = None
    error: str = ""


class _Line(msgspec.Struct, frozen=True):
    """A line of the file; its summary may be of another version."""

    run_id: str
    ledger_hash: str
    summary: msgspec.Raw


_BEGINNING = b'{"run_id":"'
"""Of each line."""


class Kept:
    """Finished cells in a file of JSON lines, each written whole before the next one is run.

    Cells that ended with an error are not kept: they are tried again. Half a line at the end, as a
    process leaves it that was killed, is cut off.
    """

    def __init__(self, path: Path) -> None:
        """Read what is there, and be ready to add to it.

        Raises:
            OSError: it can't be read or written.
            ValueError: it holds something else.
        """
        self._lines: dict[str, _Line] = {}
        self._file = path.open("a+b")
        try:
            self._read(path, self._file)
        except ValueError:
            self._file.close()
            raise

    def __enter__(self) -> Kept:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._lines)

    def find(self, run_id: str) -> Outcome | None:
        """What became of a cell, if it is finished."""
        line = self._lines.get(run_id)
        if line is None:
            return None
        try:
            summary = msgspec.json.decode(line.summary, type=Summary)
        except msgspec.ValidationError:  # other figures were wanted when it was written
            return None
        return Outcome(run_id=run_id, ledger_hash=line.ledger_hash, summary=summary)

    def add(self, outcome: Outcome) -> None:
        """Write down a cell that is finished; not one that ended with an error."""
        if not outcome.error:
            self._file.write(msgspec.json.encode(outcome) + b"\n")
            self._file.flush()

    def clear(self) -> None:
        """Forget everything."""
        self._lines.clear()
        self._file.truncate(0)

    def _read(self, path: Path, file: BinaryIO) -> None:
        file.seek(0)
        *lines, half = file.read().split(b"\n")
        for number, text in enumerate(lines, 1):
            try:
                line = msgspec.json.decode(text, type=_Line)
            except msgspec.DecodeError:
                said = text[:40].decode(errors="replace")
                raise ValueError(
                    f"{path}, line {number}: expected a finished cell of a sweep, was {said!r}"
                ) from None
            self._lines[line.run_id] = line
        if not (lines or half.startswith(_BEGINNING) or _BEGINNING.startswith(half)):
            raise ValueError(f"{path}: expected finished cells of a sweep, was something else")
        file.truncate(file.tell() - len(half))
