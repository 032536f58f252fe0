"""Settling: who gets which coins of a purchase, what they pay, and where the rest goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crypto_exchange.entrypoints.testing.model import checks
from crypto_exchange.entrypoints.testing.model.arithmetic import (
    CENT,
    round_up,
    split,
    tie_name,
)
from crypto_exchange.entrypoints.testing.model.books import Books, Fields, Findings
from crypto_exchange.entrypoints.testing.model.rows import IN_FLIGHT, ModelBatch, ModelOrder


def settled(books: Books, event: Fields) -> Findings:
    """Members get coins and pay; the batch is closed."""
    batch, wrong = books.find_batch(event)
    yield from wrong
    if batch is None:
        return
    if batch.state != "sealed" or not batch.live or batch.last.state not in IN_FLIGHT | {"none"}:
        was = f"{batch.state}, its last attempt {batch.last.state}"
        yield checks.FINAL, f"expected batch {batch.key} to wait for a purchase, was {was}"
        return
    fees = dict(event.get("fees") or ())
    yield from _fill_faults(books, event, batch, len(batch.attempts), fees)
    yield from _amount_faults(event, batch)
    orders, faults = books.find_orders(event, [each[:2] for each in event["outcomes"]])
    yield from faults
    if {o.id for o in orders} != set(batch.members):
        told = sorted(o.id for o in orders)
        yield checks.OUTCOME, f"expected an outcome for each of {sorted(batch.members)}, was {told}"
    parts = {each[1]: each[2:] for each in event["outcomes"] if each[1] in batch.members}
    if event.get("fees") is not None:
        yield from _share_faults(event, batch, fees, parts)
    yield from _resolution_faults(books, event, batch)
    _book(books, event, batch, fees, parts)


def bought_late(books: Books, event: Fields) -> Findings:
    """The exchange executed what was given up: the house keeps it, and somebody has to look."""
    batch, wrong = books.find_batch(event)
    yield from wrong
    if batch is None:
        return
    number, fees = event["attempt"], dict(event.get("fees") or ())
    known = 0 < number <= len(batch.attempts)
    state = batch.attempts[number - 1].state if known else "unknown"
    if state not in {"rejected", "not_placed"}:
        said = f"expected an attempt that was given up, was {batch.key}-{number} {state}"
        yield checks.LATE, said
        return
    batch.attempts[number - 1].state = "late"
    if event["bought"] <= 0:
        yield checks.LATE, f"expected coins in a late fill, was {event['bought']}"
    yield from _fill_faults(books, event, batch, number, fees)
    symbol = batch.asset
    _buy(books, event, symbol, f"house:inventory:{symbol}", "house:pnl:USD", fees)
    net = event["bought"] - fees.get(symbol, 0)
    row = books.inventory[symbol]
    row.quantity += net
    row.late.append(net)
    yield from _negative(books, symbol)
    subject = f"{batch.key}-{number}"
    found = event["bought"]
    books.owe("BreakOpened", kind="late_fill", subject=subject, expected=0, found=found)


def shares(batch: ModelBatch, available: int, cost: int) -> dict[int, tuple[int, int]]:
    """What each member gets and pays: {order: (filled, charged)}."""
    members = list(batch.members.values())
    if batch.pricing == "average":
        return _average_shares(batch.key, members, available, cost)
    filled = dict[int, int]()
    left = available
    for group in ([o for o in members if not o.direct], [o for o in members if o.direct]):
        wanted = [o.quantity for o in group]
        names = [tie_name(batch.key, o.id) for o in group]
        parts = wanted if sum(wanted) <= left else split(left, wanted, names)
        filled.update({o.id: part for o, part in zip(group, parts, strict=True)})
        left -= sum(parts)
    return {
        o.id: (filled[o.id], round_up(o.total * filled[o.id], o.quantity * CENT) * CENT)
        for o in members
    }


def _average_shares(
    key: str, members: list[ModelOrder], available: int, cost: int
) -> dict[int, tuple[int, int]]:
    totals = [o.total for o in members]
    names = [tie_name(key, o.id) for o in members]
    together = min(sum(totals), round_up(cost, CENT) * CENT)
    coins = split(available, totals, names)
    cents = split(together // CENT, totals, names)
    return {
        o.id: (part, cent * CENT if part else 0)
        for o, part, cent in zip(members, coins, cents, strict=True)
    }


def _share_faults(
    event: Fields, batch: ModelBatch, fees: dict[str, int], parts: Mapping[int, Any]
) -> Findings:
    available = event["used"] + event["bought"] - fees.get(batch.asset, 0)
    if available < 0:
        yield checks.NEGATIVE, f"expected coins to share in batch {batch.key}, was {available}"
        return
    cost = event["cost"] + fees.get("USD", 0)
    for order_id, (filled, charged) in shares(batch, available, cost).items():
        if order_id not in parts:
            continue
        was = tuple(parts[order_id][:2])
        if was != (filled, charged):
            said = f"order {order_id}: expected {filled} units for {charged} (10⁻⁸)"
            yield checks.SHARES, f"{said} of {available}, was {was[0]} for {was[1]}"


def _amount_faults(event: Fields, batch: ModelBatch) -> Findings:
    if event["used"] != batch.used:
        said = f"expected the {batch.used} coins used that were reserved, was {event['used']}"
        yield checks.RESERVED, said
    if not 0 <= event["bought"] <= batch.last.quantity or event["cost"] < 0:
        was = f"{event['bought']} for {event['cost']} (10⁻⁸)"
        yield checks.FILLS, f"expected at most {batch.last.quantity} units bought, was {was}"
    if not event["bought"] and (event["cost"] or event.get("fees")):
        was = f"{event['cost']} (10⁻⁸) and fees {event.get('fees')}"
        yield checks.FILLS, f"expected nothing to cost anything, was {was}"
    for _, order_id, _, charged, refunded in event["outcomes"]:
        order = batch.members.get(order_id)
        if order is None:
            continue
        if charged < 0 or refunded < 0 or charged + refunded != order.total:
            said = f"order {order_id}: expected {order.total} (10⁻⁸) charged and refunded together"
            yield checks.CASH, f"{said}, was {charged} and {refunded}"


def _resolution_faults(books: Books, event: Fields, batch: ModelBatch) -> Findings:
    """An operator's word and the fill agree on whether it was whole."""
    whole = "filled" if event["bought"] >= batch.last.quantity else "partially_filled"
    if books.resolved is not None and books.resolved != whole:
        yield checks.ATTEMPT, f"expected an outcome {whole}, was {books.resolved}"


