"""What a check found."""

from __future__ import annotations

import msgspec

from crypto_exchange.entrypoints.override import override


class Violation(msgspec.Struct, frozen=True):
    """A rule that did not hold: which, what was expected and what was found.

    `check` begins with the invariant's number, as in "I3 one outcome". `record` is the place in the
    history (counted from 1) after which it was seen; None if it belongs to none.
    """

    check: str
    message: str
    record: int | None = None

    @override
    def __str__(self) -> str:
        """One line for people."""
        where = "" if self.record is None else f" (record {self.record})"
        return f"{self.check}: {self.message}{where}"
