"""Ledger: every transfer takes from one account what it gives to another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain.change import Change, Transition, balance_deltas, charges_by_holding
from crypto_exchange.domain.ledger import (
    Account,
    AccountKind,
    Transfer,
    TransferKind,
    balances,
    clearing_account,
    house_account,
    refund,
    suspense_account,
    user_account,
)
from crypto_exchange.domain.order import deliver, seal
from tests.builders import an_order, usd

ACCOUNTS = [
    user_account(1),
    user_account(2),
    user_account(1, "BTC"),
    suspense_account(1),
    clearing_account("key"),
    clearing_account("key", "BTC"),
    house_account(AccountKind.INVENTORY, "BTC"),
    house_account(AccountKind.VENUE, "BTC"),
    house_account(AccountKind.PNL),
]


def transfers() -> st.SearchStrategy[Transfer]:
    pairs = st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS))
    return st.builds(
        lambda pair, amount: Transfer(
            kind=TransferKind.CHARGE, debit=pair[0], credit=pair[1], amount=amount, at_us=0
        ),
        pairs.filter(lambda pair: pair[0].currency == pair[1].currency),
        st.integers(1, 10**20),
    )


@given(st.lists(transfers()))
def test_every_currency_sums_to_zero(rows: list[Transfer]) -> None:
    sums = {"USD": 0, "BTC": 0}
    for account, amount in balances(rows).items():
        sums[account.currency] += amount

    assert sums == {"USD": 0, "BTC": 0}


@given(st.lists(transfers()))
def test_balances_that_are_kept_move_as_the_ledger_does(rows: list[Transfer]) -> None:
    sums, deltas = balances(rows), balance_deltas(tuple(rows))

    for user_id in (1, 2):
        assert deltas.wallets.get(user_id, 0) == sums.get(user_account(user_id), 0)
    assert deltas.holdings.get((1, "BTC"), 0) == sums.get(user_account(1, "BTC"), 0)
    inventory = sums.get(house_account(AccountKind.INVENTORY, "BTC"), 0)
    assert deltas.inventory.get("BTC", 0) == inventory


def test_accounts_are_named_by_kind_owner_and_currency() -> None:
    names = [account.name for account in ACCOUNTS]

    assert names == [
        "user:1:USD",
        "user:2:USD",
        "user:1:BTC",
        "suspense:1:USD",
        "clearing:key:USD",
        "clearing:key:BTC",
        "house:inventory:BTC",
        "venue:BTC",
        "house:pnl:USD",
    ]
    assert Account(AccountKind.FEES, "BNB").name == "house:fees:BNB"
    assert Account(AccountKind.CAPITAL, "USD").name == "house:capital:USD"
    assert Account(AccountKind.EXTERNAL, "USD").name == "external:USD"


def test_a_transfer_belongs_to_the_user_it_touches_or_to_the_house() -> None:
    given_back = refund(7, 3, usd("1"), at_us=0)
    funded = Transfer(
        kind=TransferKind.FUNDING,
        debit=house_account(AccountKind.VENUE),
        credit=house_account(AccountKind.CAPITAL),
        amount=1,
        at_us=0,
    )

    assert (given_back.user_id, given_back.currency, given_back.order_id) == (7, "USD", 3)
    assert funded.user_id == 0


def test_what_was_charged_is_added_up_per_holding() -> None:
    first, second, other = an_order("5"), an_order("6"), an_order("7", user_id=2)
    moves = tuple(
        Transition(order, deliver(seal(order, "key"), order.quantity, order.total, whole=True))
        for order in (first, second, other)
    )
    failed = Transition(first, deliver(seal(first, "key"), 0, 0, whole=False))

    costs = charges_by_holding(Change(orders=(*moves, failed)))

    assert costs == {(1, "BTC"): usd("11"), (2, "BTC"): usd("7")}