def _fill_faults(
    books: Books, event: Fields, batch: ModelBatch, number: int, fees: dict[str, int]
) -> Findings:
    """Trades, if they were told, are the attempt's own, counted once, and sum up to the event."""
    told, books.fills = books.fills, None
    if told is None:
        return
    if (told["batch"], told["attempt"]) != (batch.key, number):
        was = f"{told['batch']}-{told['attempt']}"
        yield checks.FILLS, f"expected trades of {batch.key}-{number}, was {was}"
        return
    trades = told["fills"]
    if len({each["trade_id"] for each in trades}) != len(trades):
        yield checks.FILLS, f"expected every trade of {batch.key}-{number} once, was one twice"
    sums = dict[str, int]()
    for each in trades:
        currency = each.get("fee_currency", "USD")
        sums[currency] = sums.get(currency, 0) + each.get("fee", 0)
    found = [sum(each[name] for each in trades) for name in ("quantity", "cost")]
    if found != [event["bought"], event["cost"]]:
        was = f"{event['bought']} for {event['cost']}"
        yield checks.FILLS, f"expected {found[0]} units for {found[1]} (10⁻⁸) of trades, was {was}"
    taken = {currency: fee for currency, fee in sums.items() if fee}
    if event.get("fees") is not None and fees != taken:
        yield checks.FILLS, f"expected fees {taken} of the trades, was {fees}"


def _book(
    books: Books,
    event: Fields,
    batch: ModelBatch,
    fees: dict[str, int],
    parts: Mapping[int, Any],
) -> None:
    """Write what the event says: members, the house's part, the inventory row."""
    symbol, whole = batch.asset, event["bought"] >= batch.last.quantity
    coins, dollars = f"clearing:{batch.key}:{symbol}", f"clearing:{batch.key}:USD"
    books.move(f"house:inventory:{symbol}", coins, event["used"])
    _buy(books, event, symbol, coins, dollars, fees)
    for order_id, (filled, charged, _) in parts.items():
        order = batch.members[order_id]
        books.move(coins, f"user:{order.user_id}:{symbol}", filled)
        books.move(f"suspense:{order.user_id}:USD", dollars, charged)
        _deliver(books, order, filled, charged, whole=whole)
    row, rest = books.inventory[symbol], books.accounts[coins]
    books.move(coins, f"house:inventory:{symbol}", rest)
    books.move(dollars, "house:pnl:USD", books.accounts[dollars])
    row.quantity += rest - event["used"]
    if batch.last.state != "none":
        row.failures, row.retry_at_us = 0, 0
        batch.last.state = "filled" if whole else "partially_filled"
    books.free(batch)
    batch.state = "settled"


def _deliver(books: Books, order: ModelOrder, filled: int, charged: int, *, whole: bool) -> None:
    order.filled, order.charged = filled, charged
    done = whole if order.pricing == "average" else filled == order.quantity
    if not filled:
        books.end(order, "failed", "unfilled")
        return
    books.end(order, "completed" if done else "partially_completed")
    key = order.user_id, order.asset
    quantity, cost = books.holdings.get(key, (0, 0))
    books.holdings[key] = quantity + filled, cost + charged


def _buy(
    books: Books, event: Fields, symbol: str, coins: str, dollars: str, fees: dict[str, int]
) -> None:
    """Coins from the venue, dollars and fees to it; a fee in a third coin is the house's."""
    books.move(f"venue:{symbol}", coins, event["bought"])
    books.move(dollars, "venue:USD", event["cost"])
    for currency, fee in fees.items():
        payer = {symbol: coins, "USD": dollars}.get(currency, f"house:fees:{currency}")
        books.move(payer, f"venue:{currency}", fee)


def _negative(books: Books, symbol: str) -> Findings:
    row = books.inventory[symbol]
    if min(row.quantity, row.reserved, row.free) < 0:
        was = f"{row.quantity} with {row.reserved} reserved"
        yield checks.NEGATIVE, f"expected no debt in the inventory of {symbol}, was {was}"
