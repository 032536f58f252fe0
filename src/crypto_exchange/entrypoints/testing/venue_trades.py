"""Venue trades: the exchange's own rules and arithmetic, which it shares with nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.policy import FeeIn
from crypto_exchange.domain.purchase import Fill, Purchase, Rejected, RejectionKind
from crypto_exchange.entrypoints.testing.venue_script import Step, StepKind

USD, FEE_COIN = "USD", "FEE"
ONE = 1_000_000
"""Parts per million in one."""
REJECTIONS = {
    RejectionKind.VENUE: ("-1013", "Market is closed."),
    RejectionKind.RULES: ("-1013", "Filter failure: NOTIONAL"),
    RejectionKind.FINAL: ("-1100", "Illegal characters found in a parameter."),
}


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase is executed at: `price` in 10⁻¹² dollars a coin, before what it slips by."""

    rule: MarketRule
    price: int
    fee_in: FeeIn
    slippage_ppm: int


def reject(kind: RejectionKind) -> Rejected:
    """An everyday rejection of that kind."""
    code, message = REJECTIONS[kind]
    return Rejected(kind=kind, code=code, message=message)


def refuse(purchase: Purchase, terms: Terms) -> Rejected | None:
    """Check it as real exchanges do: whole lots, within the limits, worth the minimum."""
    if not is_in_lots(purchase.quantity, terms.rule):
        code, message = "-1013", "Filter failure: LOT_SIZE"
        return Rejected(kind=RejectionKind.RULES, code=code, message=message)
    worth = _cost(purchase.quantity, terms.price, purchase.scale)
    return reject(RejectionKind.RULES) if worth < terms.rule.min_notional else None


def is_in_lots(quantity: int, rule: MarketRule) -> bool:
    """Whether a quantity is of whole lots, at least one, and within the limits."""
    most = rule.max_quantity or quantity
    return max(rule.min_quantity, 1) <= quantity <= most and quantity % rule.lot_step == 0


def trade(purchase: Purchase, step: Step, terms: Terms) -> tuple[Fill, ...]:
    """Cut an execution into trades, each larger than the one before. Costs are rounded down to 10⁻⁸
    dollars, fees up to the unit of what they are taken in; a third coin is worth a dollar.
    """
    part_ppm = {StepKind.FILL: ONE, StepKind.ZERO: 0}.get(step.kind, step.fraction_ppm)
    price = -(-terms.price * (ONE + terms.slippage_ppm) // ONE)
    currency = {FeeIn.QUOTE: USD, FeeIn.COIN: purchase.asset, FeeIn.OTHER: FEE_COIN}[terms.fee_in]
    fills = []
    for number, quantity in enumerate(_cut(purchase.quantity * part_ppm // ONE, step.trades), 1):
        cost = _cost(quantity, price, purchase.scale)
        base = quantity if terms.fee_in is FeeIn.COIN else cost
        fill = Fill(
            trade_id=f"{purchase.client_order_id}-{number}",
            quantity=quantity,
            cost=cost,
            fee=-(-base * terms.rule.fee_ppm // ONE),
            fee_currency=currency,
        )
        fills.append(fill)
    return tuple(fills)


def balances_after(
    balances: Mapping[str, int], symbol: str, fills: Sequence[Fill]
) -> dict[str, int] | None:
    """What trades leave in the account, or None if it lacks something."""
    after = dict(balances)
    for fill in fills:
        for currency, amount in (
            (USD, -fill.cost),
            (symbol, fill.quantity),
            (fill.fee_currency, -fill.fee),
        ):
            after[currency] = after.get(currency, 0) + amount
    return after if all(amount >= 0 for amount in after.values()) else None


def _cost(quantity: int, price: int, scale: int) -> int:
    """Units × 10⁻¹² dollars a coin, as 10⁻⁸ dollars, rounded down."""
    return int(quantity * price // 10 ** (scale + 4))


def _cut(quantity: int, parts: int) -> list[int]:
    """At most so many parts in the ratios 1 : 2 : 3 …, as far as units allow."""
    whole = parts * (parts + 1)
    ends = [quantity * number * (number + 1) // whole for number in range(parts + 1)]
    return [end - start for start, end in pairwise(ends) if end > start]
