"""M89 and on: bugs in what the fraud rules hold."""

from __future__ import annotations

from crypto_exchange.entrypoints.testing.mutants.mutant import Mutant

_DOMAIN = "crypto_exchange.domain"

REVIEWED = (
    Mutant(
        name="M89",
        title="orders that are held for review are bought with the others",
        module=f"{_DOMAIN}.order",
        before="return order.batch is None and order.reason is None",
        after="return order.batch is None",
    ),
    Mutant(
        name="M90",
        title="two may decide on one review",
        module=f"{_DOMAIN}.account_rows",
        before="yield review, self.reviews.get((review.user_id, review.id))",
        after="yield review, review",
    ),
)
