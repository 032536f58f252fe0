"""Closing: decides whether an account may go; the ledger keeps its numbers, and the rest is erased."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from crypto_exchange.domain.adjustment import AdjustmentState
from crypto_exchange.domain.audit_log import Action, Actor, record
from crypto_exchange.domain.change import Change, Erasure, Transition
from crypto_exchange.domain.errors import DomainError
from crypto_exchange.domain.money import USD_SCALE, format_units
from crypto_exchange.domain.second_factor import FactorState, SecondFactor
from crypto_exchange.domain.user import Role, User, UserStatus, require_active
from crypto_exchange.domain.views import Belongings
from crypto_exchange.domain.wallet import Wallet


class AccountNotEmpty(DomainError):
    """Something of the account is not done with: dollars in the wallet, an open order, an adjustment that
    waits, coins that were not given up, or nobody else is an active administrator.
    """

    code = "account_not_empty"

    def __init__(self, *found: str) -> None:
        super().__init__(f"expected an account with nothing left in it, was one with {_all(found)}")
        self.found = found


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided on. The belongings are read after the wallet, whose version new orders raise. When
    an administrator goes, `stays` is another one who is active, None if there is none.
    """

    user: User
    wallet: Wallet
    belongings: Belongings
    stays: User | None = None


def require_empty(account: Account, *, leave_holdings: bool, at_us: int) -> None:
    """Refuse to close what something is left in; coins are in the way unless they are given up.

    Raises:
        AccountFrozen: an operator has a say first.
        AccountNotEmpty: see there.
    """
    require_active(account.user.status)
    found = tuple(_in_the_way(account, leave_holdings=leave_holdings, at_us=at_us))
    if found:
        raise AccountNotEmpty(*found)


def close(
    account: Account, factor: SecondFactor | None, *, actor: Actor, at_us: int, reason: str = ""
) -> Change:
    """Erase what says who the user of an empty account is. Every row of money stays, and coins stay
    booked to the account's number. The reason is for the audit log.
    """
    details = {"reason": reason} if reason else {}
    user, stays = account.user, account.stays
    guarded = () if stays is None or user.role is not Role.ADMIN else (_unchanged(stays),)
    return Change(
        wallet=account.wallet,
        fenced=(user.id,),
        moved_users=(Transition(user, _nobody(user)), *guarded),
        factors=() if factor is None else (Transition(factor, _nothing(factor)),),
        erased=Erasure(user, at_us),
        audit=(record(actor, Action.ACCOUNT_CLOSED, at_us=at_us, user_id=user.id, **details),),
    )


def _in_the_way(account: Account, *, leave_holdings: bool, at_us: int) -> Iterator[str]:
    """Each thing in words, with how much of it there is."""
    belongings = account.belongings
    if account.wallet.balance:
        yield f"{_dollars(account.wallet.balance)} USD in the wallet"
    if belongings.orders:
        yield f"{_count(belongings.orders, 'open order')} for {_dollars(belongings.held)} USD"
    waiting = [each.as_of(at_us) for each in belongings.adjustments]
    proposed = sum(each.state is AdjustmentState.PROPOSED for each in waiting)
    if proposed:
        yield f"{_count(proposed, 'adjustment')} to be decided by administrators"
    if not leave_holdings:
        for coins in belongings.coins:
            quantity = format_units(coins.quantity, coins.scale, 0)
            yield f"{quantity} {coins.asset} that are not given up"
    if account.user.role is Role.ADMIN and account.stays is None:
        yield "the rights of the only active administrator"


def _nobody(user: User) -> User:
    """What stays of a user: a number. No password fits an empty hash."""
    return msgspec.structs.replace(
        user,
        username=f"closed-{user.id}",
        password_hash="",
        status=UserStatus.CLOSED,
        version=user.version + 1,
    )


def _unchanged(stays: User) -> Transition[User]:
    """Of two administrators who close their accounts at the same time, one comes too late."""
    return Transition(stays, msgspec.structs.replace(stays, version=stays.version + 1))


def _nothing(factor: SecondFactor) -> SecondFactor:
    return SecondFactor(
        user_id=factor.user_id, sealed="", state=FactorState.OFF, version=factor.version + 1
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _all(found: tuple[str, ...]) -> str:
    *first, last = found
    return f"{', '.join(first)} and {last}" if first else last


def _dollars(usd: int) -> str:
    return format_units(usd, USD_SCALE, 2)
