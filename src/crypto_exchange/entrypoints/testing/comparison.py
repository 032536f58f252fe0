"""Comparison: what the adapters say of the broker, against what the model says."""

from __future__ import annotations

from itertools import islice

from crypto_exchange.domain.errors import NotFound, UnknownAsset
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.order import FINAL_STATES, Order
from crypto_exchange.domain.receipt import list_faults, make_receipt
from crypto_exchange.domain.use_cases import currencies, reconciliation
from crypto_exchange.entrypoints.testing.model import ModelOrder
from crypto_exchange.entrypoints.testing.reach import sometimes
from crypto_exchange.entrypoints.testing.steps import SYMBOLS
from crypto_exchange.entrypoints.testing.violations import Violation
from crypto_exchange.entrypoints.testing.world import World

LOOKS_MS = 15_000
"""The longest between two looks at an unknown outcome, and how far clocks may differ."""
NEWEST = 60
"""So many batches are looked at: an older one without an outcome was noticed before."""
UNLISTED = "AAA"
"""A symbol before all that are listed."""
NEWEST_LOOKED_AT = 3
"""So many batches are looked at after every step; at the end `NEWEST`."""
_UNKNOWN = {"submitting", "unknown"}
_NOT_BOOKED = {"not_placed", "rejected", "unknown to the books"}


async def compare(world: World) -> None:
    """Look at everything that the adapters keep, and at what the exchange has seen."""
    await _ledger(world)
    await _wallets(world)
    await _inventory(world)
    await _batches(world, NEWEST_LOOKED_AT)
    await _orders(world)
    await _books(world)
    _exchange(world)


async def reconcile(world: World) -> None:
    """What is kept at the exchange is what the books say is kept there."""
    context = world.api.context
    mirror = await context.queries.get_mirror()
    kept = await world.exchange.list_balances(mirror.scales)
    world.claim("I6 purchases in flight at the end", (), mirror.in_flight)
    for currency in sorted({*mirror.balances, *kept}):
        expected, was = mirror.balances.get(currency, 0), kept.get(currency, 0)
        world.claim(f"I6 balance of {currency} at the exchange", expected, was)
    await _batches(world, NEWEST)
    await _books(world)
    try:
        unlisted = (await currencies.get_asset(context, UNLISTED)).symbol
    except UnknownAsset as error:
        unlisted = error.code
    world.claim(f"I8 what is found as {UNLISTED}", UnknownAsset.code, unlisted)
    for batch in world.model.batches.values():
        world.claim(f"I12 batch {batch.key} is closed", False, batch.live)


def require_outcomes(world: World) -> None:
    """I12: after an undisturbed round no outcome is unknown any more that the exchange would tell, or
    that is an operator's by now; nor is anything that needs none.

    Absence can be proven 30 s after the window, and somebody looks every 10 s at least; clocks may
    differ by 5 s.
    """
    now_ms = world.sim.clock.now_us() // 1_000
    wrong = any(process.clock.offset_us for process in world.processes.values())
    if wrong or now_ms < world.turned_us // 1_000 + LOOKS_MS:
        return
    margin_ms = world.policy.absence_margin_ms + LOOKS_MS
    patience_ms = min(world.policy.quarantine_us // 1_000, world.exchange.reach) + LOOKS_MS
    for batch in islice(reversed(tuple(world.model.batches.values())), NEWEST):
        if batch.live and batch.last.state == "none":
            world.claim(f"I12 batch {batch.key}, which buys nothing", "settled", "under way")
        if not batch.live or batch.last.state not in _UNKNOWN:
            continue
        sent_ms = batch.last.timestamp_ms
        name = f"I12 attempt {len(batch.attempts)} of {batch.key}"
        if not world.exchange.down:
            until_ms = sent_ms + batch.last.window_ms + margin_ms
            world.claim(f"{name} has an outcome", True, now_ms <= until_ms)
        else:
            world.claim(f"{name} is in quarantine", True, now_ms <= sent_ms + patience_ms)


async def require_known_near_by(world: World) -> None:
    """I8: what is near by says as the store does whether an asset is bought, and by which rules."""
    for asset in await world.adapters.queries.list_assets():
        near = await world.cache.find(asset.symbol)
        if near is not None:
            kept = asset.halted, asset.trading, asset.rule
            told = near.halted, near.trading, near.rule
            world.claim(f"I8 {asset.symbol} near by: halted, traded, rules", kept, told)


async def _ledger(world: World) -> None:
    """I1, I10: every account has the balance that follows from the history, and all sum to zero."""
    rows = await world.adapters.queries.list_ledger()
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, 0) + row.balance
    world.claim("I10 currencies sum to zero", {}, {c: n for c, n in sums.items() if n})
    expected = {name: n for name, n in world.model.accounts().items() if n}
    found = {row.account: row.balance for row in rows if row.balance}
    if expected != found:
        names = sorted(n for n in {**expected, **found} if expected.get(n, 0) != found.get(n, 0))
        for name in names[:5]:
            was = found.get(name, 0)
            world.report(
                [Violation("I10 ledger", f"{name}: expected {expected.get(name, 0)}, was {was}")]
            )


