"""Planner: `domain.plan.plan_purchase` in plain integers, for purchases without a maximum and fees in dollars."""

from __future__ import annotations

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.money import PRICE_SCALE, USD_SCALE, pow10
from crypto_exchange.domain.plan import minimum_value
from crypto_exchange.domain.policy import Policy


class Planner:
    """One asset's plans. `minimum` is what the exchange surely accepts, 10⁻⁸ dollars."""

    def __init__(self, asset: Asset, policy: Policy) -> None:
        unit = pow10(asset.scale + PRICE_SCALE - USD_SCALE)
        self.minimum = minimum_value(asset, policy)
        self._cap, self._floor = policy.inventory_cap * unit, self.minimum * unit
        self._fewest, self._lot = max(asset.rule.min_quantity, 1), asset.rule.lot_step
        self._price = self._smallest = self._room = 0

    def plan(
        self, quantity: int, price: int, free: int, expected: int, *, direct: bool = False
    ) -> tuple[int, int] | None:
        """(bought, used) with so many coins free and expected, or None if it is not feasible. All free
        coins are used, so nothing but what is expected is left beside the surplus.
        """
        need = quantity - free
        if need <= 0:
            return 0, quantity
        if price != self._price:  # it seldom is
            self._see(price)
        smallest, room = self._smallest, self._room
        buy = smallest if need <= smallest else -(-need // self._lot) * self._lot
        if direct and smallest > room:
            room = smallest
        return (buy, free) if expected + buy - need <= room else None

    def _see(self, price: int) -> None:
        """Note the smallest purchase, and the inventory that the cap leaves room for, at a price."""
        fewest = max(-(-self._floor // price), self._fewest)
        self._price, self._room = price, self._cap // price
        self._smallest = -(-fewest // self._lot) * self._lot
