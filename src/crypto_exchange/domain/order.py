"""Order: a purchase by one user, and its state machine.

An order is `pending` while it is being bought: a direct one from placement on, a small one once its
batch is sealed. A small one waits as `aggregated` until then, and is `aggregated` again when the
exchange turned its batch away for reasons of its own. The four other states are final.

One that the fraud rules hold is `pending` too, with the reason `under_review`, and nothing is bought for
it until it is released: then it is what it would have been from the start.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.ids import BatchKey, OrderId, Symbol, UserId
from crypto_exchange.domain.kind import Kind
from crypto_exchange.domain.policy import OnDeadline, Policy, Pricing


class OrderState(Kind):
    """Where an order stands."""

    PENDING = "pending"
    AGGREGATED = "aggregated"
    COMPLETED = "completed"
    PARTIALLY_COMPLETED = "partially_completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class OrderTrigger(Kind):
    """What can happen to an order."""

    SEAL = "seal"
    RETURN = "return"
    DELIVER = "deliver"
    DELIVER_PART = "deliver_part"
    FAIL = "fail"
    CANCEL = "cancel"
    CLEAR = "clear"


class Reason(Kind):
    """Why an order failed; `under_review` alone is why an open one is held."""

    PRICE_MOVED = "price_moved"
    DEADLINE = "deadline"
    EXCHANGE_REJECTED = "exchange_rejected"
    UNFILLED = "unfilled"
    UNDER_REVIEW = "under_review"
    REFUSED = "refused"


ORDER_TRANSITIONS: dict[tuple[OrderState, OrderTrigger], OrderState] = {
    (OrderState.AGGREGATED, OrderTrigger.SEAL): OrderState.PENDING,
    (OrderState.AGGREGATED, OrderTrigger.FAIL): OrderState.FAILED,
    (OrderState.AGGREGATED, OrderTrigger.CANCEL): OrderState.CANCELLED,
    # A direct order is pending before it is sealed too, and stays so when it is returned.
    (OrderState.PENDING, OrderTrigger.SEAL): OrderState.PENDING,
    (OrderState.PENDING, OrderTrigger.RETURN): OrderState.AGGREGATED,
    # Held by the fraud rules until here; a direct one stays pending.
    (OrderState.PENDING, OrderTrigger.CLEAR): OrderState.AGGREGATED,
    (OrderState.PENDING, OrderTrigger.DELIVER): OrderState.COMPLETED,
    (OrderState.PENDING, OrderTrigger.DELIVER_PART): OrderState.PARTIALLY_COMPLETED,
    (OrderState.PENDING, OrderTrigger.FAIL): OrderState.FAILED,
}
FINAL_STATES = frozenset(OrderState) - {state for state, _ in ORDER_TRANSITIONS}

# What happens to every order, at hand: Python 3.11 takes as long to find a member of an enumeration as
# to make an object.
_SEAL, _DELIVER, _DELIVER_PART = OrderTrigger.SEAL, OrderTrigger.DELIVER, OrderTrigger.DELIVER_PART


class Order(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`quantity` and `filled` in the asset's units, `unit_price` in 10⁻¹² dollars without the spread.

    With pricing `average`, `quantity` is an estimate, which `filled` may exceed. `total` is what the
    wallet was debited (10⁻⁸ dollars, whole cents), `charged` what of it was spent
    when the order ended. `batch` names the live batch of a pending order, `risk` what the fraud rules
    said of it ("": they were not asked).
    """

    user_id: UserId
    id: OrderId
    asset: Symbol
    quantity: int
    unit_price: int
    total: int
    direct: bool
    pricing: Pricing = Pricing.QUOTED
    state: OrderState
    created_at_us: int
    reason: Reason | None = None
    batch: BatchKey | None = None
    filled: int = 0
    charged: int = 0
    version: int = 0
    risk: str = ""

    @property
    def held(self) -> bool:
        """Whether the fraud rules hold it: then it is in no plan."""
        return self.reason is Reason.UNDER_REVIEW

    @property
    def refunded(self) -> int:
        """What came back to the wallet, 10⁻⁸ dollars; 0 while the order is open."""
        return self.total - self.charged if self.state in FINAL_STATES else 0

    def is_overdue(self, policy: Policy, at_us: int) -> bool:
        """Whether the longest wait is over, counted from placement."""
        return at_us >= self.created_at_us + policy.max_wait_us

    def must_leave(self, policy: Policy, at_us: int) -> bool:
        """Whether the order is refunded if it cannot be bought now."""
        return policy.on_deadline is not OnDeadline.WAIT and self.is_overdue(policy, at_us)


def is_loose(order: Order) -> bool:
    """Whether an open order waits to be bought: it is in no batch, and not held."""
    return order.batch is None and order.reason is None


def next_order_state(state: OrderState, trigger: OrderTrigger) -> OrderState:
    """Look the transition up.

    Raises:
        InvariantViolation: this cannot happen to an order in this state.
    """
    after = ORDER_TRANSITIONS.get((state, trigger))
    if after is None:
        raise InvariantViolation(f"an order cannot {trigger.value} while {state.value}")
    return after


def seal(order: Order, batch: BatchKey) -> Order:
    """Bind a waiting order to a batch."""
    state = next_order_state(order.state, _SEAL)
    return replace(order, state=state, batch=batch, version=order.version + 1)


def release(order: Order) -> Order:
    """Let an order of an ended batch wait again; a direct one stays pending."""
    if order.direct:
        return replace(order, batch=None, version=order.version + 1)
    state = next_order_state(order.state, OrderTrigger.RETURN)
    return replace(order, state=state, batch=None, version=order.version + 1)


def hold(order: Order) -> Order:
    """Keep an order that is being placed from being bought, until somebody has looked at it."""
    return replace(order, state=OrderState.PENDING, reason=Reason.UNDER_REVIEW)


def clear(order: Order) -> Order:
    """Let a held order go on: a small one waits for others, a direct one is bought at once.

    Raises:
        InvariantViolation: it is not held.
    """
    after = next_order_state(order.state, OrderTrigger.CLEAR)
    if not order.held:
        raise InvariantViolation(f"order {order.id} is not held")
    state = order.state if order.direct else after
    return replace(order, state=state, reason=None, version=order.version + 1)


def deliver(order: Order, filled: int, charged: int, *, whole: bool) -> Order:
    """End a pending order with what it got and what that cost; nothing got is a failure."""
    if filled == 0:
        return fail(order, Reason.UNFILLED)
    state = next_order_state(order.state, _DELIVER if whole else _DELIVER_PART)
    return replace(order, state=state, filled=filled, charged=charged, version=order.version + 1)


def fail(order: Order, reason: Reason) -> Order:
    """End an order with nothing bought, everything refunded."""
    state = next_order_state(order.state, OrderTrigger.FAIL)
    return replace(order, state=state, reason=reason, version=order.version + 1)


def cancel(order: Order) -> Order:
    """End a waiting order by its owner's wish."""
    state = next_order_state(order.state, OrderTrigger.CANCEL)
    return replace(order, state=state, version=order.version + 1)