async def _wallets(world: World) -> None:
    queries, model = world.adapters.queries, world.model
    held: dict[UserId, dict[str, tuple[int, int]]] = {user: {} for user in world.people}
    for (user_id, symbol), (quantity, cost) in model.holdings.items():
        if quantity and user_id in held:
            held[user_id][symbol] = (quantity, cost)
    for user_id in world.people:
        wallet = await queries.get_wallet(user_id)
        world.claim(f"I1 wallet of {user_id}", model.wallets.get(user_id, 0), wallet.balance)
        rows = await queries.list_holdings(user_id)
        found = {row.asset: (row.quantity, row.cost) for row in rows}
        world.claim(f"I5 holdings of {user_id}", held[user_id], found)


async def _inventory(world: World) -> None:
    """I4: the house's coins, as a worker would be given them to decide on."""
    for symbol in SYMBOLS:
        async with world.adapters.begin() as work:
            row = (await work.get_book(symbol, limit=1)).inventory
            work.abandon()
        expected = world.model.inventory.get(symbol)
        should = (
            (0, 0, 0)
            if expected is None
            else (expected.quantity, expected.reserved, expected.expected)
        )
        found = (row.quantity, row.reserved, row.expected)
        world.claim(f"I4 inventory of {symbol}: coins, reserved, expected", should, found)
        turned = (0, 0) if expected is None else (expected.failures, expected.retry_at_us)
        name = f"I6 back-off of {symbol}: failures, until"
        world.claim(name, turned, (row.failures, row.retry_at_us))


async def _batches(world: World, newest: int) -> None:
    """I4, I6: batches and their last attempts, as a worker would be given them to decide on."""
    for batch in islice(reversed(tuple(world.model.batches.values())), newest):
        async with world.adapters.begin() as work:
            opened = await work.get_batch(batch.key)
            work.abandon()
        row, purchase = opened.batch, opened.purchase
        attempt = "none" if purchase is None else purchase.state.value
        expected = (batch.state, batch.live, len(batch.attempts), batch.last.state)
        found = (row.state.value, row.live, row.attempt, attempt)
        world.claim(f"I6 batch {batch.key}: state, live, attempts, the last one", expected, found)
        name = f"I4 batch {batch.key}: reserved and expected"
        world.claim(name, (batch.used, batch.surplus), (row.used, row.surplus))
        if batch.state == "sealed":
            world.claim(f"I6 batch {batch.key}: counted", batch.counted, row.counted)


async def _orders(world: World) -> None:
    """What has changed since the last look, each as its owner sees it."""
    owners = {order.id: order.user_id for order in world.orders}
    for order_id in sorted(world.touched):
        expected = world.model.orders.get(order_id)
        try:
            view = await world.adapters.queries.get_order(owners[order_id], order_id)
        except NotFound:
            world.claim(f"order {order_id}", expected, "not found")
            continue
        if expected is None:
            world.claim(f"order {order_id}", "no such order", view.order)
            continue
        world.claim(f"I9 order {order_id}", _of_model(expected), _of_order(view.order))
        if view.order.state in FINAL_STATES and view.order.filled:
            await _receipt(world, view.order)
    world.touched.clear()


async def _receipt(world: World, order: Order) -> None:
    try:
        view = await world.adapters.queries.get_statement(order.user_id, order.id)
    except NotFound:
        world.claim(f"I5 receipt of order {order.id}", "a statement of its batch", "none")
        return
    for fault in list_faults(make_receipt(view.order, view.statement)):
        world.report([Violation("I5 receipt", f"order {order.id}: {fault}")])


async def _books(world: World) -> None:
    """I10: they agree with themselves, and with the exchange but for what is under way."""
    for difference in (await reconciliation.look(world.api.context)).differences:
        world.report([Violation("I10 the books' own audit", f"{difference}")])


def _exchange(world: World) -> None:
    """I6: what the exchange executed is booked, or its attempt is still under way."""
    world.report(world.exchange.violations)
    world.exchange.violations.clear()
    for name, execution in world.exchange.executed.items():
        sometimes("a trade told twice", happened=execution.twice)
        batch, _, number = name.rpartition("-")
        known = world.model.batches.get(batch)
        attempts = () if known is None else known.attempts[int(number) - 1 : int(number)]
        state = attempts[0].state if attempts else "unknown to the books"
        nothing_late = execution.late and not execution.filled.quantity
        if state in _NOT_BOOKED and not nothing_late:
            world.report(
                [Violation("I6 executed and not booked", f"{name} is {state}: {execution}")]
            )


def _of_model(order: ModelOrder) -> tuple[object, ...]:
    return (
        order.user_id,
        order.asset,
        order.quantity,
        order.unit_price,
        order.total,
        order.direct,
        order.pricing,
        order.state,
        order.reason,
        order.filled,
        order.charged,
    )


def _of_order(order: Order) -> tuple[object, ...]:
    return (
        order.user_id,
        order.asset,
        order.quantity,
        order.unit_price,
        order.total,
        order.direct,
        order.pricing.value,
        order.state.value,
        None if order.reason is None else order.reason.value,
        order.filled,
        order.charged,
    )
