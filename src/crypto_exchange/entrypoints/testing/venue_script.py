"""Venue script: what can become of a purchase that is sent, and what the venue notes of it."""

from __future__ import annotations

import enum

import msgspec

from crypto_exchange.domain.purchase import Filled, Purchase, RejectionKind


class StepKind(enum.StrEnum):
    """What becomes of a purchase. What is to be executed is refused if funds or rules do not allow it."""

    FILL = "fill"
    """All of it is bought, and told."""
    PART = "part"
    """`fraction_ppm` of it is bought, and told; the order has ended."""
    ZERO = "zero"
    """It is accepted and ends with nothing bought."""
    REJECT = "reject"
    """It is refused for sure."""
    LOST_BEFORE = "lost_before"
    """It gets lost on its way there: noted as sent, never executed, no answer."""
    LOST_AFTER = "lost_after"
    """It is executed, and the answer gets lost."""
    LOST_LATE = "lost_late"
    """No answer, nothing to be found, and `delay_ms` later it is executed after all."""
    SLOW = "slow"
    """No answer; look-ups say that it is being worked on, and `delay_ms` later it is executed."""
    DUPLICATE = "duplicate"
    """It is executed, and every trade of it is told twice, always."""
    DEAF = "deaf"
    """Nobody is there: not even noted as sent."""


SILENT = frozenset({StepKind.DEAF, StepKind.LOST_BEFORE})
"""Never executed, and not answered."""
DELAYED = frozenset({StepKind.LOST_LATE, StepKind.SLOW})
"""Executed later, and not answered."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one purchase.

    Executed is `fraction_ppm` of it (0 to 1 000 000, rounded down to the unit; `FILL` means all and
    `ZERO` nothing whatever is said here), in at most `trades` uneven trades. `delay_ms` is on the
    exchange's clock, and ends at the latest 30 s after the purchase's window. A `rejection` that is
    not said is of kind `VENUE`.
    """

    kind: StepKind
    fraction_ppm: int = 1_000_000
    trades: int = 1
    rejection: RejectionKind | None = None
    delay_ms: int = 0


class Received(msgspec.Struct, frozen=True):
    """A purchase that was sent, and when it arrived (the exchange's clock)."""

    purchase: Purchase
    at_ms: int


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """What was really bought, and when (the exchange's clock).

    `late`: after the exchange had denied it. `twice`: each trade is told twice.
    """

    purchase: Purchase
    filled: Filled
    at_ms: int
    late: bool = False
    twice: bool = False

    def tell(self) -> Filled:
        """What the client hears of it."""
        return Filled(fills=self.filled.fills * 2) if self.twice else self.filled
