"""The report of a run."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from crypto_exchange.entrypoints.override import override
from crypto_exchange.entrypoints.testing.violations import Violation

REQUIRED = (
    "an order of exactly the threshold",
    "an order of a cent less",
    "a balance spent to the cent",
    "an order refused for a cent",
    "a cancelled order",
    "a cancellation that came too late",
    "a repeated command",
    "a key used for another command",
    "a key used for another operation",
    "a key of another user",
    "a refused command tried again",
    "the same command several times at once",
    "the same dollars spent several times at once",
    "an order cancelled several times at once",
    "a request refused",
    "a request without a token",
    "a look at somebody else's order",
    "large orders seen to their end",
)
"""What a full run must have met at least once."""


class HttpReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at a deployment.

    `steps` are the fewest that led to the first violation; `reach` counts the situations that the run
    was in. `notes` say what was left out, or why the run ended early: none of it is a violation.
    """

    base_url: str
    seed: int
    violations: tuple[Violation, ...] = ()
    steps: tuple[str, ...] = ()
    reach: Mapping[str, int] = msgspec.field(default_factory=dict)
    requests: int = 0
    notes: tuple[str, ...] = ()
    seconds: int = 0

    @property
    def missing(self) -> list[str]:
        """What a full run meets, and this one did not."""
        return [name for name in REQUIRED if not self.reach.get(name)]

    @property
    def text(self) -> str:
        """For people."""
        return str(self)

    @override
    def __str__(self) -> str:
        """For people."""
        found = f"{len(self.violations)} violations" if self.violations else "no violation"
        lines = [
            f"{self.base_url}, seed {self.seed}, {self.requests} requests, {self.seconds} s: {found}"
        ]
        lines += [str(violation) for violation in self.violations]
        lines += [f"  {number}. {line}" for number, line in enumerate(self.steps, 1)]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)
