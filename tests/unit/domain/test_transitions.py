"""State machines: every (state, trigger) is in its table, or a bug."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import msgspec
import pytest

from crypto_exchange.domain import order as orders
from crypto_exchange.domain.batch import BATCH_TRANSITIONS, Batch, BatchState, BatchTrigger, close
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.order import (
    FINAL_STATES,
    ORDER_TRANSITIONS,
    Order,
    OrderState,
    OrderTrigger,
    Reason,
    next_order_state,
)
from crypto_exchange.domain.purchase import (
    PURCHASE_TRANSITIONS,
    PurchaseState,
    PurchaseTrigger,
    move,
)
from tests.builders import a_purchase, an_open_batch, an_order

ORDER_CASES = list(product(OrderState, OrderTrigger))
BATCH_CASES = list(product(BatchState, BatchTrigger))
PURCHASE_CASES = list(product(PurchaseState, PurchaseTrigger))


BY_TRIGGER: dict[OrderTrigger, Callable[[Order], Order]] = {
    OrderTrigger.SEAL: lambda order: orders.seal(order, "key"),
    OrderTrigger.RETURN: orders.release,
    OrderTrigger.DELIVER: lambda order: orders.deliver(
        order, order.quantity, order.total, whole=True
    ),
    OrderTrigger.DELIVER_PART: lambda order: orders.deliver(
        order, order.quantity - 1, order.total, whole=False
    ),
    OrderTrigger.FAIL: lambda order: orders.fail(order, Reason.DEADLINE),
    OrderTrigger.CANCEL: orders.cancel,
    OrderTrigger.CLEAR: lambda order: orders.clear(
        msgspec.structs.replace(order, reason=Reason.UNDER_REVIEW)
    ),
}
"""What a trigger names, done to an order."""


@pytest.mark.parametrize(("state", "trigger"), ORDER_CASES)
def test_an_order_moves_as_its_table_says_or_not_at_all(
    state: OrderState, trigger: OrderTrigger
) -> None:
    order = msgspec.structs.replace(an_order("1"), state=state)
    after = ORDER_TRANSITIONS.get((state, trigger))

    if after is None:
        with pytest.raises(InvariantViolation, match=f"cannot {trigger.value} while {state.value}"):
            BY_TRIGGER[trigger](order)
    else:
        moved = BY_TRIGGER[trigger](order)
        assert (moved.state, moved.version) == (after, order.version + 1)
        assert next_order_state(state, trigger) is after


@pytest.mark.parametrize(("state", "trigger"), BATCH_CASES)
def test_a_batch_moves_as_its_table_says_or_not_at_all(
    state: BatchState, trigger: BatchTrigger
) -> None:
    batch: Batch = msgspec.structs.replace(an_open_batch(used="1").batch, state=state)
    after = BATCH_TRANSITIONS.get((state, trigger))

    if after is None:
        with pytest.raises(InvariantViolation, match=f"cannot {trigger.value} while {state.value}"):
            close(batch, trigger)
    else:
        closed = close(batch, trigger)
        assert (closed.state, closed.live, closed.used, closed.surplus) == (after, False, 0, 0)
        assert closed.version == batch.version + 1


@pytest.mark.parametrize(("state", "trigger"), PURCHASE_CASES)
def test_a_purchase_ends_as_its_table_says_or_not_at_all(
    state: PurchaseState, trigger: PurchaseTrigger
) -> None:
    purchase = msgspec.structs.replace(a_purchase("1"), state=state)
    after = PURCHASE_TRANSITIONS.get((state, trigger))

    if after is None:
        with pytest.raises(InvariantViolation, match=f"{trigger.value} while {state.value}"):
            move(purchase, trigger)
    else:
        assert move(purchase, trigger).state is after


def test_what_no_transition_leaves_is_final() -> None:
    open_states = {OrderState.PENDING, OrderState.AGGREGATED}

    assert set(OrderState) - open_states == FINAL_STATES


def test_every_state_but_the_first_can_be_reached() -> None:
    assert set(ORDER_TRANSITIONS.values()) == set(OrderState)
    assert set(BATCH_TRANSITIONS.values()) == set(BatchState) - {BatchState.SEALED}
    assert set(PURCHASE_TRANSITIONS.values()) == set(PurchaseState) - {PurchaseState.SUBMITTING}


def test_a_direct_order_that_is_released_stays_pending() -> None:
    sealed = orders.seal(an_order("10", direct=True), "key")

    released = orders.release(sealed)

    assert (released.state, released.batch) == (OrderState.PENDING, None)
    assert released.version == sealed.version + 1


def test_an_order_that_got_nothing_has_failed_and_is_refunded_whole() -> None:
    sealed = orders.seal(an_order("10"), "key")

    ended = orders.deliver(sealed, 0, 0, whole=False)

    assert (ended.state, ended.reason) == (OrderState.FAILED, Reason.UNFILLED)
    assert (ended.refunded, sealed.refunded) == (ended.total, 0)


def test_the_name_of_an_attempt_fits_the_exchange() -> None:
    name = a_purchase("1").client_order_id

    assert name == f"{a_purchase('1').batch}-1"
    assert len(msgspec.structs.replace(a_purchase("1"), attempt=10**9).client_order_id) <= 36
