"""Decisions: the pure rules of the domain compared with the reference model's, without any adapter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as draw_from
from hypothesis import strategies as st

from crypto_exchange.domain.allocation import share
from crypto_exchange.domain.errors import DomainError
from crypto_exchange.domain.money import DOLLAR, quantity_worth
from crypto_exchange.domain.placement import PlaceOrder, place_order
from crypto_exchange.domain.plan import Terms
from crypto_exchange.domain.policy import Policy, Pricing
from crypto_exchange.domain.statement import Statement
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.testing import strategies
from crypto_exchange.entrypoints.testing.contracts.checks import Suite
from crypto_exchange.entrypoints.testing.model import arithmetic, planning
from crypto_exchange.entrypoints.testing.model.market import House, Rule
from crypto_exchange.entrypoints.testing.strategies.edges import Edge, near
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

        _try(check, kit_options)

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

        _try(check, kit_options)

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

        _try(check, kit_options, strategies.statement())


_TRADABLE = strategies.asset(tradable=True)
_PRICINGS = st.sampled_from(Pricing)


def _try(
    check: Callable[..., None],
    options: KitOptions,
    drawn: st.SearchStrategy[Any] | None = None,
) -> None:
    wanted = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    draw_from(options.seed)(wanted(given(st.data() if drawn is None else drawn)(check)))()


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
