"""What a run leaves behind, in columns: one row an order, one a batch, one a late fill. Integers throughout.

Appended to while the engine runs, read by metrics, tables and pictures. An order costs 70 bytes.
"""

from __future__ import annotations

from array import array

from crypto_exchange.domain.batch import BatchState
from crypto_exchange.domain.order import OrderState

ORDER_STATES = (*(state.value for state in OrderState), "refused")
"""What `OrderRows.state` counts: the domain's states, and orders that were not taken at all. Those still
`pending` or `aggregated` in the last row were open when the prices ended.
"""
BATCH_STATES = tuple(state.value for state in BatchState)
BATCH_CAUSES = ("direct", "threshold", "deadline")
"""Why a batch was sealed: a large order, enough small ones, or one of them was overdue."""


class OrderRows:
    """One row per order of the stream, in its order: row r is order id r + 1.

    `at_us`, `ended_us` (0 while open): µs since 1970. `user` (from 1), `asset` (place in `symbols`).
    `quantity`, `filled`: the asset's units; `unit_price`: 10⁻¹² dollars; `total`, `charged`: 10⁻⁸ dollars
    (of a refused order all 0 but the total of one that named its `spend`). `state`: place in
    ORDER_STATES; `reason`: place in `reasons`, 0 for none; `direct`: 1 or 0; `batch`: the row of its
    last batch, −1 for none.
    """

    def __init__(self, size: int) -> None:
        self.at_us = array("q", bytes(8 * size))
        self.user = array("i", bytes(4 * size))
        self.asset = array("h", bytes(2 * size))
        self.quantity = array("q", bytes(8 * size))
        self.unit_price = array("q", bytes(8 * size))
        self.total = array("q", bytes(8 * size))
        self.direct = array("b", bytes(size))
        self.state = array("b", bytes(size))
        self.reason = array("b", bytes(size))
        self.batch = array("i", [-1]) * size
        self.ended_us = array("q", bytes(8 * size))
        self.filled = array("q", bytes(8 * size))
        self.charged = array("q", bytes(8 * size))
        self.reasons: list[str] = [""]

    def __len__(self) -> int:
        return len(self.at_us)


class BatchRows:
    """One row per batch in the order of sealing.

    Times in µs: `sealed_us`, `sent_us` (its last attempt; 0 if nothing was bought), `ended_us` (0 while
    open). `asset`: place in `symbols`; `cause`: place in BATCH_CAUSES; `state`: place in BATCH_STATES;
    `attempts`, `members`: counts (members of its last plan). Prices in 10⁻¹² dollars: `seal_price` that
    it was planned with, `fill_price` that held when it was filled (without spread and impact; 0 if it
    was not).

    Units of the asset: `quantity` (Σ of members), `bought` (before a fee in coin), `used` (from the
    inventory), `delivered`, `coin_fee`. 10⁻⁸ dollars: `total` (Σ debited of members), `quoted` (Σ
    quantity × price quoted, rounded down), `cost` (of coins), `fee` (in dollars), `spread` and
    `impact` (what of `cost` is due to them), `charged` (Σ of members).
    """

    TIMES = ("sealed_us", "sent_us", "ended_us")
    UNITS = ("quantity", "bought", "used", "delivered", "coin_fee")
    DOLLARS = ("total", "quoted", "cost", "fee", "spread", "impact", "charged")
    PRICES = ("seal_price", "fill_price")
    COUNTS = ("attempts", "members")

    def __init__(self) -> None:
        self.asset = array("h")
        self.cause = array("b")
        self.state = array("b")
        self.attempts = array("i")
        self.members = array("i")
        self.sealed_us = array("q")
        self.sent_us = array("q")
        self.ended_us = array("q")
        self.seal_price = array("q")
        self.fill_price = array("q")
        self.quantity = array("q")
        self.bought = array("q")
        self.used = array("q")
        self.delivered = array("q")
        self.coin_fee = array("q")
        self.total = array("q")
        self.quoted = array("q")
        self.cost = array("q")
        self.fee = array("q")
        self.spread = array("q")
        self.impact = array("q")
        self.charged = array("q")

    def __len__(self) -> int:
        return len(self.asset)

    def extend(self, size: int) -> None:
        """So many more rows of zeros."""
        for column in vars(self).values():
            column.frombytes(bytes(size * column.itemsize))

    def truncate(self, size: int) -> None:
        """Keep the first so many rows."""
        for column in vars(self).values():
            del column[size:]


class LateRows:
    """One row per fill of an attempt that had been given up, which is the house's: `batch` (row),
    `attempt`, `at_us`, `price` that held (10⁻¹² dollars), `quantity` and `coin_fee` in units, `cost` and
    `fee` in 10⁻⁸ dollars.
    """

    def __init__(self) -> None:
        self.batch = array("i")
        self.attempt = array("i")
        self.at_us = array("q")
        self.price = array("q")
        self.quantity = array("q")
        self.cost = array("q")
        self.fee = array("q")
        self.coin_fee = array("q")

    def __len__(self) -> int:
        return len(self.batch)
