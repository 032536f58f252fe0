"""What a command ends with when it can't do what was asked."""

from __future__ import annotations


class CommandError(Exception):
    """A sentence for the person at the terminal, and the exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
