"""Result: what became of a mutant."""

from __future__ import annotations

import msgspec

CLEAN = "clean"
"""The name of the run without a bug."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """`killed_by` names the check that found the bug first, or how the run broke down; None if nothing
    was found. `seconds` of wall time, the start of the process included.
    """

    name: str
    killed_by: str | None
    message: str = ""
    seconds: float = 0

    @property
    def is_good(self) -> bool:
        """A bug was found, or nothing where there was none."""
        return (self.killed_by is None) == (self.name == CLEAN)
