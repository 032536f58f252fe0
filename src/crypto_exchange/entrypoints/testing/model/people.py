"""People's events: users, money in and out, orders placed and cancelled."""

from __future__ import annotations

from collections.abc import Iterator

from crypto_exchange.entrypoints.testing.model import checks
from crypto_exchange.entrypoints.testing.model.arithmetic import (
    CENT,
    LARGEST_DOLLARS,
    quantity_of,
    total_of,
)
from crypto_exchange.entrypoints.testing.model.books import Books, Fields, Findings
from crypto_exchange.entrypoints.testing.model.market import Asset, House, Price, Rule, is_fresh
from crypto_exchange.entrypoints.testing.model.planning import Terms
from crypto_exchange.entrypoints.testing.model.rows import ModelOrder


def registered(books: Books, event: Fields) -> Findings:
    """A user and an empty wallet."""
    user_id = event["user_id"]
    if user_id in books.users or user_id < 1:
        yield checks.KNOWN, f"expected a new user id of at least 1, was {user_id}"
    books.users.add(user_id)
    books.wallets.setdefault(user_id, 0)


def told_of_access(books: Books, event: Fields) -> Findings:
    """Something about a user's logins, which moves nothing."""
    yield from _known_user(books, event["user_id"])


def deposited(books: Books, event: Fields) -> Findings:
    """Dollars came in."""
    yield from _money_faults(books, event)
    books.brought[event["user_id"]] += event["amount"]
    books.pay(event["user_id"], "external:USD", event["amount"])


def withdrawn(books: Books, event: Fields) -> Findings:
    """Dollars went out."""
    yield from _money_faults(books, event)
    yield from _short(books, event["user_id"], event["amount"])
    books.brought[event["user_id"]] -= event["amount"]
    books.pay(event["user_id"], "external:USD", -event["amount"])


def adjusted(books: Books, event: Fields) -> Findings:
    """The house paid a user, or a user the house, by the word of two others."""
    user_id, amount = event["user_id"], event["amount"]
    yield from _money_faults(books, {"user_id": user_id, "amount": abs(amount)})
    yield from _short(books, user_id, -amount)
    if len({user_id, event["proposed_by"], event["approved_by"]}) < 3:
        was = f"{event['proposed_by']} and {event['approved_by']} for user {user_id}"
        yield checks.BOOKS, f"expected two administrators other than the user, was {was}"
    if event["key"] in books.adjusted:
        yield checks.BOOKS, f"expected adjustment {event['key']} once, was a second time"
    books.adjusted.add(event["key"])
    books.brought[user_id] += amount
    books.pay(user_id, "house:pnl:USD", amount)


def placed(books: Books, event: Fields) -> Findings:
    """The wallet is debited, the order exists."""
    order = ModelOrder(
        user_id=event["user_id"],
        id=event["order_id"],
        asset=event["asset"],
        quantity=event["quantity"],
        unit_price=event["unit_price"],
        total=event["total"],
        direct=event["direct"],
        pricing=event.get("pricing", "quoted"),
        state=event["state"],
        created_at_us=event["at_us"],
        reason="under_review" if event.get("held") else None,
    )
    if order.id in books.orders or not 0 < order.id < 2**53:
        yield checks.OUTCOME, f"expected a new order id below 2⁵³, was {order.id}"
        return
    yield from _known_user(books, order.user_id)
    yield from _known_asset(books, order.asset)
    yield from _short(books, order.user_id, order.total)
    yield from _order_faults(books, order)
    books.orders[order.id] = order
    books.pay(order.user_id, f"suspense:{order.user_id}:USD", -order.total)
    if not order.held:
        books.release(order)


def released(books: Books, event: Fields) -> Findings:
    """An order that was held goes on as if it had just been placed."""
    orders, wrong = books.find_orders(event, [(event["user_id"], event["order_id"])])
    yield from wrong
    for order in orders:
        if not order.held:
            yield checks.OUTCOME, f"expected a held order to be released, was order {order.id}"
            continue
        order.reason = None
        books.release(order)
        if event["state"] != order.state:
            said = f"expected order {order.id} to be {order.state}, was {event['state']}"
            yield checks.ROUTING, said


def cancelled(books: Books, event: Fields) -> Findings:
    """A waiting order is withdrawn."""
    orders, wrong = books.find_orders(event, [(event["user_id"], event["order_id"])])
    yield from wrong
    for order in orders:
        if order.state != "aggregated":
            was = f"order {order.id} is {order.state}"
            yield checks.OUTCOME, f"expected only waiting orders to be cancelled, was: {was}"
        if event["refunded"] != order.total:
            said = f"expected {order.total} refunded of order {order.id}, was {event['refunded']}"
            yield checks.CASH, said
        books.asset(order.asset).left = books.record
        books.end(order, "cancelled")


