"""Breaches: rules that a deployment broke, raised where they are seen."""

from __future__ import annotations

from crypto_exchange.entrypoints.testing.violations import Violation


class Broken(AssertionError):
    """The deployment broke a rule."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(str(violation))
        self.violation = violation


class Stopped(BaseException):
    """The run has to end here, and no rule was broken: its time is used up, or a limit of the
    deployment is. It is no `Exception`, so that nobody who tries things out catches it.
    """


class InDoubt(Exception):
    """Whether a command was done is not known: there was no answer, or only that it is unavailable."""


def expect(check: str, holds: bool, expected: str, was: object) -> None:
    """Raise `Broken` unless it holds."""
    if not holds:
        raise Broken(Violation(check, f"expected {expected}, was {was}"))
