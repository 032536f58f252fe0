"""What is wrong with the environment."""

from __future__ import annotations

from collections.abc import Iterable


class SettingsError(ValueError):
    """One wrong setting: its name, what was expected, and what it was (never a secret's value)."""

    def __init__(self, name: str, expected: str, was: str) -> None:
        super().__init__(f"{name} must be {expected}, but was {was}")
        self.name, self.expected, self.was = name, expected, was


class InvalidSettingsError(ValueError):
    """All that is wrong with the environment, one sentence a line."""

    def __init__(self, errors: Iterable[SettingsError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))
