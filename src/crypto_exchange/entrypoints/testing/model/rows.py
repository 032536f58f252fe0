"""The model's own rows."""

from __future__ import annotations

import msgspec

OPEN = frozenset({"pending", "aggregated"})
IN_FLIGHT = frozenset({"submitting", "unknown", "quarantined"})


class ModelOrder(msgspec.Struct, kw_only=True):
    """An order as it should be. `batch` names the open batch that it is bound to, if any."""

    user_id: int
    id: int
    asset: str
    quantity: int
    unit_price: int
    total: int
    direct: bool
    pricing: str
    state: str
    created_at_us: int
    reason: str | None = None
    batch: str | None = None
    filled: int = 0
    charged: int = 0
    since: int = 0
    """The record since which it waits, and the latest time that was told of until then."""
    since_us: int = 0

    @property
    def open(self) -> bool:
        """Whether it has no outcome yet."""
        return self.state in OPEN

    @property
    def held(self) -> bool:
        """Whether it waits for review, and for nothing else."""
        return self.open and self.reason == "under_review"

    @property
    def refunded(self) -> int:
        """What came back of the total; 0 while it is open."""
        return 0 if self.open else self.total - self.charged

    @property
    def age(self) -> tuple[int, int]:
        """What oldest first goes by."""
        return self.created_at_us, self.id


class ModelAttempt(msgspec.Struct, kw_only=True):
    """One purchase at the exchange; states as the purchase's, `none` if nothing had to be bought."""

    quantity: int
    timestamp_ms: int
    window_ms: int
    state: str = "submitting"


class ModelBatch(msgspec.Struct, kw_only=True):
    """Members of one purchase; `used` and `surplus` are reserved and expected while it is live."""

    key: str
    asset: str
    pricing: str
    direct: bool
    members: dict[int, ModelOrder]
    attempts: list[ModelAttempt]
    state: str = "sealed"
    live: bool = True
    used: int = 0
    surplus: int = 0
    counted: int = 0
    due_us: int = 0
    """Before this nobody looks for its next attempt."""

    @property
    def last(self) -> ModelAttempt:
        """The newest attempt."""
        return self.attempts[-1]


class ModelInventory(msgspec.Struct, kw_only=True):
    """The house's coins of one asset; `late` are fills that came since the row last changed."""

    quantity: int = 0
    reserved: int = 0
    expected: int = 0
    failures: int = 0
    retry_at_us: int = 0
    late: list[int] = msgspec.field(default_factory=list)

    @property
    def free(self) -> int:
        """What a new purchase may use."""
        return self.quantity - self.reserved
