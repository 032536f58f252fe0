"""The deployment under test, and what has been learned of it during a run."""

from __future__ import annotations

import time

from crypto_exchange.entrypoints.testing.http.breaches import Broken, Stopped
from crypto_exchange.entrypoints.testing.http.client import Client
from crypto_exchange.entrypoints.testing.http.options import HttpOptions
from crypto_exchange.entrypoints.testing.http.people import Crowd, list_currencies
from crypto_exchange.entrypoints.testing.http.receipts import Receipt
from crypto_exchange.entrypoints.testing.http.rows import Currency
from crypto_exchange.entrypoints.testing.violations import Violation

_RECEIPTS = "/api/v1/orders/{id}/receipt/"
_SHRINKING_S = 20
_SHRINKING_PEOPLE = 100


class Deployment:
    """What the parts of a run share.

    `story` is what the example under way has done so far, `found` the first violation with the fewest
    steps that led to it. `receipts` is the first that was seen of each batch. `has_receipts`: the
    deployment says that it gives any.
    """

    def __init__(self, client: Client, options: HttpOptions) -> None:
        self.client = client
        self.options = options
        self.crowd = Crowd(client, options)
        self.story: list[str] = []
        self.found: tuple[Violation, tuple[str, ...]] | None = None
        self.receipts: dict[str, Receipt] = {}
        self._until = time.monotonic()
        description = client.call("GET", "openapi.json").body
        found = description.get("paths", {}) if isinstance(description, dict) else {}
        self.is_described, self.has_receipts = bool(found), _RECEIPTS in found

    def tell(self, line: str) -> None:
        """Add a step to the story."""
        self.story.append(line)

    def note(self, broken: Broken) -> None:
        """Keep a breach with the steps that led to it: the first, or the same in fewer steps."""
        if self.found is None:
            self.allow(_SHRINKING_S)
            self.crowd.most += _SHRINKING_PEOPLE
        elif broken.violation.check != self.found[0].check or len(self.story) > len(self.found[1]):
            return
        self.found = broken.violation, tuple(self.story)

    def allow(self, seconds: int) -> None:
        """Give the run that many seconds from now on."""
        self._until = time.monotonic() + seconds

    def require_time(self) -> None:
        """Raise `Stopped` when the run's time is used up."""
        if time.monotonic() > self._until:
            raise Stopped("the budget was used up")

    def list_currencies(self) -> list[Currency]:
        """What can be bought now."""
        return list_currencies(self.client, self.options)
