"""Four eyes: decides who may propose, approve or reject an adjustment, and what an approved one moves.

The money moves between the house's profit and loss and the user's wallet, by one transfer.
"""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.adjustment import Adjustment, AdjustmentState
from crypto_exchange.domain.administration import acting, require_reason
from crypto_exchange.domain.audit_log import Action, Actor, AuditEntry, record
from crypto_exchange.domain.change import Change, RequestKey, Transition, store_request
from crypto_exchange.domain.errors import AmountTooLarge, Forbidden, WrongState
from crypto_exchange.domain.events import BalanceAdjusted
from crypto_exchange.domain.ledger import (
    USD,
    AccountKind,
    TransferKind,
    house_account,
    transfer,
    user_account,
)
from crypto_exchange.domain.money import USD_SCALE, format_units, require_dollars
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.user import Role, User, UserStatus
from crypto_exchange.domain.wallet import Wallet, require_funds


def propose(
    adjustment: Adjustment,
    *,
    proposer: User,
    user: User,
    policy: Policy,
    actor: Actor,
    request: RequestKey | None = None,
) -> Change:
    """Write a proposal down; nothing moves yet.

    Raises:
        InvalidAmount: zero or a fraction of a cent.
        AmountTooLarge: more than `policy.largest_adjustment`.
        InvalidField: as `require_reason`.
        Forbidden, AccountFrozen: the proposer is no active administrator, or it is their own wallet.
        WrongState: the user's account has been closed.
    """
    amount = require_dollars("amount", abs(adjustment.amount))
    if amount > policy.largest_adjustment:
        raise AmountTooLarge("amount", _dollars(policy.largest_adjustment), _dollars(amount))
    require_reason(adjustment.reason)
    by = acting(proposer, Role.ADMIN)
    _require_apart(proposer, adjustment)
    _require_open(user)
    return Change(
        moved_users=by,
        new_adjustments=(adjustment,),
        audit=(_told(adjustment, Action.ADJUSTMENT_PROPOSED, actor, adjustment.proposed_at_us),),
        request=store_request(proposer.id, request),
    )


def approve(
    adjustment: Adjustment,
    *,
    approver: User,
    proposer: User,
    user: User,
    wallet: Wallet,
    actor: Actor,
    at_us: int,
) -> Change:
    """Carry a proposal out, by the word of a second administrator.

    Raises:
        WrongState: it does not wait any more, who proposed it is no active administrator now, or the
            user's account has been closed.
        Forbidden, AccountFrozen: the approver is no active administrator, or the one who proposed it,
            or it is their own wallet.
        InsufficientFunds: the user has less than they are to pay.
    """
    _require_waiting(adjustment, at_us)
    by = acting(approver, Role.ADMIN)
    _require_apart(approver, adjustment)
    if approver.id == adjustment.proposed_by:
        raise Forbidden("no part in the proposal", "that of who made it")
    if proposer.role is not Role.ADMIN or proposer.status is not UserStatus.ACTIVE:
        was = f"{proposer.role.value}, {proposer.status.value}"
        raise WrongState(f"user {proposer.id}", "who proposed it to be an active admin", was)
    by += acting(proposer, Role.ADMIN)
    _require_open(user)
    adjusted = BalanceAdjusted(
        at_us=at_us,
        user_id=adjustment.user_id,
        key=adjustment.key,
        amount=adjustment.amount,
        proposed_by=adjustment.proposed_by,
        approved_by=approver.id,
    )
    return msgspec.structs.replace(
        book(adjusted, wallet=wallet),
        moved_users=by,
        adjustments=(_decided(adjustment, AdjustmentState.APPROVED, approver, at_us),),
        audit=(_told(adjustment, Action.ADJUSTMENT_APPROVED, actor, at_us),),
    )


def reject(adjustment: Adjustment, *, decider: User, actor: Actor, at_us: int) -> Change:
    """End a proposal that nothing shall come of; whoever made it may take it back.

    Raises:
        WrongState: it does not wait any more.
        Forbidden, AccountFrozen: the decider is no active administrator.
    """
    _require_waiting(adjustment, at_us)
    return Change(
        moved_users=acting(decider, Role.ADMIN),
        adjustments=(_decided(adjustment, AdjustmentState.REJECTED, decider, at_us),),
        audit=(_told(adjustment, Action.ADJUSTMENT_REJECTED, actor, at_us),),
    )


def book(adjusted: BalanceAdjusted, *, wallet: Wallet) -> Change:
    """The one transfer of an approved adjustment. Raises `InsufficientFunds`."""
    require_funds(wallet, -adjusted.amount)
    sides = house_account(AccountKind.PNL), user_account(adjusted.user_id)
    debit, credit = sides if adjusted.amount > 0 else sides[::-1]
    amount, at_us = abs(adjusted.amount), adjusted.at_us
    return Change(
        wallet=wallet,
        transfers=transfer(TransferKind.ADJUSTMENT, debit, credit, amount, at_us),
        events=(adjusted,),
    )


def _require_apart(administrator: User, adjustment: Adjustment) -> None:
    if administrator.id == adjustment.user_id:
        raise Forbidden("another wallet than the one to be adjusted", "that one")


def _require_open(user: User) -> None:
    if user.status is UserStatus.CLOSED:
        raise WrongState(f"user {user.id}", "an account that is not closed", "a closed one")


def _require_waiting(adjustment: Adjustment, at_us: int) -> None:
    state = adjustment.as_of(at_us).state
    if state is not AdjustmentState.PROPOSED:
        what = f"adjustment {adjustment.key}"
        raise WrongState(what, f"state {AdjustmentState.PROPOSED.value}", state.value)


def _decided(
    adjustment: Adjustment, state: AdjustmentState, decider: User, at_us: int
) -> Transition[Adjustment]:
    after = msgspec.structs.replace(
        adjustment,
        state=state,
        decided_by=decider.id,
        decided_at_us=at_us,
        version=adjustment.version + 1,
    )
    return Transition(adjustment, after)


def _told(adjustment: Adjustment, action: Action, actor: Actor, at_us: int) -> AuditEntry:
    return record(
        actor,
        action,
        at_us=at_us,
        user_id=adjustment.user_id,
        subject=adjustment.key,
        amount=_dollars(adjustment.amount),
        currency=USD,
    )


def _dollars(usd: int) -> str:
    return format_units(usd, USD_SCALE, 2)
