"""Rows written field by field, as no decision would, so that no two fields look alike."""

from __future__ import annotations

from crypto_exchange.domain.batch import Batch, BatchKind
from crypto_exchange.domain.money import CENT, DOLLAR
from crypto_exchange.domain.order import Order, OrderState, Reason
from crypto_exchange.domain.policy import Pricing
from crypto_exchange.domain.purchase import Purchase, PurchaseState
from crypto_exchange.entrypoints.testing.contracts.scene import START_US, Scene

KEY = "0123456789abcdef01234567"
HUGE = 10**27 + 1
"""A billion coins of the finest scale: beyond 64 bits, and beyond what a float tells apart."""
FOREIGN = 'it\'s "odd"; 100 % \\ \u00e5\u2082\U0001f600\n'
"""What an exchange or a person may say."""


async def an_order(
    scene: Scene,
    *,
    state: OrderState = OrderState.FAILED,
    reason: Reason | None = Reason.UNFILLED,
    batch: str | None = "f" * 24,
) -> Order:
    """An order of a new user, all of whose fields are different."""
    return Order(
        user_id=await scene.register(),
        id=await scene.store.ids.next_order_id(),
        asset="BTC",
        quantity=HUGE,
        unit_price=HUGE + 2,
        total=10**7 * DOLLAR,
        direct=True,
        pricing=Pricing.AVERAGE,
        state=state,
        created_at_us=START_US + 3,
        reason=reason,
        batch=batch,
        filled=HUGE + 4,
        charged=5 * CENT,
        version=6,
        risk="hold/1 structuring",
    )


def a_batch(
    key: str = KEY,
    *,
    kind: BatchKind = BatchKind.DIRECT,
    pricing: Pricing = Pricing.QUOTED,
    attempt: int = 1,
    used: int = 0,
    surplus: int = 0,
) -> Batch:
    """A live batch of no orders."""
    return Batch(
        key=key,
        asset="BTC",
        kind=kind,
        pricing=pricing,
        attempt=attempt,
        used=used,
        surplus=surplus,
        counted=2,
        checks=3,
        due_at_us=START_US + 4,
        created_at_us=START_US + 5,
        version=6,
    )


def a_purchase(
    attempt: int,
    *,
    batch: str = KEY,
    state: PurchaseState = PurchaseState.SUBMITTING,
    timestamp_ms: int = START_US // 1_000,
    code: str | None = None,
    message: str | None = None,
) -> Purchase:
    """An attempt of `a_batch`."""
    return Purchase(
        batch=batch,
        attempt=attempt,
        asset="BTC",
        scale=18,
        quantity=HUGE + attempt,
        timestamp_ms=timestamp_ms,
        window_ms=5_000 + attempt,
        state=state,
        code=code,
        message=message,
    )
