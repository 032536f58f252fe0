"""What operators decide of held orders, once more; a deadline that nobody decided before does the same."""

from __future__ import annotations

from crypto_exchange.domain import clearance
from crypto_exchange.domain.audit_log import SERVICE
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.events import OrderReleased, OrdersFailed
from crypto_exchange.domain.ids import OrderId, UserId
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.review import Review
from crypto_exchange.entrypoints.backtest.parity.replay_people import Decisions, review_of
from crypto_exchange.entrypoints.backtest.parity.replica import Replica


def released(replica: Replica, told: OrderReleased) -> Decisions:
    """A held order goes on."""

    def decide() -> Change:
        review, order = _held(replica, told.user_id, told.order_id)
        return clearance.release(review, order, SERVICE, at_us=told.at_us)

    yield decide


def refused(replica: Replica, told: OrdersFailed) -> Decisions:
    """A held order is refunded."""

    def decide() -> Change:
        ((user_id, order_id),) = told.orders
        review, order = _held(replica, user_id, order_id)
        return clearance.refuse(review, order, SERVICE, at_us=told.at_us)

    yield decide


def _held(replica: Replica, user_id: UserId, order_id: OrderId) -> tuple[Review, Order]:
    review = replica.state.get_review(user_id, review_of(order_id))
    return review, replica.state.get_order(user_id, order_id)
