"""A bug in what workers, people and operators do is found by the check that its rule has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from crypto_exchange.domain.late_fill import ALWAYS_US
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.use_cases import orders, reconciliation, trading
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.testing.simulation import replay
from crypto_exchange.entrypoints.testing.steps import (
    Answer,
    AnyStep,
    Buy,
    Cancel,
    Deposit,
    Down,
    Late,
    Pass,
    Setup,
    Speak,
    Work,
)

_CANCEL, _SEAL_DUE = orders.cancel, trading.seal_due
_MONEY = Deposit(person=0, cents=10_000)
_LARGE, _SMALL = Buy(person=0, plus=2_000), Buy(person=0, plus=200)


class Plant(NamedTuple):
    """A bug: what is replaced where, by what; the steps that meet it, and the check that finds it."""

    place: Any
    name: str
    bug: Callable[..., Any]
    steps: Sequence[AnyStep]
    check: str


async def counted_again(context: Context, user_id: int, order_id: int) -> Order:
    order = await _CANCEL(context, user_id, order_id)
    await context.tally.add(order.asset, order.total, direct=False)
    return order


async def told_that_nothing_waits(context: Context, symbol: str) -> Any:
    sealed = await _SEAL_DUE(context, symbol)
    await context.tally.overwrite(symbol, 0)
    return sealed


async def believed(*_: Any) -> None:
    return


PLANTS = {
    "no back-off before the next attempt": Plant(
        Policy,
        "backoff_us",
        lambda *_: 0,
        [Answer(kind="lost_before"), _LARGE, Work(), Pass(seconds=36), Work(), Work()],
        "I6 back-off before the next attempt",
    ),
    "late fills are asked after for a quarter of an hour": Plant(
        reconciliation,
        "is_asked_after",
        lambda age_us, _: age_us <= ALWAYS_US,
        [Answer(kind="reject", rejection="final"), _LARGE, Work(), Pass(seconds=3_600), Late()],
        "I11",
    ),
    "an operator's slip is believed": Plant(
        reconciliation,
        "_require_unexecuted",
        believed,
        [
            *(Answer(kind="lost_after"), _LARGE, Work(), Down(), Pass(seconds=3_601, fresh=False)),
            *(Work(), Down(down=False), Speak()),
        ],
        "I6 an operator's slip",
    ),
    "a cancelled order is counted again": Plant(
        orders, "cancel", counted_again, [_SMALL, Cancel(order=0)], "I12 the tally"
    ),
    "the tally is told that nothing waits": Plant(
        trading,
        "seal_due",
        told_that_nothing_waits,
        [_SMALL, Pass(seconds=3_599), _SMALL, Pass(seconds=1), Work()],
        "I12 tally",
    ),
}


def checks_of(plant: Plant) -> list[str]:
    steps = [_MONEY, *plant.steps]
    setup = Setup(quarantine=3_600, max_wait=3_600)
    return [found.check for found in replay(steps, setup=setup).violations]


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = PLANTS[name]
    monkeypatch.setattr(plant.place, plant.name, plant.bug)

    found = checks_of(plant)

    assert any(check.startswith(plant.check) for check in found), found


@pytest.mark.parametrize("name", PLANTS)
def test_without_the_bug_nothing_is_found(name: str) -> None:
    assert checks_of(PLANTS[name]) == []
