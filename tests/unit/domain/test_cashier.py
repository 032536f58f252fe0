"""Cashier: deposits, withdrawals, capital, halts."""

from __future__ import annotations

import pytest

from crypto_exchange.domain import cashier, halting
from crypto_exchange.domain.change import Change, RequestKey
from crypto_exchange.domain.errors import AmountTooLarge, InsufficientFunds, InvalidAmount
from crypto_exchange.domain.ledger import balances
from crypto_exchange.domain.wallet import Wallet
from tests.builders import an_asset, usd


def moved(change: Change) -> dict[str, int]:
    return {account.name: amount for account, amount in balances(change.transfers).items()}


def test_a_deposit_comes_from_outside() -> None:
    wallet, request = Wallet(1, 0, 4), RequestKey("deposit", "key", "digest")

    change = cashier.deposit(
        cashier.Deposit(user_id=1, amount=usd("5"), request=request), wallet=wallet, at_us=9
    )

    assert moved(change) == {"external:USD": -usd("5"), "user:1:USD": usd("5")}
    assert change.wallet == wallet
    assert change.request is not None
    assert (change.request.operation, change.request.resource_id) == ("deposit", 0)


def test_a_withdrawal_of_everything_is_allowed_and_of_a_cent_more_is_not() -> None:
    wallet = Wallet(1, usd("5"))

    change = cashier.withdraw(cashier.Withdraw(user_id=1, amount=usd("5")), wallet=wallet, at_us=9)

    assert moved(change) == {"external:USD": usd("5"), "user:1:USD": -usd("5")}
    with pytest.raises(InsufficientFunds):
        cashier.withdraw(cashier.Withdraw(user_id=1, amount=usd("5.01")), wallet=wallet, at_us=9)


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [("0", InvalidAmount), ("0.005", InvalidAmount), ("10000000.01", AmountTooLarge)],
)
def test_only_whole_cents_up_to_ten_millions_move(amount: str, refusal: type[Exception]) -> None:
    wallet = Wallet(1, usd("99000000"))

    with pytest.raises(refusal):
        cashier.deposit(cashier.Deposit(user_id=1, amount=usd(amount)), wallet=wallet, at_us=9)
    with pytest.raises(refusal):
        cashier.withdraw(cashier.Withdraw(user_id=1, amount=usd(amount)), wallet=wallet, at_us=9)


def test_capital_is_the_counter_account_of_what_is_kept_at_the_venue() -> None:
    put, taken = cashier.fund({"BTC": 7}, at_us=1), cashier.fund({"USD": -7}, at_us=1)

    assert moved(put) == {"venue:BTC": -7, "house:capital:BTC": 7}
    assert moved(taken) == {"venue:USD": 7, "house:capital:USD": -7}
    assert cashier.fund({"USD": 0}, at_us=1) == Change()


def test_a_halt_changes_an_asset_once() -> None:
    asset = an_asset()

    change = halting.halt(asset, halted=True, at_us=1)

    after = change.assets[0].after
    assert (after.halted, after.version) == (True, asset.version + 1)
    assert halting.halt(after, halted=True, at_us=1) == Change()
    assert halting.halt(asset, halted=False, at_us=1) == Change()
