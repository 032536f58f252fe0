"""An exchange in memory: fills everything at its prices unless told otherwise, and remembers."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import msgspec

from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.errors import OutcomeUnknown, Unavailable
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import USD_SCALE, pow10
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.purchase import (
    Absent,
    Filled,
    Finding,
    Outcome,
    Purchase,
    Rejected,
    RejectionKind,
)
from crypto_exchange.domain.simulation import FullFills

FOUND_UNTIL_MS = 30_000
"""How long after its window a purchase may have been executed and still be ours (SPEC: Purchase)."""


class Silence(enum.Enum):
    """The two ways to get no answer, which look the same from outside."""

    BEFORE = "the purchase got lost on its way there"
    AFTER = "it was executed, and the answer got lost"


class Executed(msgspec.Struct, frozen=True):
    """What the exchange remembers of an order."""

    purchase: Purchase
    outcome: Filled
    at_ms: int


class MemoryExchange:
    """Put `Filled`, `Rejected` or `Silence` into `script` to be met by the next purchases in turn.

    `prices` (10⁻¹² dollars), `balances` (10⁻⁸) and `reach` (ms) may be written; `rules` None means that it does not trade.
    While `down` is set nothing answers, while `clock_unread` is its clock is not known. Below the minimum notional a purchase is rejected.
    """

    def __init__(self, assets: Sequence[Asset], policy: Policy, now_ms: Callable[[], int]) -> None:
        self._fill = FullFills(policy)
        self._now_ms = now_ms
        self._assets = {asset.symbol: asset for asset in assets}
        self.prices = {asset.symbol: asset.price for asset in assets if asset.price is not None}
        self.rules: dict[Symbol, MarketRule | None] = {a.symbol: a.rule for a in assets}
        self.balances: dict[str, int] = {}
        self.script: deque[Outcome | Silence] = deque()
        self.executed: dict[str, Executed] = {}
        self.received: list[Purchase] = []
        self.down = False
        self.clock_unread = False
        self.reach = 90 * 24 * 3600 * 1_000

    async def list_prices(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, int]:
        self._answer()
        return {symbol: self.prices[symbol] for symbol in symbols if symbol in self.prices}

    async def list_rules(self, scales: Mapping[Symbol, int]) -> Mapping[Symbol, MarketRule | None]:
        self._answer()
        return {symbol: self.rules.get(symbol) for symbol in scales}

    async def list_balances(self, scales: Mapping[str, int]) -> Mapping[str, int]:
        self._answer()
        return {
            currency: amount * pow10(scales.get(currency, USD_SCALE)) // pow10(USD_SCALE)
            for currency, amount in self.balances.items()
        }

    def now_ms(self) -> int:
        if self.clock_unread:
            raise Unavailable("the exchange's clock has not been read yet")
        return self._now_ms()

    async def submit(self, purchase: Purchase) -> Outcome:
        if self.down or self.now_ms() > purchase.window_end_ms:
            raise OutcomeUnknown(f"{purchase.client_order_id} was not sent in time")
        self.received.append(purchase)
        step = self.script.popleft() if self.script else None
        if step is Silence.BEFORE:
            raise OutcomeUnknown(f"no answer to {purchase.client_order_id}")
        scripted = None if isinstance(step, Silence) else step
        outcome = scripted or self._refuse(purchase) or self._buy(purchase)
        if isinstance(outcome, Filled):
            self.executed[purchase.client_order_id] = Executed(purchase, outcome, self.now_ms())
        if step is Silence.AFTER:
            raise OutcomeUnknown(f"no answer to {purchase.client_order_id}")
        return outcome

    async def find(self, purchase: Purchase) -> Finding:
        self._answer()
        found = self.executed.get(purchase.client_order_id)
        if found is None or not _is_ours(found, purchase):
            return Absent(answered_ms=self.now_ms())
        return found.outcome

    async def find_late(self, purchase: Purchase) -> Filled | None:
        self._answer()
        found = self.executed.get(purchase.client_order_id)
        return found.outcome if found is not None and _is_same(found, purchase) else None

    def reach_ms(self) -> int:
        return self.reach

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("the exchange does not answer")

    def _refuse(self, purchase: Purchase) -> Rejected | None:
        """Check the purchase as real exchanges do: whole lots, worth the minimum, within the limits."""
        rule, price = self.rules.get(purchase.asset), self.prices.get(purchase.asset)
        if rule is None or price is None:
            return Rejected(kind=RejectionKind.VENUE, code="halted", message="Market is closed.")
        value = self._bought(purchase, price).fills[0].cost
        too_much = rule.max_quantity and purchase.quantity > rule.max_quantity
        too_little = value < rule.min_notional or purchase.quantity < rule.min_quantity
        if purchase.quantity % rule.lot_step or too_much or too_little:
            return Rejected(kind=RejectionKind.RULES, code="filter", message="Filter failure.")
        return None

    def _buy(self, purchase: Purchase) -> Filled:
        return self._bought(purchase, self.prices[purchase.asset])

    def _bought(self, purchase: Purchase, price: int) -> Filled:
        listed = self._assets[purchase.asset]
        return self._fill(purchase, msgspec.structs.replace(listed, price=price))


def _is_same(found: Executed, purchase: Purchase) -> bool:
    """But for its time."""
    asked = found.purchase
    same = asked.asset == purchase.asset and asked.quantity == purchase.quantity
    return same and found.at_ms >= purchase.timestamp_ms


def _is_ours(found: Executed, purchase: Purchase) -> bool:
    until_ms = purchase.window_end_ms + FOUND_UNTIL_MS
    return _is_same(found, purchase) and found.at_ms <= until_ms
