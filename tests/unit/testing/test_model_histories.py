"""Whatever happens to a broker, the model finds no fault with it, and has the same books."""

from __future__ import annotations

from functools import cache

import pytest

from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.policy import FeeIn, OnDeadline, Policy, Pricing
from crypto_exchange.entrypoints.testing.model import ReferenceModel, check_history
from tests.unit.testing.alterations import as_exported, decoded
from tests.unit.testing.histories import Broker, a_history


@cache
def broker(seed: int) -> Broker:
    return a_history(seed, 100)


@pytest.mark.parametrize("seed", range(60))
def test_a_sound_history_has_no_violation_and_the_model_has_its_books(seed: int) -> None:
    lived, model = broker(seed), ReferenceModel()
    drained = lived.policy.on_deadline is not OnDeadline.WAIT

    found = [violation for record in lived.records for violation in model.feed(record)]

    assert found == []
    assert model.finish(lived.clock.now_us(), drained=drained) == []
    assert model.accounts() == {name: n for name, n in lived.state.ledger().items() if n}
    assert model.holdings == {key: row for key, row in lived.state.holdings.items() if row[0]}
    assert model.wallets == {w.user_id: w.balance for w in lived.state.wallets.values()}
    for order in lived.state.orders.values():
        own = model.orders[order.id]
        assert (own.state, own.filled, own.charged) == (
            order.state.value,
            order.filled,
            order.charged,
        )
        assert own.reason == (None if order.reason is None else order.reason.value)
        assert own.refunded == order.refunded
    for symbol, row in lived.state.inventory.items():
        expected = model.inventory[symbol]
        for field in ("quantity", "reserved", "expected", "failures", "retry_at_us", "free"):
            assert getattr(expected, field) == getattr(row, field), (symbol, field)


@pytest.mark.parametrize("seed", range(20))
def test_an_export_of_a_sound_history_has_no_violation(seed: int) -> None:
    records = as_exported(decoded(broker(seed).records))

    assert check_history(records) == []
    assert check_history(records[1:]) == []


def test_events_themselves_are_a_history_too() -> None:
    lived = broker(1)

    assert check_history(lived.state.events, policy={}, assets=[{"symbol": "BTC"}]) != []
    assert check_history(lived.state.events) == []


@pytest.mark.parametrize("pricing", Pricing)
@pytest.mark.parametrize("fee_in", FeeIn)
@pytest.mark.parametrize("on_deadline", OnDeadline)
def test_every_policy_has_sound_histories(
    pricing: Pricing, fee_in: FeeIn, on_deadline: OnDeadline
) -> None:
    policy = Policy(
        pricing=pricing,
        fee_in=fee_in,
        on_deadline=on_deadline,
        spread_bps=35,
        batch_limit=3,
        inventory_cap=DOLLAR,
    )

    lived = a_history(7, 80, policy)

    drained = on_deadline is not OnDeadline.WAIT
    assert check_history(lived.records, drained=drained) == []
