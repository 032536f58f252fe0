"""Work that is done again and again, through outages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from crypto_exchange.domain.errors import Unavailable

LOG = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0


class Outage:
    """Logs when something begins to fail, and when it works again; nothing in between."""

    def __init__(self, what: str) -> None:
        self.failures = 0
        self._what = what
        self._kinds: set[type[Exception]] = set()

    def failed(self, error: Exception) -> None:
        """Count a failure; an unexpected one is logged with where it came from."""
        self.failures += 1
        if type(error) not in self._kinds:
            self._kinds.add(type(error))
            expected = isinstance(error, Unavailable | OSError)
            LOG.warning(
                "%s fails and is tried again: %s: %s",
                self._what,
                type(error).__name__,
                error,
                exc_info=None if expected else error,
            )

    def ended(self) -> None:
        """Note a success."""
        if self.failures:
            LOG.info("%s works again after %d failures", self._what, self.failures)
        self.failures, self._kinds = 0, set()

    def pause_s(self) -> float:
        """How long to wait before the next try: 0.5 s, 1 s, 2 s … at most 5 s."""
        return min(_FIRST_PAUSE_S * 2.0 ** min(self.failures - 1, 10), _LONGEST_PAUSE_S)


async def repeat(
    what: str, action: Callable[[], Awaitable[object]], *, every_s: float, first_s: float = 0
) -> None:
    """Do something for ever, first after `first_s`, with `every_s` in between; sooner or later again
    after a failure.
    """
    outage = Outage(what)
    await asyncio.sleep(first_s)
    while True:
        try:
            await action()
        except Exception as error:
            outage.failed(error)
        else:
            outage.ended()
        await asyncio.sleep(outage.pause_s() if outage.failures else every_s)
