"""Attempts: what follows when the exchange refused, never got it, or cannot be asked."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.domain.attempt import (
    give_up_absent,
    postpone,
    proves_absence,
    reject,
)
from crypto_exchange.domain.batch import Batch, BatchKind, BatchState
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.events import (
    BatchRefunded,
    BatchReturned,
    OrdersFailed,
    PurchaseIntended,
)
from crypto_exchange.domain.order import Order, OrderState, Reason
from crypto_exchange.domain.policy import SECOND_US, OnDeadline, Policy
from crypto_exchange.domain.purchase import Absent, PurchaseState, Rejected, RejectionKind
from crypto_exchange.domain.retrial import retry
from crypto_exchange.domain.views import OpenBatch
from tests.builders import DAY_US, NOW, NOW_US, an_asset, an_open_batch, an_order, coins, usd

POLICY = Policy()
DAY_MS = DAY_US // 1_000


def rejected(kind: RejectionKind, message: str = "because") -> Rejected:
    return Rejected(kind=kind, code="-1", message=message)


def small() -> OpenBatch:
    """Two small orders under way, with inventory reserved and a surplus expected."""
    return an_open_batch(
        an_order("5"), an_order("6", user_id=2), buy="0.0002", used="0.00003", surplus="0.00001"
    )


def large() -> OpenBatch:
    return an_open_batch(an_order("50", direct=True), kind=BatchKind.DIRECT)


def ended(opened: OpenBatch, **changes: object) -> OpenBatch:
    """The same batch after its attempt has ended without a purchase."""
    batch = msgspec.structs.replace(opened.batch, live=False, used=0, surplus=0, **changes)
    row = msgspec.structs.replace(opened.inventory, reserved=0, expected=0)
    return msgspec.structs.replace(opened, batch=batch, inventory=row)


def batch_after(change: Change) -> Batch:
    (move,) = change.batches
    return move.after


def orders_after(change: Change) -> list[Order]:
    return [move.after for move in change.orders]


@pytest.mark.parametrize("kind", RejectionKind)
def test_a_rejection_ends_the_attempt_and_frees_its_reservation(kind: RejectionKind) -> None:
    change = reject(small(), rejected(kind, "no" * 400), policy=POLICY, at_us=NOW_US)

    (purchase,) = (move.after for move in change.purchases)
    assert (purchase.state, purchase.code) == (PurchaseState.REJECTED, "-1")
    assert purchase.message == ("no" * 400)[:500]
    assert change.inventory is not None
    after = change.inventory.after
    assert (after.reserved, after.expected) == (0, 0)
    assert after.quantity == coins("0.00003")
    assert after.version == change.inventory.before.version + 1
    assert not batch_after(change).live


def test_an_exchange_at_fault_sends_small_orders_back_to_wait() -> None:
    change = reject(small(), rejected(RejectionKind.VENUE), policy=POLICY, at_us=NOW_US)

    assert {(o.state, o.batch) for o in orders_after(change)} == {(OrderState.AGGREGATED, None)}
    assert batch_after(change).state is BatchState.RETURNED
    assert change.transfers == ()
    assert change.inventory is not None
    assert change.inventory.after.failures == 1
    assert change.inventory.after.retry_at_us == NOW_US + SECOND_US


def test_an_exchange_at_fault_leaves_a_direct_order_pending() -> None:
    change = reject(large(), rejected(RejectionKind.VENUE), policy=POLICY, at_us=NOW_US)

    assert [(o.state, o.batch) for o in orders_after(change)] == [(OrderState.PENDING, None)]


def test_the_back_off_doubles_from_a_second_to_a_minute() -> None:
    waits = [POLICY.backoff_us(failures) // SECOND_US for failures in range(10)]

    assert waits == [1, 1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize(("counted", "again"), [(0, True), (1, True), (2, False)])
def test_rejections_by_rules_are_tried_three_times(counted: int, *, again: bool) -> None:
    opened = small()
    batch = msgspec.structs.replace(opened.batch, counted=counted, attempt=counted + 1, checks=3)

    change = reject(
        msgspec.structs.replace(opened, batch=batch),
        rejected(RejectionKind.RULES),
        policy=POLICY,
        at_us=NOW_US,
    )

    after = batch_after(change)
    if again:
        assert (after.state, after.counted, after.checks) == (BatchState.SEALED, counted + 1, 0)
        assert after.due_at_us == NOW_US + POLICY.backoff_us(counted + 1)
        assert change.orders == ()
    else:
        assert after.state is BatchState.REFUNDED


def test_attempts_that_never_arrived_do_not_count_against_those_the_rules_reject() -> None:
    opened = small()
    third = msgspec.structs.replace(opened.batch, attempt=3)

    change = reject(
        msgspec.structs.replace(opened, batch=third),
        rejected(RejectionKind.RULES),
        policy=POLICY,
        at_us=NOW_US,
    )

    after = batch_after(change)
    assert (after.state, after.counted) == (BatchState.SEALED, 1)
    assert change.transfers == ()


def test_a_final_rejection_refunds_everybody() -> None:
    change = reject(small(), rejected(RejectionKind.FINAL), policy=POLICY, at_us=NOW_US)

    assert {(o.state, o.reason) for o in orders_after(change)} == {
        (OrderState.FAILED, Reason.EXCHANGE_REJECTED)
    }
    assert [t.amount for t in change.transfers] == [usd("5"), usd("6")]
    assert batch_after(change).state is BatchState.REFUNDED
    assert isinstance(change.events[-1], BatchRefunded)


def test_what_is_not_under_way_cannot_be_rejected() -> None:
    no = rejected(RejectionKind.FINAL)

    with pytest.raises(InvariantViolation):
        reject(ended(small()), no, policy=POLICY, at_us=NOW_US)
    with pytest.raises(InvariantViolation):
        reject(an_open_batch(an_order("5"), buy=None), no, policy=POLICY, at_us=NOW_US)


def test_absence_is_proven_only_later_than_thirty_seconds_after_the_window() -> None:
    opened = small()
    end_ms = NOW.signed_ms + 5_000 + 30_000

    assert not proves_absence(opened, Absent(answered_ms=end_ms), DAY_MS, POLICY)
    assert proves_absence(opened, Absent(answered_ms=end_ms + 1), DAY_MS, POLICY)


def test_an_exchange_that_may_have_forgotten_the_order_proves_nothing() -> None:
    opened = small()
    last_ms = NOW.signed_ms + DAY_MS

    assert proves_absence(opened, Absent(answered_ms=last_ms), DAY_MS, POLICY)
    assert not proves_absence(opened, Absent(answered_ms=last_ms + 1), DAY_MS, POLICY)


def test_a_proven_absence_is_tried_again_and_not_counted() -> None:
    opened = small()

    change = give_up_absent(opened, Absent(answered_ms=1), policy=POLICY, at_us=NOW_US)

    after = batch_after(change)
    assert (after.state, after.live, after.counted) == (BatchState.SEALED, False, 0)
    assert after.due_at_us == NOW_US + SECOND_US
    assert change.purchases[0].after.state is PurchaseState.NOT_PLACED
    assert change.inventory is not None
    assert (change.inventory.after.reserved, change.inventory.after.failures) == (0, 0)


def test_an_unknown_outcome_is_asked_after_more_and_more_rarely() -> None:
    opened = small()
    waits = []
    for _ in range(6):
        change = postpone(opened, policy=POLICY, at_us=NOW_US)
        waits.append((batch_after(change).due_at_us - NOW_US) // SECOND_US)
        opened = msgspec.structs.replace(opened, batch=batch_after(change))

    assert waits == [1, 2, 4, 8, 10, 10]
    assert opened.batch.live


def test_the_next_attempt_is_a_new_plan_at_the_fresh_price() -> None:
    opened = ended(small(), counted=1)
    dearer = msgspec.structs.replace(opened, asset=an_asset("51000", lot="0.0001"))

    change = retry(dearer, policy=POLICY, stamp=NOW)

    after, (purchase,) = batch_after(change), change.new_purchases
    assert (after.attempt, after.live, after.counted) == (2, True, 1)
    assert (purchase.attempt, purchase.quantity) == (2, coins("0.0002"))
    assert after.used == coins("0.00003")
    assert change.inventory is not None
    assert change.inventory.after.reserved == coins("0.00003")
    assert change.orders == ()
    assert isinstance(change.events[0], PurchaseIntended)


def test_the_next_attempt_may_need_no_purchase() -> None:
    opened = ended(small())
    row = msgspec.structs.replace(opened.inventory, quantity=coins("1"))

    change = retry(msgspec.structs.replace(opened, inventory=row), policy=POLICY, stamp=NOW)

    assert change.new_purchases == ()
    assert (batch_after(change).live, batch_after(change).due_at_us) == (True, NOW_US)


def test_members_that_the_price_left_behind_leave_in_the_commit_of_the_next_intent() -> None:
    cheap, good = an_order("5", price="40000"), an_order("10")
    opened = ended(an_open_batch(cheap, good))

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert [(o.id, o.reason) for o in orders_after(change)] == [(cheap.id, Reason.PRICE_MOVED)]
    assert [t.amount for t in change.transfers] == [usd("5")]
    assert isinstance(change.events[-1], OrdersFailed)
    assert batch_after(change).live


def test_members_that_are_too_few_without_those_wait_again() -> None:
    overdue, good = an_order("5", age_us=DAY_US), an_order("9.99")
    cheap = an_order("9", price="40000")
    opened = ended(an_open_batch(overdue, good, cheap))

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert wait_again(change)
    assert {o.id: o.reason for o in orders_after(change)} == {
        overdue.id: Reason.DEADLINE,
        good.id: None,
        cheap.id: None,  # it leaves in the commit of an intent, and there is none
    }


def wait_again(change: Change) -> bool:
    """Whether the batch ended and everybody that did not leave waits for another one."""
    stay = [order for order in orders_after(change) if order.reason is None]
    assert change.new_purchases == ()
    assert {(order.state, order.batch) for order in stay} == {(OrderState.AGGREGATED, None)}
    return batch_after(change).state is BatchState.RETURNED


def test_small_members_wait_again_if_none_passes_the_guard() -> None:
    opened = ended(an_open_batch(an_order("5", price="40000")))

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert wait_again(change)
    assert change.transfers == ()
    assert [type(event) for event in change.events] == [BatchReturned]


def test_a_direct_order_that_the_price_left_behind_leaves_at_once() -> None:
    order = an_order("50", price="40000", direct=True)
    opened = ended(an_open_batch(order, kind=BatchKind.DIRECT))

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert [o.reason for o in orders_after(change)] == [Reason.PRICE_MOVED]
    assert batch_after(change).state is BatchState.REFUNDED


@pytest.mark.parametrize(
    "changes",
    [{"halted": True}, {"priced_at_us": NOW_US - DAY_US}, {"price": None, "priced_at_us": None}],
)
def test_without_a_fresh_price_of_an_active_asset_a_batch_waits_on(
    changes: dict[str, object],
) -> None:
    opened = ended(small())
    asset = msgspec.structs.replace(opened.asset, **changes)

    change = retry(msgspec.structs.replace(opened, asset=asset), policy=POLICY, stamp=NOW)

    assert change.orders == ()
    assert change.new_purchases == ()
    assert batch_after(change).due_at_us == NOW_US + SECOND_US


def test_small_members_that_no_longer_fit_into_one_purchase_wait_again() -> None:
    opened = msgspec.structs.replace(ended(small()), asset=an_asset(max_quantity=coins("0.00015")))

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert wait_again(change)
    assert len(change.orders) == 2
    assert (change.transfers, change.inventory) == ((), None)


def test_a_direct_order_that_no_longer_fits_into_one_purchase_waits_on() -> None:
    opened = msgspec.structs.replace(ended(large()), asset=an_asset(max_quantity=coins("0.0002")))

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert (change.orders, change.new_purchases) == ((), ())
    assert (batch_after(change).state, batch_after(change).checks) == (BatchState.SEALED, 1)


def test_overdue_members_leave_in_the_commit_of_the_others_next_attempt() -> None:
    old, young = an_order("5", age_us=DAY_US), an_order("10")
    opened = ended(an_open_batch(old, young))

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert [(o.id, o.reason) for o in orders_after(change)] == [(old.id, Reason.DEADLINE)]
    assert [t.amount for t in change.transfers] == [usd("5")]
    assert (batch_after(change).live, batch_after(change).attempt) == (True, 2)
    assert change.new_purchases[0].quantity == coins("0.0002")
    assert [type(event) for event in change.events] == [PurchaseIntended, OrdersFailed]


def test_members_that_become_overdue_one_after_the_other_hold_up_nobody() -> None:
    orders = [an_order("6", age_us=DAY_US - 2 * number * SECOND_US) for number in range(20)]

    change = retry(ended(an_open_batch(*orders)), policy=POLICY, stamp=NOW)

    assert [order.id for order in orders_after(change)] == [orders[0].id]
    assert change.new_purchases[0].quantity == 19 * coins("0.00012")


def test_overdue_members_leave_though_the_others_get_no_attempt() -> None:
    old, young = an_order("5", age_us=DAY_US), an_order("9")
    opened = ended(an_open_batch(old, young))
    halted = msgspec.structs.replace(opened.asset, halted=True)

    unpriced = retry(msgspec.structs.replace(opened, asset=halted), policy=POLICY, stamp=NOW)
    tight = an_asset(max_quantity=coins("0.00015"))
    too_much = retry(msgspec.structs.replace(opened, asset=tight), policy=POLICY, stamp=NOW)

    assert [(o.id, o.reason) for o in orders_after(unpriced)] == [(old.id, Reason.DEADLINE)]
    assert (batch_after(unpriced).state, batch_after(unpriced).checks) == (BatchState.SEALED, 1)
    assert {o.id: o.reason for o in orders_after(too_much)} == {
        old.id: Reason.DEADLINE,
        young.id: None,
    }
    assert wait_again(too_much)
    assert [type(event) for event in too_much.events] == [BatchReturned, OrdersFailed]


def test_a_batch_ends_with_its_last_member() -> None:
    opened = ended(an_open_batch(an_order("5", age_us=DAY_US), an_order("6", age_us=DAY_US)))

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert batch_after(change).state is BatchState.REFUNDED
    (event,) = change.events
    assert isinstance(event, BatchRefunded)
    assert event.reason == "deadline"
    assert len(event.orders) == 2


def test_members_that_wait_for_ever_are_tried_again_after_their_deadline() -> None:
    opened = ended(an_open_batch(an_order("9", age_us=2 * DAY_US)))

    change = retry(opened, policy=Policy(on_deadline=OnDeadline.WAIT), stamp=NOW)

    assert len(change.new_purchases) == 1
