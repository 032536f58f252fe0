"""Adjustments: propose one, and approve or reject what another administrator has proposed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256

import msgspec

from crypto_exchange.domain import four_eyes
from crypto_exchange.domain.adjustment import LIFETIME_US, Adjustment
from crypto_exchange.domain.audit_log import Actor
from crypto_exchange.domain.change import Change, RequestKey
from crypto_exchange.domain.errors import RequestRepeated
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.use_cases.wallets import find_repeated


class Propose(msgspec.Struct, frozen=True, kw_only=True):
    """Let the house pay a user `amount` (10⁻⁸ dollars, whole cents; negative: the user the house)."""

    user_id: UserId
    amount: int
    reason: str
    request: RequestKey | None = None


async def propose(context: Context, command: Propose, *, actor: Actor) -> tuple[Adjustment, bool]:
    """Write a proposal down; returns it and whether this is a repetition.

    Raises as `four_eyes.propose`; `NotFound` without such a user.
    """
    key = _key(context, actor, command.request)

    async def script(work: UnitOfWork) -> tuple[Adjustment, bool]:
        if await find_repeated(work, actor.user_id, command.request) is not None:
            work.abandon()
            return await work.get_adjustment(key), True
        adjustment = Adjustment(
            key=key,
            user_id=command.user_id,
            amount=command.amount,
            reason=command.reason.strip(),
            proposed_by=actor.user_id,
            proposed_at_us=context.clock.now_us(),
        )
        change = four_eyes.propose(
            adjustment,
            proposer=await work.get_user(actor.user_id),
            user=await work.get_user(command.user_id),
            policy=context.policy,
            actor=actor,
            request=command.request,
        )
        await work.commit(change)
        return adjustment, False

    try:
        adjustment, repeated = await transact(context, script)
    except RequestRepeated:
        adjustment, repeated = await transact(context, script)
    return adjustment.as_of(context.clock.now_us()), repeated


async def approve(context: Context, key: str, *, actor: Actor) -> Adjustment:
    """Carry a proposal out: the money moves in the same commit.

    Raises as `four_eyes.approve`; `NotFound` without such a proposal.
    """

    async def decide(work: UnitOfWork, adjustment: Adjustment) -> Change:
        # The wallet before its user: closing an account raises its version.
        wallet = await work.get_wallet(adjustment.user_id)
        return four_eyes.approve(
            adjustment,
            approver=await work.get_user(actor.user_id),
            proposer=await work.get_user(adjustment.proposed_by),
            user=await work.get_user(adjustment.user_id),
            wallet=wallet,
            actor=actor,
            at_us=context.clock.now_us(),
        )

    return await _decide(context, key, decide)


async def reject(context: Context, key: str, *, actor: Actor) -> Adjustment:
    """End a proposal. Raises as `four_eyes.reject`; `NotFound` without such a proposal."""

    async def decide(work: UnitOfWork, adjustment: Adjustment) -> Change:
        decider, at_us = await work.get_user(actor.user_id), context.clock.now_us()
        return four_eyes.reject(adjustment, decider=decider, actor=actor, at_us=at_us)

    return await _decide(context, key, decide)


async def get_adjustment(context: Context, key: str) -> Adjustment:
    """One as it is now. Raises `NotFound`."""
    async with context.begin() as work:
        work.abandon()
        found = await work.get_adjustment(key)
    return found.as_of(context.clock.now_us())


async def list_adjustments(context: Context) -> tuple[Adjustment, ...]:
    """As they are now: those that wait first, each newest first, at most 200."""
    now_us = context.clock.now_us()
    found = await context.queries.list_adjustments(now_us - LIFETIME_US)
    return tuple(each.as_of(now_us) for each in found)


async def _decide(
    context: Context, key: str, decide: Callable[[UnitOfWork, Adjustment], Awaitable[Change]]
) -> Adjustment:
    async def script(work: UnitOfWork) -> Adjustment:
        change = await decide(work, await work.get_adjustment(key))
        await work.commit(change)
        return change.adjustments[0].after

    return await transact(context, script)


def _key(context: Context, actor: Actor, request: RequestKey | None) -> str:
    """A name; one that follows from the idempotency key, if there is one, finds what it was for."""
    if request is None:
        return context.ids.new_key()
    return sha256(f"adjustment:{actor.user_id}:{request.key}".encode()).hexdigest()[:24]
