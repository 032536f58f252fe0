"""Worked examples of settlement: each is run through `Simulation`, and written as tables.

All buy BTC at 63,127.41 dollars, in lots of 0.00001, worth 5 dollars at least, for a fee of 0.1 %.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.ledger import AccountKind, balances
from crypto_exchange.domain.money import PPM, ceil_div, format_units
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.policy import FeeIn, OnDeadline, Policy, Pricing
from crypto_exchange.domain.purchase import Fill, Filled, Purchase
from crypto_exchange.domain.simulation import Simulation, Venue
from tests.builders import DAY_US, NOW_US, a_price, coins, usd

BTC = Asset(
    symbol="BTC",
    rule=MarketRule(lot_step=coins("0.00001"), min_notional=usd("5"), fee_ppm=1_000),
    price=a_price("63127.41"),
    priced_at_us=NOW_US,
)
FOUR = ("3.00", "4.00", "2.50", "1.10")
NAMES = "ABCDEFGH"
Trade = tuple[str, str]
"""What was bought, and the price of it."""


class Example(msgspec.Struct):
    """What a run led to: orders in order of placement, and the simulation that they were placed in."""

    orders: list[Order]
    simulation: Simulation

    def order(self, name: str) -> Order:
        """By its letter."""
        return self.orders[NAMES.index(name)]

    def balance(self, account: str) -> int:
        """Of an account by name, in units of 10⁻⁸."""
        return self.simulation.ledger().get(account, 0)

    @property
    def purchase(self) -> Purchase:
        """The newest one."""
        return list(self.simulation.state.purchases.values())[-1]


def quoted() -> Example:
    return bought(FOUR, Policy())


def average() -> Example:
    policy = Policy(pricing=Pricing.AVERAGE, fee_in=FeeIn.COIN)
    return bought(FOUR, policy, trades(("0.0001", "63120"), ("0.00006", "63139.76"), coin_fee=True))


def partial_quoted() -> Example:
    return bought(FOUR, Policy(), trades(("0.0001", "63120")))


def partial_average() -> Example:
    policy = Policy(pricing=Pricing.AVERAGE, fee_in=FeeIn.COIN)
    return bought(FOUR, policy, trades(("0.0001", "63120"), coin_fee=True))


def coin_fee() -> Example:
    return bought(FOUR, Policy(fee_in=FeeIn.COIN))


def third_coin_fee() -> Example:
    return bought(FOUR, Policy(fee_in=FeeIn.OTHER))


def spread() -> Example:
    return bought(("25.00",), Policy(spread_bps=50))


def top_up() -> Example:
    return bought(("3.10",), Policy(on_deadline=OnDeadline.TOP_UP), wait_us=DAY_US)


def used_first() -> Example:
    """The top-up, and an order that comes after it."""
    example = top_up()
    example.orders.append(place(example.simulation, "12.00"))
    return ended(example)


def taken_along() -> Example:
    return bought(("3.00", "4.00", "20.00"), Policy())


def partial_taken_along() -> Example:
    return bought(("3.00", "4.00", "20.00"), Policy(), trades(("0.0002", "63127.41")))


EXAMPLES: dict[str, Callable[[], Example]] = {
    each.__name__: each
    for each in (
        quoted,
        partial_quoted,
        coin_fee,
        third_coin_fee,
        spread,
        average,
        partial_average,
        taken_along,
        partial_taken_along,
        top_up,
        used_first,
    )
}


def bought(
    totals: Sequence[str], policy: Policy, venue: Venue | None = None, *, wait_us: int = 0
) -> Example:
    """Place orders of one user each who has just their money, and do all work that is due then."""
    simulation = Simulation((BTC,), policy=policy, venue=venue, at_us=NOW_US)
    orders = [place(simulation, total) for total in totals]
    simulation.advance(wait_us)
    simulation.set_price("BTC", BTC.price or 0)
    return ended(Example(orders, simulation))


def place(simulation: Simulation, total: str) -> Order:
    user_id = simulation.register(f"user{len(simulation.state.users)}")
    simulation.deposit(user_id, usd(total))
    return simulation.place(user_id, "BTC", spend=usd(total))


def ended(example: Example) -> Example:
    example.simulation.run()
    example.orders = [example.simulation.order(order) for order in example.orders]
    return example


def trades(*wanted: Trade, coin_fee: bool = False) -> Venue:
    """A venue that fills a purchase with just these trades; its fee in coin, or in dollars."""

    def fill(number: int, quantity: str, price: str) -> Fill:
        cost = coins(quantity) * a_price(price) // 10**12
        return Fill(
            trade_id=str(number),
            quantity=coins(quantity),
            cost=cost,
            fee=ceil_div((coins(quantity) if coin_fee else cost) * BTC.rule.fee_ppm, PPM),
            fee_currency="BTC" if coin_fee else "USD",
        )

    filled = Filled(fills=tuple(fill(number, *trade) for number, trade in enumerate(wanted)))
    return lambda purchase, asset: filled


# ---- tables --------------------------------------------------------------------------------------


def tables(name: str) -> str:
    """The tables of an example: its orders, the purchase, and the ledger of both."""
    example = EXAMPLES[name]()
    return "\n\n".join((orders_table(example), trades_table(example), ledger_table(example)))


def orders_table(example: Example) -> str:
    heads = ("order", "total", "quantity", "charged", "received", "refund", "state")
    rows: list[tuple[str, ...]] = [
        (
            NAMES[number],
            dollars(order.total),
            amount(order.quantity),
            dollars(order.charged),
            amount(order.filled),
            dollars(order.refunded),
            f"`{order.state.value}`",
        )
        for number, order in enumerate(example.orders)
    ]
    sums = [
        dollars(sum(o.total for o in example.orders)),
        amount(sum(o.quantity for o in example.orders)),
        dollars(sum(o.charged for o in example.orders)),
        amount(sum(o.filled for o in example.orders)),
        dollars(sum(o.refunded for o in example.orders)),
    ]
    if len(rows) > 1:
        rows.append(("**sum**", *sums, ""))
    return table(heads, rows)


def trades_table(example: Example) -> str:
    """Of the newest purchase: what was asked for, what was executed, and what it cost."""
    state, purchase = example.simulation.state, example.purchase
    batch = state.batches[purchase.batch]
    fills = state.fills.get((purchase.batch, purchase.attempt), [])
    statement = state.statements[batch.key]
    rows = [
        ("from the inventory", amount(statement.used), "", ""),
        ("asked for at the exchange", amount(purchase.quantity), "", ""),
        *(("executed", amount(each.quantity), exact(each.cost), f"{fee(each)}") for each in fills),
    ]
    return table(("purchase", "BTC", "cost", "fee"), rows)


def ledger_table(example: Example) -> str:
    """Every account's balance afterwards, dollars apart from coins; of users together."""
    sums: dict[tuple[str, str], int] = {}
    for account, units in balances(example.simulation.state.transfers).items():
        name = account.kind.value
        if account.kind is AccountKind.USER:
            name = "wallets" if account.currency == "USD" else "holdings"
        key = name, account.currency
        sums[key] = sums.get(key, 0) + units
    rows = [
        (f"{name} {currency}", exact(units))
        for (name, currency), units in sorted(sums.items(), key=lambda row: (row[0][1], row[0][0]))
    ]
    return table(("account", "balance afterwards"), rows)


def dollars(units: int) -> str:
    return format_units(units, 8, 2)


def exact(units: int) -> str:
    return format_units(units, 8, 0)


def amount(units: int) -> str:
    return format_units(units, 8)


def fee(each: Fill) -> str:
    return f"{exact(each.fee)} {each.fee_currency}"


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---", *("---:" for _ in heads[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
