"""Wallet commands: deposit and withdraw, once per idempotency key."""

from __future__ import annotations

from collections.abc import Callable

from crypto_exchange.domain import cashier
from crypto_exchange.domain.change import Change, RequestKey, StoredRequest
from crypto_exchange.domain.errors import IdempotencyKeyReused, RequestRepeated
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.wallet import Wallet


async def deposit(context: Context, command: cashier.Deposit) -> tuple[Wallet, bool]:
    """Credit a wallet; returns it and whether this is a repetition. Raises as `cashier.deposit`."""

    def decide(wallet: Wallet) -> Change:
        return cashier.deposit(command, wallet=wallet, at_us=context.clock.now_us())

    return await _move(context, command.user_id, command.request, decide)


async def withdraw(context: Context, command: cashier.Withdraw) -> tuple[Wallet, bool]:
    """Debit a wallet; returns it and whether this is a repetition. Raises as `cashier.withdraw`."""

    def decide(wallet: Wallet) -> Change:
        return cashier.withdraw(command, wallet=wallet, at_us=context.clock.now_us())

    return await _move(context, command.user_id, command.request, decide)


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
    user_id: UserId,
    request: RequestKey | None,
    decide: Callable[[Wallet], Change],
) -> tuple[Wallet, bool]:
    async def script(work: UnitOfWork) -> tuple[Wallet, bool]:
        wallet = await work.get_wallet(user_id)
        if await find_repeated(work, user_id, request) is not None:
            work.abandon()
            return wallet, True
        change = decide(wallet)
        await work.commit(change)
        moved = sum(t.amount if t.credit.owner == user_id else -t.amount for t in change.transfers)
        return Wallet(user_id, wallet.balance + moved, wallet.version + 1), False

    try:
        return await transact(context, script)
    except RequestRepeated:
        return await transact(context, script)
