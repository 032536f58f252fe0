"""History: what happened in a run, and everything needed to run it again."""

from __future__ import annotations

import enum
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from crypto_exchange import __version__
from crypto_exchange.entrypoints.testing.steps import AnyStep, Setup
from crypto_exchange.entrypoints.testing.violations import Violation

TOLD = 5
"""So many violations are told at once."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A run: its setup, seed and steps; the records of all that was committed; what checks found.

    `reach` counts the situations that it was in. `at_us` is the time when it ended.
    """

    setup: Setup
    seed: int
    steps: tuple[AnyStep, ...]
    records: tuple[Mapping[str, Any], ...]
    violations: tuple[Violation, ...]
    reach: Mapping[str, int]
    at_us: int

    def lines(self) -> Iterator[str]:
        """The records as JSON lines, as `check-history` reads them."""
        for record in self.records:
            yield json.dumps(record, separators=(",", ":"), sort_keys=True)

    def digest(self) -> str:
        """SHA-256 of the lines: equal for equal histories, bit for bit."""
        hashed = hashlib.sha256()
        for line in self.lines():
            hashed.update(line.encode() + b"\n")
        return hashed.hexdigest()

    def write(self, path: Path) -> None:
        """Write the records as JSON lines."""
        path.write_text("".join(f"{line}\n" for line in self.lines()), encoding="utf-8")

    def require_sound(self) -> None:
        """Raise `AssertionError` with a report if any check found anything."""
        if self.violations:
            raise AssertionError(self.report())

    def report(self) -> str:
        """What was found, and a test that finds it again."""
        kinds = Counter(violation.check for violation in self.violations)
        more = len(self.violations) - TOLD
        return "\n".join(
            [
                f"{len(self.violations)} violations of {len(kinds)} rules"
                f" (crypto-exchange {__version__}, seed {self.seed}, {len(self.steps)} steps):",
                *(f"  {violation}" for violation in self.violations[:TOLD]),
                *([f"  and {more} more"] if more > 0 else []),
                "",
                "To see it again:",
                "",
                regression(self.setup, self.seed, self.steps),
            ]
        )


def regression(setup: Setup, seed: int, steps: Sequence[AnyStep]) -> str:
    """A test of these steps, to be pasted."""
    names = sorted({"replay", *_names((setup, tuple(steps)))})
    return "\n".join(
        [
            f"from crypto_exchange.testing import {', '.join(names)}",
            "",
            "",
            "def test_found_by_the_testing_kit():",
            f"    steps = [{''.join(f'{chr(10)}        {_source(step)},' for step in steps)}",
            "    ]",
            f"    replay(steps, setup={_source(setup)}, seed={seed}).require_sound()",
        ]
    )


def _names(value: object) -> Iterator[str]:
    """The kit's classes that are needed to write a value."""
    if isinstance(value, tuple):
        for each in value:
            yield from _names(each)
    if isinstance(value, msgspec.Struct):
        yield type(value).__name__
        yield from _names(tuple(getattr(value, name) for name in value.__struct_fields__))


def _source(value: object) -> str:
    """A value as it is written in a program, without what has its default."""
    if isinstance(value, tuple):
        return f"({''.join(f'{_source(each)}, ' for each in value).rstrip()})"
    if isinstance(value, enum.Enum):
        return repr(value.value)
    if not isinstance(value, msgspec.Struct):
        return repr(value)
    shown = (
        f"{field.name}={_source(getattr(value, field.name))}"
        for field in msgspec.structs.fields(value)
        if field.required or getattr(value, field.name) != field.default
    )
    return f"{type(value).__name__}({', '.join(shown)})"
