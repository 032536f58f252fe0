"""Short ways to say amounts, and rows with everything that a test does not care about filled in."""

from __future__ import annotations

from itertools import count

import msgspec

from crypto_exchange.domain.asset import Asset, Inventory, MarketRule
from crypto_exchange.domain.batch import Batch, BatchKind
from crypto_exchange.domain.intent import Stamp
from crypto_exchange.domain.money import PRICE_SCALE, USD_SCALE, parse_units
from crypto_exchange.domain.order import Order, OrderState
from crypto_exchange.domain.policy import SECOND_US, Policy, Pricing
from crypto_exchange.domain.purchase import Fill, Filled, Purchase
from crypto_exchange.domain.simulation import Simulation
from crypto_exchange.domain.views import Book, OpenBatch

NOW_US = 1_767_225_600 * SECOND_US
NOW = Stamp(at_us=NOW_US, exchange_ms=NOW_US // 1_000)
DAY_US = 24 * 3600 * SECOND_US
KEY = "0123456789abcdef01234567"
_IDS = count(1)


def usd(dollars: str) -> int:
    """Dollars in 10⁻⁸."""
    return parse_units(dollars, USD_SCALE)


def a_price(dollars: str) -> int:
    """Dollars a coin in 10⁻¹²."""
    return parse_units(dollars, PRICE_SCALE)


def coins(amount: str, scale: int = 8) -> int:
    """Coins in units."""
    return parse_units(amount, scale)


def an_asset(
    price: str = "50000", *, lot: str = "0.00001", minimum: str = "5", **rule: int
) -> Asset:
    """BTC, with a price of now."""
    return Asset(
        symbol="BTC",
        rule=MarketRule(lot_step=coins(lot), min_notional=usd(minimum), **rule),
        price=a_price(price),
        priced_at_us=NOW_US,
    )


def an_order(
    total: str,
    quantity: str | None = None,
    *,
    price: str = "50000",
    direct: bool = False,
    age_us: int = 0,
    user_id: int = 1,
    pricing: Pricing = Pricing.QUOTED,
) -> Order:
    """An order that waits; without a quantity, for what the total buys at the price."""
    bought = usd(total) * 10**12 // a_price(price) if quantity is None else coins(quantity)
    return Order(
        user_id=user_id,
        id=next(_IDS),
        asset="BTC",
        quantity=bought,
        unit_price=a_price(price),
        total=usd(total),
        direct=direct,
        pricing=pricing,
        state=OrderState.PENDING if direct else OrderState.AGGREGATED,
        created_at_us=NOW_US - age_us,
    )


def a_book(*orders: Order, asset: Asset | None = None, inventory: Inventory | None = None) -> Book:
    """The book of some orders."""
    return Book(
        asset=asset or an_asset(),
        inventory=inventory or Inventory(asset="BTC"),
        direct=tuple(o for o in orders if o.direct),
        waiting=tuple(o for o in orders if not o.direct),
    )


def an_open_batch(
    *members: Order,
    buy: str | None = "0.001",
    used: str = "0",
    surplus: str = "0",
    free: str = "0",
    asset: Asset | None = None,
    kind: BatchKind = BatchKind.AGGREGATED,
    live: bool = True,
    pricing: Pricing = Pricing.QUOTED,
) -> OpenBatch:
    """A sealed batch with so much to buy; `used` and `surplus` are in the inventory row, too."""
    batch = Batch(
        key=KEY,
        asset="BTC",
        kind=kind,
        pricing=pricing,
        live=live,
        used=coins(used),
        surplus=coins(surplus),
        due_at_us=NOW_US,
        created_at_us=NOW_US,
    )
    bound = (msgspec.structs.replace(o, state=OrderState.PENDING, batch=KEY) for o in members)
    return OpenBatch(
        batch=batch,
        purchase=None if buy is None else a_purchase(buy),
        members=tuple(bound),
        asset=asset or an_asset(),
        inventory=Inventory(
            asset="BTC",
            quantity=coins(used) + coins(free),
            reserved=coins(used),
            expected=coins(surplus),
        ),
    )


def a_purchase(quantity: str) -> Purchase:
    """A purchase that was signed now."""
    return Purchase(
        batch=KEY,
        attempt=1,
        asset="BTC",
        scale=8,
        quantity=coins(quantity),
        timestamp_ms=NOW.signed_ms,
        window_ms=5_000,
    )


def a_fill(quantity: str, cost: str, fee: int = 0, fee_currency: str = "USD") -> Filled:
    """One trade."""
    trade = Fill(
        trade_id="1", quantity=coins(quantity), cost=usd(cost), fee=fee, fee_currency=fee_currency
    )
    return Filled(fills=(trade,))


def a_simulation(
    asset: Asset | None = None, policy: Policy | None = None, users: int = 1
) -> tuple[Simulation, list[int]]:
    """A simulation with one asset, and users with 1000 dollars each."""
    simulation = Simulation((asset or an_asset(),), policy=policy, at_us=NOW_US)
    names = [simulation.register(f"user{number}") for number in range(users)]
    for user_id in names:
        simulation.deposit(user_id, usd("1000"))
    return simulation, names
