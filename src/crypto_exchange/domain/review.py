"""Review: what the fraud rules have held, until an operator releases or refuses it, or it expires.

A held order is `pending` with reason `under_review`: its money is in suspense and it is in no plan. A
held withdrawal has moved nothing; its release lets one of at most that amount pass within a day.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from crypto_exchange.domain.activity import DAY_US
from crypto_exchange.domain.errors import InvariantViolation, WrongState
from crypto_exchange.domain.ids import OrderId, UserId
from crypto_exchange.domain.kind import Kind

RELEASE_US = DAY_US
"""For how long a released withdrawal may be made."""


class ReviewKind(Kind):
    """What is held."""

    ORDER = "order"
    WITHDRAWAL = "withdrawal"


class ReviewState(Kind):
    """Where a review stands. A released withdrawal that was made is `used`; so all but `open` and a
    `released` withdrawal's are final.
    """

    OPEN = "open"
    RELEASED = "released"
    REFUSED = "refused"
    EXPIRED = "expired"
    USED = "used"


class ReviewTrigger(Kind):
    """What can happen to a review."""

    RELEASE = "release"
    REFUSE = "refuse"
    EXPIRE = "expire"
    USE = "use"


REVIEW_TRANSITIONS: dict[tuple[ReviewState, ReviewTrigger], ReviewState] = {
    (ReviewState.OPEN, ReviewTrigger.RELEASE): ReviewState.RELEASED,
    (ReviewState.OPEN, ReviewTrigger.REFUSE): ReviewState.REFUSED,
    (ReviewState.OPEN, ReviewTrigger.EXPIRE): ReviewState.EXPIRED,
    (ReviewState.RELEASED, ReviewTrigger.USE): ReviewState.USED,
}


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """`amount` in 10⁻⁸ dollars: an order's total, or what was to be withdrawn. `risk` is the assessment
    as it is kept in orders. `decided_by` is the operator (the house: by the service, or at a terminal).
    """

    user_id: UserId
    id: str
    kind: ReviewKind
    order_id: OrderId | None = None
    amount: int
    risk: str
    state: ReviewState = ReviewState.OPEN
    opened_at_us: int
    decided_at_us: int = 0
    decided_by: UserId = 0
    version: int = 0

    def lets_pass(self, amount: int, at_us: int) -> bool:
        """Whether it is a release by which a withdrawal of so much may be made now."""
        return (
            self.kind is ReviewKind.WITHDRAWAL
            and self.state is ReviewState.RELEASED
            and amount <= self.amount
            and at_us < self.decided_at_us + RELEASE_US
        )


def is_live(review: Review) -> bool:
    """Whether something may still become of it: it is open, or a released withdrawal."""
    released = review.kind is ReviewKind.WITHDRAWAL and review.state is ReviewState.RELEASED
    return released or review.state is ReviewState.OPEN


def decide(review: Review, trigger: ReviewTrigger, *, by: UserId, at_us: int) -> Review:
    """Close an open review.

    Raises:
        WrongState: somebody has, or it has expired.
    """
    after = REVIEW_TRANSITIONS.get((review.state, trigger))
    if after is None:
        was = review.state.value
        raise WrongState(f"review {review.id}", f"state {ReviewState.OPEN.value}", was)
    version = review.version + 1
    return replace(review, state=after, decided_at_us=at_us, decided_by=by, version=version)


def use(review: Review) -> Review:
    """Make the withdrawal that a release allows."""
    after = REVIEW_TRANSITIONS.get((review.state, ReviewTrigger.USE))
    if after is None:
        raise InvariantViolation(f"a review cannot be used while {review.state.value}")
    return replace(review, state=after, version=review.version + 1)
