"""Orders: place, once per idempotency key, cancel, and show the receipt."""

from __future__ import annotations

from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import NotFound, RequestRepeated
from crypto_exchange.domain.ids import OrderId, UserId
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.placement import PlaceOrder, cancel_order, place_order
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.receipt import Receipt, make_receipt
from crypto_exchange.domain.screening import screen
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.use_cases.currencies import get_asset
from crypto_exchange.domain.use_cases.screening import screen_order
from crypto_exchange.domain.use_cases.wallets import find_repeated, load_wallet


async def place(
    context: Context, command: PlaceOrder, session_id: str | None = None
) -> tuple[Order, int, bool]:
    """Place an order; returns it, its asset's scale, and whether this is a repetition.

    The worker is told after the commit, unless the fraud rules hold the order. Raises as
    `placement.place_order`, `StepUpRequired` and `Denied` if they say so, and `Unauthenticated` if the
    session that asks has ended.
    """
    try:
        order, scale, repeated = await _place(context, command, session_id)
    except RequestRepeated:
        order, scale, repeated = await _place(context, command, session_id)
    if not (repeated or order.held):
        await context.tally.add(order.asset, order.total, direct=order.direct)
    return order, scale, repeated


async def cancel(
    context: Context, user_id: UserId, order_id: OrderId, session_id: str | None = None
) -> Order:
    """Cancel a waiting order.

    Raises `NotFound`, `TooLate`, and `Unauthenticated` if the session that asks has ended.
    """

    async def script(work: UnitOfWork) -> Order:
        wallet = await load_wallet(work, user_id, session_id)
        order = await work.get_order(user_id, order_id)
        change = cancel_order(order, wallet=wallet, at_us=context.clock.now_us())
        change = screen(change, context.policy).change
        await work.commit(change)
        return change.orders[0].after

    order = await transact(context, script)
    await context.tally.add(order.asset, -order.total, direct=False)
    return order


async def get_receipt(context: Context, user_id: UserId, order_id: OrderId) -> Receipt:
    """What a user's own order got of the batch that settled it.

    Raises:
        NotFound: there is no such order, or no batch has settled it.
    """
    try:
        view = await context.queries.get_statement(user_id, order_id)
    except NotFound:
        order = (await context.queries.get_order(user_id, order_id)).order
        was = f"order {order.id}, {order.state.value} and not settled by a batch"
        raise NotFound("receipt", was) from None
    return make_receipt(view.order, view.statement)


async def _place(
    context: Context, command: PlaceOrder, session_id: str | None
) -> tuple[Order, int, bool]:
    async def script(work: UnitOfWork) -> tuple[Order, int, bool]:
        wallet = await load_wallet(work, command.user_id, session_id)
        stored = await find_repeated(work, command.user_id, command.request)
        asset = await get_asset(context, command.asset)
        if stored is not None:
            work.abandon()
            order = await work.get_order(command.user_id, stored.resource_id)
            return order, asset.scale, True
        change: Change = place_order(
            command,
            wallet=wallet,
            asset=asset,
            policy=context.policy,
            order_id=await context.ids.next_order_id(),
            at_us=context.clock.now_us(),
        )
        if context.policy.risk is not None:
            change = await screen_order(context, work, change, command.verified_at_us)
        await work.commit(change)
        return change.new_orders[0], asset.scale, False

    return await transact(context, script)
