"""Decisions: the pure rules of the domain compared with the reference model's, without any adapter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as draw_from
from hypothesis import strategies as st

from crypto_exchange.domain.allocation import share
from crypto_exchange.domain.asset import Asset, Inventory, MarketRule
from crypto_exchange.domain.errors import DomainError
from crypto_exchange.domain.money import CENT, DOLLAR, quantity_worth
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.placement import PlaceOrder, place_order
from crypto_exchange.domain.plan import Terms, minimum_value, smallest_purchase
from crypto_exchange.domain.policy import Policy, Pricing
from crypto_exchange.domain.purchase import Fill
from crypto_exchange.domain.receipt import Receipt, list_faults
from crypto_exchange.domain.statement import Member, Statement, hashed_id
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.testing import strategies
from crypto_exchange.entrypoints.testing.contracts.checks import Suite
from crypto_exchange.entrypoints.testing.model import arithmetic, planning, settling
from crypto_exchange.entrypoints.testing.model.market import House, Rule
from crypto_exchange.entrypoints.testing.model.rows import ModelBatch, ModelOrder
from crypto_exchange.entrypoints.testing.strategies.edges import Edge, near
from crypto_exchange.entrypoints.testing.strategies.purchases import settled
from crypto_exchange.entrypoints.testing.suite import KitOptions

EXAMPLES = 200
"""Of each decision: they take a fraction of a millisecond."""


class DecisionTests(Suite):
    """What follows from a command or a plan alone is what the reference model computes by itself."""

    def test_an_order_costs_and_brings_what_the_model_says(self, kit_options: KitOptions) -> None:
        """Quotes, refusals and routing."""

        def check(data: st.DataObject) -> None:
            policy, asset = data.draw(strategies.policy()), data.draw(_TRADABLE)
            assert asset.price is not None
            assert asset.priced_at_us is not None
            edge = Edge(
                balance=500 * DOLLAR,
                threshold=policy.threshold,
                price=asset.price,
                scale=asset.scale,
                lot_step=asset.rule.lot_step,
                min_notional=asset.rule.min_notional,
            )
            spend = data.draw(near(edge))
            wallet, command = Wallet(1, edge.balance), PlaceOrder(user_id=1, asset="", spend=spend)
            spread = 0 if policy.pricing_of(asset.symbol) is Pricing.AVERAGE else policy.spread_bps
            quantity = arithmetic.quantity_of(spend, asset.price, asset.scale, spread)
            limit = asset.rule.max_quantity
            refused = quantity == 0 or spend > wallet.balance or 0 < limit < quantity
            try:
                (order,) = place_order(
                    command,
                    wallet=wallet,
                    asset=asset,
                    policy=policy,
                    order_id=1,
                    at_us=asset.priced_at_us,
                ).new_orders
            except DomainError:
                assert refused
                return
            terms = _model_terms(policy, asset, free=0, expected=0)
            pricing = policy.pricing_of(asset.symbol).value
            plan = terms.plan(pricing, quantity, spend, direct=True)
            assert not refused
            assert (order.quantity, order.total) == (quantity, spend)
            assert order.direct == (spend >= policy.threshold and plan.feasible)

        tried(check, kit_options, st.data())

    def test_a_plan_buys_what_the_model_says(self, kit_options: KitOptions) -> None:
        """Lots, minimum, fees in coin, inventory and its cap."""

        def check(data: st.DataObject) -> None:
            policy, asset = data.draw(strategies.policy()), data.draw(_TRADABLE)
            inventory, pricing = data.draw(strategies.inventory(asset)), data.draw(_PRICINGS)
            total, direct = data.draw(strategies.usd()), data.draw(st.booleans())
            assert asset.price is not None
            quantity = quantity_worth(total, asset.price, asset.scale)
            terms = Terms(pricing=pricing, asset=asset, price=asset.price, policy=policy)
            plan = terms.plan_sum(quantity, total, inventory, direct=direct)

            model = _model_terms(
                policy, asset, free=inventory.free, expected=inventory.expected
            ).plan(pricing.value, quantity, total, direct=direct)

            assert msgspec.structs.astuple(plan) == msgspec.structs.astuple(model)

        tried(check, kit_options, st.data())

    def test_limits_are_kept_to_the_unit(self, kit_options: KitOptions) -> None:
        """What is free, the exchange's minimum and maximum, and the cap: at each, and a unit beside it."""

        def check(data: st.DataObject) -> None:
            asset, free = data.draw(_FINE), data.draw(st.integers(0, 10**9))
            policy, direct = data.draw(strategies.policy()), data.draw(st.booleans())
            pricing, expected = data.draw(_PRICINGS), data.draw(st.integers(0, 10**6))
            quantity = free + data.draw(st.one_of(_BESIDE, st.integers(1, 10**9)))
            quantity, total = max(quantity, 1), data.draw(strategies.usd())
            model = _model_terms(policy, asset, free=free, expected=expected)
            plan = model.plan(pricing.value, quantity, total, direct=direct)
            left = (free - plan.used + expected + plan.surplus) * model.price
            cap = left // arithmetic.per_dollar_unit(asset.scale) + data.draw(_BESIDE)
            policy = msgspec.structs.replace(policy, inventory_cap=max(cap, 0))
            most = max(plan.buy + data.draw(_BESIDE), 0)
            rule = msgspec.structs.replace(asset.rule, max_quantity=most)
            asset = msgspec.structs.replace(asset, rule=rule)
            model = _model_terms(policy, asset, free=free, expected=expected)
            inventory = Inventory(asset=asset.symbol, quantity=free, expected=expected)
            terms = Terms(pricing=pricing, asset=asset, price=model.price, policy=policy)

            found = terms.plan_sum(quantity, total, inventory, direct=direct)

            should = model.plan(pricing.value, quantity, total, direct=direct)
            assert msgspec.structs.astuple(found) == msgspec.structs.astuple(should)
            assert minimum_value(asset, policy) == model.minimum
            assert smallest_purchase(asset, model.price, policy) == model.smallest
            overflows = model.overflows(pricing.value, quantity, total)
            assert terms.exceeds_maximum(quantity, total, inventory) == overflows

        tried(check, kit_options, st.data())

    def test_a_batch_is_shared_out_as_the_model_says(self, kit_options: KitOptions) -> None:
        """Coins by largest remainder; nobody pays for what they did not get."""

        def check(statement: Statement) -> None:
            shares = share(statement)
            coins = [each.filled for each in shares]
            members, available = statement.members, statement.available
            weights = [m.total for m in members]
            if statement.pricing is Pricing.QUOTED:
                weights = [m.quantity for m in members]
                available = min(available, sum(weights))
            if statement.pricing is Pricing.AVERAGE or not any(m.direct for m in members):
                names = [m.hashed_id for m in members]
                assert coins == arithmetic.split(available, weights, names)
            assert sum(coins) == available
            assert all(s.charged <= m.total for s, m in zip(shares, members, strict=True))
            assert all(s.charged == 0 for s in shares if s.filled == 0)

        tried(check, kit_options, strategies.statement())

    def test_what_few_coins_bring_is_shared_out_as_the_model_says(
        self, kit_options: KitOptions
    ) -> None:
        """Fewer coins than members, at any cost: who gets none pays nothing, ties go by their hash."""

        def check(data: st.DataObject) -> None:
            pricing, key = data.draw(_PRICINGS), data.draw(st.sampled_from(["a" * 24, "b" * 24]))
            members = data.draw(st.lists(_WANTED, min_size=1, max_size=6))
            wanted = sum(quantity for quantity, _ in members)
            fill = Fill(
                trade_id="1",
                quantity=data.draw(st.integers(0, wanted + 2)),
                cost=data.draw(st.integers(0, 20 * DOLLAR)),
                fee=data.draw(st.integers(0, DOLLAR)),
            )
            direct = pricing is Pricing.QUOTED and data.draw(st.booleans())
            statement = Statement(
                batch=key,
                asset="BTC",
                scale=8,
                pricing=pricing,
                bought=wanted,
                used=0,
                members=tuple(
                    Member(hashed_id(key, number), quantity, total, direct and number == 0)
                    for number, (quantity, total) in enumerate(members)
                ),
                fills=(fill,),
            )
            orders = {
                number: _model_order(number, quantity, total, direct=direct and number == 0)
                for number, (quantity, total) in enumerate(members)
            }
            batch = ModelBatch(
                key=key,
                asset="BTC",
                pricing=pricing.value,
                direct=direct,
                members=orders,
                attempts=[],
            )
            should = settling.shares(batch, fill.quantity, fill.cost + fill.fee)
            assert [(each.filled, each.charged) for each in share(statement)] == [*should.values()]

        tried(check, kit_options, st.data())

    def test_a_receipt_names_a_member_once_and_by_its_own_place(
        self, kit_options: KitOptions
    ) -> None:
        """Counted from the end, or of a batch that names it twice, it is forged whatever it says."""

        def check(drawn: tuple[list[Order], Statement]) -> None:
            orders, statement = drawn
            last = len(orders) - 1
            twice = msgspec.structs.replace(
                statement, members=(statement.members[0], *statement.members)
            )

            assert list(list_faults(_receipt(orders[last], statement, last))) == []
            assert list(list_faults(_receipt(orders[last], statement, -1)))
            assert list(list_faults(_receipt(orders[0], twice, 0)))

        tried(check, kit_options, settled())


