"""Receipt: proves to one user what their order got of a batch, and lets anybody recompute it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from crypto_exchange.domain.allocation import share
from crypto_exchange.domain.errors import InvariantViolation, NotFound
from crypto_exchange.domain.ids import OrderId
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.statement import RULE, Statement, hashed_id


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The statement of a batch, this order's place among its members, and what it got of it.

    `filled` in units, `charged` and `refunded` in 10⁻⁸ dollars.
    """

    order_id: OrderId
    index: int
    filled: int
    charged: int
    refunded: int
    statement: Statement


def make_receipt(order: Order, statement: Statement) -> Receipt:
    """The receipt of a settled order.

    Raises:
        NotFound: it is not one of the statement's members.
    """
    name = hashed_id(statement.batch, order.id)
    for index, each in enumerate(statement.members):
        if each.hashed_id == name:
            return Receipt(
                order_id=order.id,
                index=index,
                filled=order.filled,
                charged=order.charged,
                refunded=order.refunded,
                statement=statement,
            )
    raise NotFound("receipt of order", order.id)


def list_faults(receipt: Receipt) -> Iterator[str]:
    """What does not add up in a receipt, in sentences; none if it is right.

    Everything is computed again from the statement alone.
    """
    statement, index = receipt.statement, receipt.index
    if statement.rule != RULE:
        yield f"expected rule version {RULE}, was {statement.rule}"
        return
    if not 0 <= index < len(statement.members):
        yield f"expected an index below {len(statement.members)}, was {index}"
        return
    own = statement.members[index]
    name = hashed_id(statement.batch, receipt.order_id)
    if own.hashed_id != name:
        yield f"expected member {index} to be order {receipt.order_id} ({name}), was {own.hashed_id}"
    if len({each.hashed_id for each in statement.members}) != len(statement.members):
        yield "expected every member once, was one of them named twice"
        return
    if any(each.quantity <= 0 for each in statement.members):
        yield "expected a batch that can be shared out: one of its members ordered nothing"
        return
    try:
        part = share(statement)[index]
    except (InvariantViolation, ArithmeticError, ValueError) as error:
        yield f"expected a batch that can be shared out: {error}"
        return
    for what, expected, was in (
        ("filled", part.filled, receipt.filled),
        ("charged", part.charged, receipt.charged),
        ("refunded", own.total - part.charged, receipt.refunded),
    ):
        if expected != was:
            yield f"{what}: the rules give {expected}, the receipt says {was}"
