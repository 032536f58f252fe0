"""Quarantine: what nobody can know any more is an operator's, and nothing moves until they speak."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from crypto_exchange.domain.attempt import give_up_absent, note_lost, postpone, reject
from crypto_exchange.domain.batch import NEVER_US, BatchState
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.events import (
    AssetHaltChanged,
    PurchaseLost,
    PurchaseQuarantined,
)
from crypto_exchange.domain.intent import live_purchase
from crypto_exchange.domain.late_fill import buy_late
from crypto_exchange.domain.order import OrderState, Reason
from crypto_exchange.domain.policy import SECOND_US, Policy
from crypto_exchange.domain.purchase import (
    PURCHASE_TRANSITIONS,
    Absent,
    PurchaseState,
    PurchaseTrigger,
    Rejected,
    RejectionKind,
    fill,
    lose,
)
from crypto_exchange.domain.quarantine import is_beyond_reach, quarantine
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.views import OpenBatch
from tests.builders import (
    DAY_US,
    NOW,
    NOW_US,
    a_fill,
    a_purchase,
    an_asset,
    an_open_batch,
    an_order,
    coins,
    usd,
)

POLICY = Policy()
HOUR_MS = 3_600 * 1_000


def under_way() -> OpenBatch:
    return an_open_batch(
        an_order("5"), an_order("6", user_id=2), buy="0.0002", used="0.00003", surplus="0.00001"
    )


def quarantined() -> OpenBatch:
    """The same after it went to quarantine."""
    opened = under_way()
    change = quarantine(opened, at_us=NOW_US)
    return msgspec.structs.replace(
        opened,
        batch=change.batches[0].after,
        purchase=change.purchases[0].after,
        asset=change.assets[0].after,
    )


def purchase_after(change: Change) -> tuple[PurchaseState, PurchaseState]:
    (move,) = change.purchases
    return move.before.state, move.after.state


# ---- no answer -----------------------------------------------------------------------------------


def test_that_an_answer_is_missing_is_noted_once() -> None:
    opened = under_way()

    change = note_lost(opened, at_us=NOW_US)
    assert change is not None
    lost = msgspec.structs.replace(opened, purchase=change.purchases[0].after)

    assert purchase_after(change) == (PurchaseState.SUBMITTING, PurchaseState.UNKNOWN)
    assert [type(event) for event in change.events] == [PurchaseLost]
    assert (change.batches, change.orders, change.transfers) == ((), (), ())
    assert note_lost(lost, at_us=NOW_US) is None


def test_looking_in_vain_notes_that_its_sender_never_reported() -> None:
    opened = under_way()

    change = postpone(opened, policy=POLICY, at_us=NOW_US)

    assert purchase_after(change) == (PurchaseState.SUBMITTING, PurchaseState.UNKNOWN)
    again = msgspec.structs.replace(opened, purchase=change.purchases[0].after)
    assert postpone(again, policy=POLICY, at_us=NOW_US).purchases == ()


def test_a_batch_without_a_live_purchase_has_nothing_to_lose() -> None:
    idle = an_open_batch(an_order("5"), live=False)

    assert note_lost(idle, at_us=NOW_US) is None
    assert note_lost(an_open_batch(an_order("5"), buy=None), at_us=NOW_US) is None


@pytest.mark.parametrize(
    "state", [state for state in PurchaseState if state is not PurchaseState.SUBMITTING]
)
def test_only_one_that_is_being_sent_can_get_lost(state: PurchaseState) -> None:
    purchase = msgspec.structs.replace(a_purchase("1"), state=state)

    assert lose(purchase) == purchase
    assert lose(a_purchase("1")).state is PurchaseState.UNKNOWN


# ---- every state × everything that may be decided ------------------------------------------------

NO = Rejected(kind=RejectionKind.FINAL, code="-1", message="no")
DECISIONS: dict[PurchaseTrigger, Callable[[OpenBatch], Change]] = {
    PurchaseTrigger.FILL: lambda o: settle(o, a_fill("0.0002", "9"), at_us=NOW_US),
    PurchaseTrigger.FILL_PART: lambda o: settle(o, a_fill("0.0001", "9"), at_us=NOW_US),
    PurchaseTrigger.REJECT: lambda o: reject(o, NO, policy=POLICY, at_us=NOW_US),
    PurchaseTrigger.PROVE_ABSENT: lambda o: give_up_absent(
        o, Absent(answered_ms=0), policy=POLICY, at_us=NOW_US
    ),
    PurchaseTrigger.QUARANTINE: lambda o: quarantine(o, at_us=NOW_US),
    PurchaseTrigger.FILL_LATE: lambda o: buy_late(
        live_purchase(o), a_fill("0.0002", "9"), key="b", at_us=NOW_US
    ),
}


@pytest.mark.parametrize("state", PurchaseState)
@pytest.mark.parametrize("trigger", DECISIONS)
def test_every_decision_moves_a_purchase_as_its_table_says_or_is_a_bug(
    trigger: PurchaseTrigger, state: PurchaseState
) -> None:
    opened = under_way()
    purchase = msgspec.structs.replace(live_purchase(opened), state=state)
    # Whoever gives up or quarantines says first that the sender never reported.
    asks = trigger in {PurchaseTrigger.PROVE_ABSENT, PurchaseTrigger.QUARANTINE}
    after = PURCHASE_TRANSITIONS.get((lose(purchase).state if asks else state, trigger))
    opened = msgspec.structs.replace(opened, purchase=purchase)

    if after is None:
        with pytest.raises(InvariantViolation, match=f"cannot {trigger.value} while"):
            DECISIONS[trigger](opened)
    else:
        assert purchase_after(DECISIONS[trigger](opened)) == (state, after)


# ---- when ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reach_ms", "limit_us"),
    [(90 * 24 * HOUR_MS, DAY_US), (2 * HOUR_MS, 2 * 3_600 * SECOND_US)],
    ids=["a day", "the exchange's reach"],
)
def test_it_is_due_after_a_day_or_as_soon_as_the_exchange_may_have_forgotten(
    reach_ms: int, limit_us: int
) -> None:
    opened = under_way()

    assert not is_beyond_reach(opened, reach_ms, POLICY, NOW_US + limit_us)
    assert is_beyond_reach(opened, reach_ms, POLICY, NOW_US + limit_us + 1)


# ---- what happens --------------------------------------------------------------------------------


def test_the_asset_is_halted_and_nothing_is_released() -> None:
    opened = under_way()

    change = quarantine(opened, at_us=NOW_US)

    assert purchase_after(change) == (PurchaseState.SUBMITTING, PurchaseState.QUARANTINED)
    assert change.assets[0].after.halted
    assert (change.orders, change.transfers, change.inventory) == ((), (), None)
    batch = change.batches[0].after
    assert (batch.state, batch.live, batch.due_at_us) == (BatchState.SEALED, True, NEVER_US)
    assert (batch.used, batch.surplus) == (opened.batch.used, opened.batch.surplus)
    assert [type(event) for event in change.events] == [PurchaseQuarantined, AssetHaltChanged]


def test_an_asset_that_is_halted_already_stays_as_it_is() -> None:
    halted = msgspec.structs.replace(an_asset(), halted=True)

    change = quarantine(msgspec.structs.replace(under_way(), asset=halted), at_us=NOW_US)

    assert change.assets == ()
    assert [type(event) for event in change.events] == [PurchaseQuarantined]


# ---- how it ends ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filled", "state", "orders"),
    [
        ("0.0002", PurchaseState.FILLED, OrderState.COMPLETED),
        ("0.0001", PurchaseState.PARTIALLY_FILLED, OrderState.PARTIALLY_COMPLETED),
    ],
)
def test_a_fill_settles_it_from_whomever_it_comes(
    filled: str, state: PurchaseState, orders: OrderState
) -> None:
    change = settle(quarantined(), a_fill(filled, "9"), at_us=NOW_US)

    assert purchase_after(change) == (PurchaseState.QUARANTINED, state)
    assert {m.after.state for m in change.orders} == {orders}
    assert change.assets == (), "the asset stays halted until somebody resumes it"


def test_a_rejection_refunds_everybody() -> None:
    no = Rejected(kind=RejectionKind.FINAL, code="operator", message="they say no")

    change = reject(quarantined(), no, policy=POLICY, at_us=NOW_US)

    assert purchase_after(change) == (PurchaseState.QUARANTINED, PurchaseState.REJECTED)
    assert {m.after.reason for m in change.orders} == {Reason.EXCHANGE_REJECTED}
    assert sum(t.amount for t in change.transfers) == usd("11")


def test_one_that_was_never_placed_is_tried_again() -> None:
    change = give_up_absent(
        quarantined(), Absent(answered_ms=NOW.signed_ms), policy=POLICY, at_us=NOW_US
    )

    assert purchase_after(change) == (PurchaseState.QUARANTINED, PurchaseState.NOT_PLACED)
    batch = change.batches[0].after
    assert (batch.live, batch.due_at_us) == (False, NOW_US + SECOND_US)
    assert change.inventory is not None
    assert (change.inventory.after.reserved, change.inventory.after.expected) == (0, 0)


def test_whether_a_fill_is_whole_is_measured_by_what_was_asked_for() -> None:
    purchase = a_purchase("0.0002")

    assert fill(purchase, a_fill("0.0002", "1")).state is PurchaseState.FILLED
    assert fill(purchase, a_fill("0.0003", "1")).state is PurchaseState.FILLED
    assert fill(purchase, a_fill("0.00019999", "1")).state is PurchaseState.PARTIALLY_FILLED
    assert fill(purchase, a_fill("0", "0")).state is PurchaseState.PARTIALLY_FILLED
    assert purchase.quantity == coins("0.0002")