_WANTED = st.tuples(st.integers(1, 4), st.integers(1, 999).map(lambda cents: cents * CENT))
_TRADABLE = strategies.asset(tradable=True)
_PRICINGS = st.sampled_from(Pricing)
_BESIDE = st.integers(-1, 1)
_FINE = st.builds(
    Asset,
    symbol=st.just("BTC"),
    scale=st.integers(0, 8),
    price=st.integers(1, 100).map(lambda dollars: dollars * 10**12),
    priced_at_us=st.just(1),
    rule=st.builds(
        MarketRule,
        lot_step=st.integers(1, 1_000),
        min_notional=st.one_of(st.integers(0, 10 * DOLLAR), st.integers(0, 10)),
        min_quantity=st.integers(0, 1_000),
        fee_ppm=st.integers(0, 2_000),
    ),
)
"""Whole dollars a coin, so that values are exact and can be met."""


def tried(check: Callable[..., None], options: KitOptions, *drawn: st.SearchStrategy[Any]) -> None:
    """Check what is drawn from the options' seed."""
    wanted = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    draw_from(options.seed)(wanted(given(*drawn)(check)))()


def _receipt(order: Order, statement: Statement, index: int) -> Receipt:
    """What the rules give the member at an index, whoever it is."""
    part, total = share(statement)[index], statement.members[index].total
    return Receipt(
        order_id=order.id,
        index=index,
        filled=part.filled,
        charged=part.charged,
        refunded=total - part.charged,
        statement=statement,
    )


def _model_order(number: int, quantity: int, total: int, *, direct: bool) -> ModelOrder:
    return ModelOrder(
        user_id=1,
        id=number,
        asset="BTC",
        quantity=quantity,
        unit_price=1,
        total=total,
        direct=direct,
        pricing="",
        state="pending",
        created_at_us=1,
    )


def _model_terms(policy: Policy, asset: Any, *, free: int, expected: int) -> planning.Terms:
    """The same policy and market in the model's own words."""
    house = msgspec.convert(msgspec.to_builtins(policy), House)
    rule = msgspec.convert(msgspec.to_builtins(asset.rule), Rule)
    return planning.Terms(
        house=house,
        scale=asset.scale,
        rule=rule,
        price=asset.price,
        at_us=asset.priced_at_us,
        free=free,
        expected=expected,
    )
