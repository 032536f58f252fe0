"""Options: which deployment is asked, how much of it, and what only its operator knows."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from crypto_exchange.entrypoints.testing.http.amounts import COIN_DIGITS


class HttpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may do. Nothing of it needs a privilege, unless an `officer` is given.

    Attributes:
        base_url: scheme, host and port, as http://127.0.0.1:8000.
        seed: makes the run try the same things in the same order.
        examples: how many stories are tried; 0 tries none.
        steps: how long a story may be.
        budget_s: no new step is taken after so many seconds; what waits then is still seen to its end.
        deadline_s: orders of the threshold or more, of assets that can be bought, have ended so many seconds
            after they were placed.
        patience_s: how long in all the run waits because the deployment says 429 or 503.
        people: how many users are registered at most, fewer if the deployment limits it, more to find the
            fewest steps to a violation; then they come again.
        protocol_examples: how many calls of each kind the protocol's check sends; 0 for none.
        officer: the access token of an administrator, with which the protocol's check makes the calls of
            `/api/v1/admin/`: only for a deployment that nobody uses.
        threshold: in cents, where orders are large enough to be bought alone.
        spread_bps: the operator's, on top of the price.
        average: assets whose batches are charged what they cost.
        digits: decimals of the smallest unit, for assets where it is not 8.
        max_wait_s: after which orders may be bought below the threshold.
    """

    base_url: str
    seed: int = 0
    examples: int = 20
    steps: int = 20
    budget_s: int = 60
    deadline_s: int = 60
    patience_s: int = 120
    people: int = 80
    protocol_examples: int = 20
    officer: str = ""
    threshold: int = 1_000
    spread_bps: int = 0
    average: frozenset[str] = frozenset()
    digits: Mapping[str, int] = msgspec.field(default_factory=dict)
    max_wait_s: int = 24 * 3600

    def digits_of(self, asset: str) -> int:
        """Decimals of the smallest unit of an asset."""
        return self.digits.get(asset, COIN_DIGITS)

    def spread_of(self, asset: str) -> int:
        """What is added to the price of an asset: with average pricing, nothing."""
        return 0 if asset in self.average else self.spread_bps
