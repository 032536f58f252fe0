"""Four eyes: who may let money move between the house and a user, and what moves then."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain import four_eyes
from crypto_exchange.domain.adjustment import LIFETIME_US, Adjustment, AdjustmentState
from crypto_exchange.domain.audit_log import Action, Actor
from crypto_exchange.domain.change import Change, RequestKey, StoredRequest, Transition
from crypto_exchange.domain.errors import (
    AccountFrozen,
    AmountTooLarge,
    Forbidden,
    InsufficientFunds,
    InvalidAmount,
    InvalidField,
    WrongState,
)
from crypto_exchange.domain.events import BalanceAdjusted
from crypto_exchange.domain.ledger import TransferKind, balances
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.user import Role, User, UserStatus
from crypto_exchange.domain.wallet import Wallet
from tests.builders import KEY, NOW_US, usd

ANN = User(id=1, username="ann", password_hash="", role=Role.ADMIN)
BEN = User(id=2, username="ben", password_hash="", role=Role.ADMIN)
EVE = User(id=7, username="eve", password_hash="")
PROPOSED = Adjustment(
    key=KEY,
    user_id=EVE.id,
    amount=usd("12.50"),
    reason="a fee charged twice",
    proposed_by=ANN.id,
    proposed_at_us=NOW_US,
)


def changed(user: User, **fields: Any) -> User:
    return msgspec.structs.replace(user, **fields)


def still(*administrators: User) -> tuple[Transition[User], ...]:
    """Nobody becomes another; but whoever was frozen meanwhile is told by the version."""
    return tuple(Transition(each, changed(each, version=1)) for each in administrators)


def propose(*, by: User = ANN, to: User = EVE, **fields: Any) -> Change:
    adjustment = msgspec.structs.replace(PROPOSED, proposed_by=by.id, user_id=to.id, **fields)
    return four_eyes.propose(
        adjustment,
        proposer=by,
        user=to,
        policy=Policy(),
        actor=Actor(user_id=by.id),
        request=RequestKey("propose_adjustment", "key", "digest"),
    )


def approve(
    adjustment: Adjustment = PROPOSED,
    *,
    by: User = BEN,
    proposer: User = ANN,
    user: User = EVE,
    balance: str = "0.00",
    at_us: int = NOW_US,
) -> Change:
    return four_eyes.approve(
        adjustment,
        approver=by,
        proposer=proposer,
        user=user,
        wallet=Wallet(user.id, usd(balance), 3),
        actor=Actor(user_id=by.id),
        at_us=at_us,
    )


def test_a_proposal_moves_nothing_and_is_told_to_the_audit_log() -> None:
    change = propose()

    assert change == Change(
        moved_users=still(ANN),
        new_adjustments=(PROPOSED,),
        audit=change.audit,
        request=StoredRequest(ANN.id, "propose_adjustment", "key", "digest"),
    )
    (entry,) = change.audit
    assert (entry.action, entry.actor_id, entry.user_id, entry.subject, entry.at_us) == (
        Action.ADJUSTMENT_PROPOSED,
        ANN.id,
        EVE.id,
        KEY,
        NOW_US,
    )
    assert entry.details == {"amount": "12.50", "currency": "USD"}


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"amount": 0}, InvalidAmount),
        ({"amount": usd("0.005")}, InvalidAmount),
        ({"amount": usd("10000.01")}, AmountTooLarge),
        ({"amount": -usd("10000.01")}, AmountTooLarge),
        ({"reason": ""}, InvalidField),
        ({"reason": "x" * 501}, InvalidField),
        ({"reason": "two\nlines"}, InvalidField),
        ({"to": ANN}, Forbidden),
        ({"by": EVE, "to": BEN}, Forbidden),
        ({"by": changed(ANN, role=Role.OPERATOR)}, Forbidden),
        ({"by": changed(ANN, status=UserStatus.FROZEN)}, AccountFrozen),
        ({"to": changed(EVE, status=UserStatus.CLOSED)}, WrongState),
    ],
)
def test_what_may_not_be_proposed_is_refused(
    wrong: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal, match=r"expected .*was "):
        propose(**wrong)


def test_the_most_and_a_reason_of_the_longest_may_be_proposed_also_for_a_frozen_account() -> None:
    frozen = changed(EVE, status=UserStatus.FROZEN)

    for amount in (usd("10000.00"), -usd("10000.00"), CENT):
        assert propose(amount=amount, reason="x" * 500, to=frozen).new_adjustments


def test_an_approved_credit_comes_out_of_the_profit_and_loss_of_the_house() -> None:
    change = approve(at_us=NOW_US + LIFETIME_US)

    (transfer,), (move,), (entry,) = change.transfers, change.adjustments, change.audit
    assert (transfer.kind, transfer.order_id) == (TransferKind.ADJUSTMENT, None)
    assert moved(change) == {"house:pnl:USD": -usd("12.50"), "user:7:USD": usd("12.50")}
    assert change.wallet == Wallet(EVE.id, 0, 3)
    assert move.before == PROPOSED
    assert move.after == msgspec.structs.replace(
        PROPOSED,
        state=AdjustmentState.APPROVED,
        decided_by=BEN.id,
        decided_at_us=NOW_US + LIFETIME_US,
        version=1,
    )
    assert change.events == (
        BalanceAdjusted(
            at_us=NOW_US + LIFETIME_US,
            user_id=EVE.id,
            key=KEY,
            amount=usd("12.50"),
            proposed_by=ANN.id,
            approved_by=BEN.id,
        ),
    )
    assert (entry.action, entry.actor_id) == (Action.ADJUSTMENT_APPROVED, BEN.id)
    assert change.moved_users == still(BEN, ANN)


def test_a_debit_takes_all_that_is_there_and_not_a_cent_more() -> None:
    debit = msgspec.structs.replace(PROPOSED, amount=-usd("12.50"))

    change = approve(debit, balance="12.50")

    assert moved(change) == {"house:pnl:USD": usd("12.50"), "user:7:USD": -usd("12.50")}
    with pytest.raises(InsufficientFunds):
        approve(debit, balance="12.49")


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"by": ANN}, Forbidden),
        ({"by": changed(EVE, role=Role.ADMIN)}, Forbidden),
        ({"by": changed(BEN, role=Role.OPERATOR)}, Forbidden),
        ({"by": changed(BEN, status=UserStatus.FROZEN)}, AccountFrozen),
        ({"proposer": changed(ANN, role=Role.USER)}, WrongState),
        ({"proposer": changed(ANN, status=UserStatus.FROZEN)}, WrongState),
        ({"user": changed(EVE, status=UserStatus.CLOSED)}, WrongState),
        ({"at_us": NOW_US + LIFETIME_US + 1}, WrongState),
    ],
)
def test_what_may_not_be_approved_is_refused(
    wrong: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal, match=r"expected .*was "):
        approve(**wrong)


@pytest.mark.parametrize("by", [ANN, BEN])
def test_a_proposal_is_rejected_by_another_or_taken_back_and_moves_nothing(by: User) -> None:
    change = four_eyes.reject(PROPOSED, decider=by, actor=Actor(user_id=by.id), at_us=NOW_US)

    (move,), (entry,) = change.adjustments, change.audit
    assert change == Change(moved_users=still(by), adjustments=(move,), audit=(entry,))
    assert (move.after.state, move.after.decided_by) == (AdjustmentState.REJECTED, by.id)
    assert (entry.action, entry.details["amount"]) == (Action.ADJUSTMENT_REJECTED, "12.50")
    with pytest.raises(Forbidden):
        four_eyes.reject(PROPOSED, decider=EVE, actor=Actor(user_id=EVE.id), at_us=NOW_US)


@pytest.mark.parametrize("state", [AdjustmentState.APPROVED, AdjustmentState.REJECTED])
def test_what_was_decided_is_not_decided_again_and_does_not_expire(state: AdjustmentState) -> None:
    decided = msgspec.structs.replace(PROPOSED, state=state, decided_by=BEN.id)

    assert decided.as_of(NOW_US + 2 * LIFETIME_US) == decided
    with pytest.raises(WrongState, match=f"was {state.value}"):
        approve(decided)
    with pytest.raises(WrongState):
        four_eyes.reject(decided, decider=BEN, actor=Actor(user_id=BEN.id), at_us=NOW_US)


def test_a_proposal_expires_after_seven_days() -> None:
    last_us = NOW_US + 7 * 24 * 3_600 * 1_000_000

    assert PROPOSED.as_of(last_us).state is AdjustmentState.PROPOSED
    assert PROPOSED.as_of(last_us + 1).state is AdjustmentState.EXPIRED


@given(cents=st.integers(-(10**6), 10**6).filter(bool), had=st.integers(0, 10**6))
def test_money_is_neither_made_nor_lost_and_no_wallet_becomes_negative(
    cents: int, had: int
) -> None:
    adjustment = msgspec.structs.replace(PROPOSED, amount=cents * CENT)
    wallet = Wallet(EVE.id, had * CENT)

    try:
        change = four_eyes.approve(
            adjustment,
            approver=BEN,
            proposer=ANN,
            user=EVE,
            wallet=wallet,
            actor=Actor(user_id=BEN.id),
            at_us=NOW_US,
        )
    except InsufficientFunds:
        assert had + cents < 0
        return

    deltas = moved(change)
    assert len(change.transfers) == 1
    assert sum(deltas.values()) == 0
    assert wallet.balance + deltas["user:7:USD"] == (had + cents) * CENT >= 0


def moved(change: Change) -> dict[str, int]:
    return {account.name: amount for account, amount in balances(change.transfers).items()}