def _money_faults(books: Books, event: Fields) -> Findings:
    yield from _known_user(books, event["user_id"])
    amount = event["amount"]
    if not 0 < amount <= LARGEST_DOLLARS or amount % CENT:
        yield checks.CASH, f"expected whole cents from 0.01 to 10,000,000.00, was {amount} (10⁻⁸)"


def _known_user(books: Books, user_id: int) -> Findings:
    if user_id not in books.users:
        yield checks.KNOWN, f"expected a registered user, was {user_id}"


def _known_asset(books: Books, symbol: str) -> Findings:
    if books.listed and symbol not in books.assets:
        yield checks.KNOWN, f"expected a listed asset, was {symbol}"


def _short(books: Books, user_id: int, amount: int) -> Findings:
    balance = books.wallets.get(user_id, 0)
    if amount > balance:
        yield (
            checks.NEGATIVE,
            f"expected at most {balance} out of user {user_id}'s wallet, was {amount}",
        )


def _order_faults(books: Books, order: ModelOrder) -> Findings:
    if order.state != ("pending" if order.direct or order.held else "aggregated"):
        said = "expected a direct or held order alone to be pending"
        yield checks.ROUTING, f"{said}, was {order.state}"
    if min(order.quantity, order.total, order.unit_price) <= 0 or order.total % CENT:
        was = f"{order.quantity} units for {order.total} (10⁻⁸) at {order.unit_price} (10⁻¹²)"
        yield checks.QUOTE, f"expected positive amounts and whole cents, was {was}"
        return
    house, asset = books.house, books.asset(order.asset)
    if house is None or asset.scale is None:
        return
    yield from _quote_faults(order, asset.scale, house)
    yield from _price_faults(order, asset, house)
    rules = list(_rules_seen(order, asset))
    if rules:
        yield from _routing_faults(order, asset.scale, house, rules)


def _quote_faults(order: ModelOrder, scale: int, house: House) -> Findings:
    """Either the total follows from the quantity, or the quantity from the total."""
    if order.pricing != house.pricing_of(order.asset):
        said = f"expected pricing {house.pricing_of(order.asset)}, was {order.pricing}"
        yield checks.QUOTE, f"order {order.id}: {said}"
    spread = house.spread_bps if order.pricing == "quoted" else 0
    total = total_of(order.quantity, order.unit_price, scale, spread)
    quantity = quantity_of(order.total, order.unit_price, scale, spread)
    if total != order.total and quantity != order.quantity:
        expected = f"{total} for {order.quantity} units, or {quantity} units for {order.total}"
        yield checks.QUOTE, f"order {order.id}: expected {expected}; was neither"


def _price_faults(order: ModelOrder, asset: Asset, house: House) -> Findings:
    if not asset.prices:
        return
    seen = _price_seen(order, asset)
    if seen is None or not is_fresh(seen[1], house, order.created_at_us):
        said = f"expected a price that was told and is fresh, was {order.unit_price} (10⁻¹²)"
        yield checks.PRICE, f"order {order.id}: {said}"
    elif not any(asset.active.since(seen[0])):
        yield checks.PRICE, f"order {order.id}: expected an active asset, was {asset.symbol} halted"


def _price_seen(order: ModelOrder, asset: Asset) -> tuple[int, Price] | None:
    """The newest record of the price that an order was quoted with: it may come from a cache."""
    return next(((r, p) for r, p in asset.prices.records() if p.price == order.unit_price), None)


def _rules_seen(order: ModelOrder, asset: Asset) -> Iterator[Rule]:
    """The rules that may have been known when it was placed: those since its price."""
    seen = _price_seen(order, asset)
    return asset.rules.since(0 if seen is None else seen[0])


def _routing_faults(order: ModelOrder, scale: int, house: House, rules: list[Rule]) -> Findings:
    routes = [is_direct(order, house, scale, rule) for rule in rules]
    if order.direct not in routes:
        said = "direct" if routes[0] else "to wait"
        yield (
            checks.ROUTING,
            f"order {order.id} of {order.total} (10⁻⁸): expected it {said}, was the other",
        )
    if all(rule.max_quantity and order.quantity > rule.max_quantity for rule in rules):
        was = f"{order.quantity}, above {rules[0].max_quantity}"
        yield checks.QUOTE, f"order {order.id}: expected what the exchange sells at once, was {was}"


def is_direct(order: ModelOrder, house: House, scale: int, rule: Rule) -> bool:
    """Routing: large enough, and feasible alone with nothing in the inventory or under way."""
    terms = Terms(
        house=house, scale=scale, rule=rule, price=order.unit_price, at_us=order.created_at_us
    )
    plan = terms.plan(order.pricing, order.quantity, order.total, direct=True)
    return order.total >= house.threshold and plan.feasible
