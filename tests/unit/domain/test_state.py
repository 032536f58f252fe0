"""State: what only it can do wrong; the contract suites test the rest."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Conflict, InvariantViolation
from crypto_exchange.domain.ledger import Transfer, TransferKind, suspense_account, user_account
from crypto_exchange.domain.state import State
from crypto_exchange.domain.wallet import Wallet
from tests.builders import NOW_US, a_simulation, an_asset, usd


def overdraft() -> Transfer:
    return Transfer(
        kind=TransferKind.PURCHASE,
        debit=user_account(1),
        credit=suspense_account(1),
        amount=usd("1000.01"),
        at_us=0,
    )


def test_a_change_that_would_overdraw_a_wallet_is_a_bug_and_writes_nothing() -> None:
    simulation, (user_id,) = a_simulation()
    before = simulation.ledger()

    with pytest.raises(InvariantViolation, match="would become negative"):
        simulation.state.apply(Change(transfers=(overdraft(),)))

    assert simulation.ledger() == before
    assert simulation.state.get_wallet(user_id).balance == usd("1000")


def test_an_asset_is_listed_once_and_keeps_its_inventory() -> None:
    state = State((an_asset(),))

    with pytest.raises(Conflict):
        state.apply(Change(new_assets=(msgspec.structs.replace(an_asset(), price=None),)))

    assert state.get_asset("BTC").price is not None


def test_the_wallet_of_nobody_has_changed() -> None:
    with pytest.raises(Conflict):
        State().apply(Change(wallet=Wallet(1)))


def test_a_price_of_the_same_moment_replaces_the_one_before() -> None:
    state = State((an_asset(),))

    state.save_prices({"BTC": 5, "NONE": 1}, NOW_US)
    state.save_prices({"BTC": 4}, NOW_US - 1)

    assert state.get_asset("BTC").price == 5
