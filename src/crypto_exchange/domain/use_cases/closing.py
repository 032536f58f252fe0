"""Closing: an account ends for good, by its owner's word or, where they cannot give it here, for them."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain import access, closing
from crypto_exchange.domain.administration import require_reason
from crypto_exchange.domain.audit_log import Actor
from crypto_exchange.domain.audited import audited
from crypto_exchange.domain.errors import InvalidCode
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases import second_factor
from crypto_exchange.domain.use_cases.accounts import require_password
from crypto_exchange.domain.use_cases.administration import find_other_admin
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.user import AccessClaims, Role
from crypto_exchange.domain.views import HoldingView


class CloseAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody gives to have their account closed; a code only if they have a second factor."""

    password: str
    code: str | None = None
    leave_holdings: bool = False


async def close(
    context: Context,
    bearer: AccessClaims,
    command: CloseAccount,
    *,
    actor: Actor,
    device: str = "",
) -> tuple[HoldingView, ...]:
    """Close the bearer's account; returns the coins that stay booked to its number.

    Raises:
        InvalidCredentials: it is not their password.
        StepUpRequired, InvalidField, InvalidCode, CodesLocked: as `second_factor.take_code`.
        AccountFrozen, AccountNotEmpty: as `closing.require_empty`.
        Unauthenticated: the session has ended.
    """

    async def script(work: UnitOfWork) -> tuple[tuple[HoldingView, ...], InvalidCode | None]:
        account = await _load_own(context, work, bearer)
        await require_password(
            context, work, account.user, command.password, actor=actor, device=device
        )
        at_us = context.clock.now_us()
        closing.require_empty(account, leave_holdings=command.leave_holdings, at_us=at_us)
        factor = await work.find_second_factor(bearer.user_id)
        refusal, change = await second_factor.take_code(
            context, work, bearer, command.code, actor=actor
        )
        if refusal is None:
            change = closing.close(account, factor, actor=actor, at_us=at_us)
        await work.commit(audited(change, actor))
        return account.belongings.coins, refusal

    coins, refusal = await transact(context, script)
    if refusal is not None:
        raise refusal
    return coins


async def close_for(
    context: Context, user_id: UserId, reason: str, *, leave_holdings: bool, actor: Actor
) -> tuple[HoldingView, ...]:
    """Close an account whose owner asked for it otherwise; returns the coins that stay booked to its
    number.

    Raises:
        NotFound: there is no such user.
        InvalidField: as `administration.require_reason`.
        AccountFrozen, AccountNotEmpty: as `closing.require_empty`.
    """
    reason = require_reason(reason)

    async def script(work: UnitOfWork) -> tuple[HoldingView, ...]:
        account, at_us = await _load(context, work, user_id), context.clock.now_us()
        closing.require_empty(account, leave_holdings=leave_holdings, at_us=at_us)
        factor = await work.find_second_factor(user_id)
        change = closing.close(account, factor, actor=actor, at_us=at_us, reason=reason)
        await work.commit(change)
        return account.belongings.coins

    return await transact(context, script)


async def _load_own(context: Context, work: UnitOfWork, bearer: AccessClaims) -> closing.Account:
    session = await work.find_session(bearer.user_id, bearer.session_id)
    own = [] if session is None else [session]
    access.require_own(own, bearer.session_id, at_us=context.clock.now_us())
    return await _load(context, work, bearer.user_id)


async def _load(context: Context, work: UnitOfWork, user_id: UserId) -> closing.Account:
    """The user first, then the wallet, then what belongs to it: whatever changes after it was read is
    told by the version of what was read before.
    """
    user = await work.get_user(user_id)
    admin = user.role is Role.ADMIN
    return closing.Account(
        user=user,
        wallet=await work.get_wallet(user_id),
        belongings=await work.get_belongings(user_id),
        stays=await find_other_admin(context, work, user) if admin else None,
    )
