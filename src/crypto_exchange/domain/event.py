"""Event: what every fact in the event log has."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.ids import HOUSE, UserId


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="event"):
    """What every event has: whose it is (the house's for batches) and when it was decided."""

    at_us: int
    user_id: UserId = HOUSE
