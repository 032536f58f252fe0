"""Export: who may have what is kept of a user, and the record that somebody had it."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain import access
from crypto_exchange.domain.audit_log import Action, Actor, record
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import AccessClaims, User
from crypto_exchange.domain.wallet import Wallet


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What there is one of for each user, at a time."""

    at_us: int
    user: User
    factor: SecondFactor | None
    wallet: Wallet


async def begin(context: Context, bearer: AccessClaims, *, actor: Actor) -> Exported:
    """Begin an export of the bearer's own account. Raises `Unauthenticated`: their session has ended."""
    async with context.begin() as work:
        session = await work.find_session(bearer.user_id, bearer.session_id)
        own = [] if session is None else [session]
        access.require_own(own, bearer.session_id, at_us=context.clock.now_us())
        return await _export(context, work, await work.get_user(bearer.user_id), actor)


async def begin_for(context: Context, user_id: UserId, *, actor: Actor) -> Exported:
    """Begin an export of the account of somebody who asked for it otherwise. Raises `NotFound`."""
    async with context.begin() as work:
        return await _export(context, work, await work.get_user(user_id), actor)


async def _export(context: Context, work: UnitOfWork, user: User, actor: Actor) -> Exported:
    at_us, wallet = context.clock.now_us(), await work.get_wallet(user.id)
    factor = await work.find_second_factor(user.id)
    entry = record(actor, Action.ACCOUNT_EXPORTED, at_us=at_us, user_id=user.id)
    await work.commit(Change(audit=(entry,)))
    return Exported(at_us=at_us, user=user, factor=factor, wallet=wallet)
