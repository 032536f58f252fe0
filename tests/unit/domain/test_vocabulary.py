"""Words and numbers that rows, settings and people rely on: they stay as they are."""

from __future__ import annotations

import enum
import importlib
import pkgutil

import msgspec
import pytest

import crypto_exchange.domain
from crypto_exchange.domain.asset import Asset, AssetStatus, Inventory, MarketRule
from crypto_exchange.domain.batch import Batch, BatchKind, BatchState
from crypto_exchange.domain.breaks import BreakKind, Difference
from crypto_exchange.domain.change import RequestKey, StoredRequest, store_request
from crypto_exchange.domain.events import OrderPlaced, PurchaseRejected
from crypto_exchange.domain.ids import HOUSE
from crypto_exchange.domain.ledger import USD, AccountKind, house_account
from crypto_exchange.domain.order import Order, OrderState
from crypto_exchange.domain.policy import SECOND_US, FeeIn, OnDeadline, Policy, Pricing
from crypto_exchange.domain.purchase import Fill
from crypto_exchange.domain.statement import RULE
from crypto_exchange.domain.use_cases.accounts import SESSION_US
from crypto_exchange.domain.use_cases.reconciliation import LOOK_US
from crypto_exchange.domain.user import Role, Session, User
from crypto_exchange.domain.wallet import Wallet
from tests.builders import usd

MODULES = [
    importlib.import_module(f"crypto_exchange.domain.{each.name}")
    for each in pkgutil.iter_modules(crypto_exchange.domain.__path__)
]
ENUMERATIONS = {
    each
    for module in MODULES
    for each in vars(module).values()
    if isinstance(each, type) and issubclass(each, enum.Enum) and each is not enum.Enum
}


@pytest.mark.parametrize(
    "words",
    sorted(ENUMERATIONS - {AccountKind}, key=str),
    ids=lambda words: str(words.__name__),
)
def test_a_word_is_stored_and_shown_as_its_name_in_small_letters(words: type[enum.Enum]) -> None:
    for word in words:
        assert word.value == word.name.lower()


def test_the_accounts_have_the_names_that_the_ledger_prints() -> None:
    names = {kind.name: kind.value for kind in AccountKind}

    assert names == {
        "USER": "user",
        "SUSPENSE": "suspense",
        "INVENTORY": "house:inventory",
        "PNL": "house:pnl",
        "FEES": "house:fees",
        "CAPITAL": "house:capital",
        "CLEARING": "clearing",
        "VENUE": "venue",
        "EXTERNAL": "external",
    }
    assert house_account(AccountKind.PNL).name == "house:pnl:USD"
    assert USD == "USD"


def test_the_policy_that_nobody_changed_is_the_documented_one() -> None:
    assert Policy() == Policy(
        threshold=usd("10.00"),
        max_wait_us=24 * 3_600 * 1_000_000,
        on_deadline=OnDeadline.REFUND,
        spread_bps=0,
        price_max_age_us=180 * 1_000_000,
        price_tolerance_bps=200,
        inventory_cap=usd("10.00"),
        fee_in=FeeIn.QUOTE,
        window_ms=5_000,
        minimum_reserve_bps=10_500,
        batch_limit=500,
        group_limit=20,
        max_counted_attempts=3,
        absence_margin_ms=30_000,
        quarantine_us=24 * 3_600 * 1_000_000,
        pricing=Pricing.QUOTED,
        asset_pricing=(),
        take_along=True,
        step_up_withdrawal=usd("1000.00"),
        largest_adjustment=usd("10000.00"),
    )


def test_a_login_lasts_two_weeks_and_attempts_are_looked_at_every_half_minute() -> None:
    assert SESSION_US == 14 * 86_400 * 1_000_000
    assert LOOK_US == 30 * 1_000_000
    assert SECOND_US == 1_000_000


def test_what_is_new_has_no_history() -> None:
    rule = MarketRule(lot_step=1, min_notional=2)
    asset = Asset(symbol="BTC", rule=rule)
    batch = Batch(key="k", asset="BTC", kind=BatchKind.DIRECT, due_at_us=1, created_at_us=1)
    order = Order(
        user_id=1,
        id=2,
        asset="BTC",
        quantity=3,
        unit_price=4,
        total=5,
        direct=False,
        state=OrderState.AGGREGATED,
        created_at_us=6,
    )
    session = Session(user_id=1, id="s", expires_at_us=9)

    assert (rule.min_quantity, rule.max_quantity, rule.fee_ppm) == (0, 0, 0)
    assert (asset.scale, asset.price, asset.priced_at_us, asset.version) == (8, None, None, 0)
    assert asset.status is AssetStatus.ACTIVE
    assert set(msgspec.structs.astuple(Inventory(asset="BTC"))) == {"BTC", 0}
    assert (batch.pricing, batch.state) == (Pricing.QUOTED, BatchState.SEALED)
    assert (batch.attempt, batch.live, batch.counted, batch.checks) == (1, True, 0, 0)
    assert (batch.used, batch.surplus, batch.version) == (0, 0, 0)
    assert (order.pricing, order.reason, order.batch) == (Pricing.QUOTED, None, None)
    assert (order.filled, order.charged, order.version) == (0, 0, 0)
    assert (session.generation, session.revoked) == (0, False)
    assert Wallet(1) == Wallet(1, 0, 0)
    assert User(id=1, username="bob", password_hash="").role is Role.USER
    assert Difference(kind=BreakKind.COST, subject="", expected=0, found=1).scale == 0


def test_a_fee_is_in_dollars_and_there_is_none_unless_it_is_said() -> None:
    fill = Fill(trade_id="1", quantity=1, cost=2)

    assert (fill.fee, fill.fee_currency) == (0, USD)


def test_a_request_without_a_resource_is_for_the_wallet() -> None:
    stored = store_request(7, RequestKey("deposit", "key", "digest"))

    assert stored == StoredRequest(7, "deposit", "key", "digest", 0)
    assert store_request(7, None) is None
    assert StoredRequest(7, "deposit", "key", "digest").resource_id == 0


def test_the_house_is_user_0_and_the_rules_of_sharing_are_the_first() -> None:
    assert HOUSE == 0
    assert RULE == 1


def test_events_of_old_that_did_not_tell_everything_are_read_as_what_they_were() -> None:
    told = {field.name: field.default for field in msgspec.structs.fields(PurchaseRejected)}
    placed = {field.name: field.default for field in msgspec.structs.fields(OrderPlaced)}

    assert (placed["pricing"], placed["risk"], placed["held"]) == ("quoted", "", False)
    assert told["kind"] == ""
