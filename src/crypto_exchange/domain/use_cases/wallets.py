"""Wallet commands: deposit and withdraw, once per idempotency key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from crypto_exchange.domain import cashier
from crypto_exchange.domain.change import Change, RequestKey, StoredRequest
from crypto_exchange.domain.errors import IdempotencyKeyReused, RequestRepeated
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.screening import screen
from crypto_exchange.domain.second_factor import require_fresh
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.use_cases.screening import screen_withdrawal
from crypto_exchange.domain.wallet import Wallet


async def deposit(
    context: Context, command: cashier.Deposit, session_id: str | None = None
) -> tuple[Wallet, bool]:
    """Credit a wallet; returns it and whether this is a repetition.

    Raises as `cashier.deposit`, and `Unauthenticated` if the session that asks has ended.
    """

    async def decide(_work: UnitOfWork, wallet: Wallet) -> Change:
        change = cashier.deposit(command, wallet=wallet, at_us=context.clock.now_us())
        return screen(change, context.policy).change

    return await _move(context, command, session_id, decide)


async def withdraw(
    context: Context, command: cashier.Withdraw, session_id: str | None = None
) -> tuple[Wallet, bool]:
    """Debit a wallet; returns it and whether this is a repetition.

    Raises as `cashier.withdraw`, `StepUpRequired` if the amount is large, or the fraud rules say so, and
    the user's second factor was not given lately, `Denied` if they hold it, and `Unauthenticated` if the
    session that asks has ended.
    """

    async def decide(work: UnitOfWork, wallet: Wallet) -> Change:
        limit, at_us = context.policy.step_up_withdrawal, context.clock.now_us()
        if limit is not None and command.amount > limit:
            factor = await work.find_second_factor(command.user_id)
            require_fresh(factor, command.verified_at_us, at_us=at_us)
        change = cashier.withdraw(command, wallet=wallet, at_us=at_us)
        if context.policy.risk is None:
            return change
        return await screen_withdrawal(context, work, change, command.verified_at_us)

    return await _move(context, command, session_id, decide)


async def load_wallet(work: UnitOfWork, user_id: UserId, session_id: str | None) -> Wallet:
    """A user's wallet, if the session that asks lives; None: nobody's session asks."""
    if session_id is None:
        return await work.get_wallet(user_id)
    return await work.get_wallet_of_session(user_id, session_id)


async def find_repeated(
    work: UnitOfWork, user_id: UserId, request: RequestKey | None
) -> StoredRequest | None:
    """What the same command stored before.

    Raises:
        IdempotencyKeyReused: the key was used for another command.
    """
    if request is None:
        return None
    stored = await work.find_request(user_id, request.operation, request.key)
    if stored is not None and stored.fingerprint != request.fingerprint:
        raise IdempotencyKeyReused(request.key)
    return stored


async def _move(
    context: Context,
    command: cashier.Deposit | cashier.Withdraw,
    session_id: str | None,
    decide: Callable[[UnitOfWork, Wallet], Awaitable[Change]],
) -> tuple[Wallet, bool]:
    user_id = command.user_id

    async def script(work: UnitOfWork) -> tuple[Wallet, bool]:
        wallet = await load_wallet(work, user_id, session_id)
        if await find_repeated(work, user_id, command.request) is not None:
            work.abandon()
            return wallet, True
        change = await decide(work, wallet)
        await work.commit(change)
        moved = sum(t.amount if t.credit.owner == user_id else -t.amount for t in change.transfers)
        activity = change.activity or wallet.activity
        return Wallet(user_id, wallet.balance + moved, wallet.version + 1, activity), False

    try:
        return await transact(context, script)
    except RequestRepeated:
        return await transact(context, script)
