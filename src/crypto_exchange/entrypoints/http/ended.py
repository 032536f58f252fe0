"""Ended sessions, and API keys, as one process knows them: their access tokens are good by themselves,
and the keys known to it, for a while.

Calls that move money ask the database, in a statement that they run anyway. All others are checked
against this list, which is read again when it is older than half a second and somebody calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from crypto_exchange.domain.errors import session_ended
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import ACCESS_S, AccessClaims

MAX_AGE_US = SECOND_US // 2
OVERLAP_US = 60 * SECOND_US
"""By how much clocks may differ, and a commit may take longer than it was stamped."""


class EndedSessions:
    """Those that have ended since an access token which is still good may have been given out.

    If the database cannot be asked, neither can the call be answered: it is refused as unavailable.
    """

    def __init__(self, context: Context, monotonic_us: Callable[[], int]) -> None:
        """`monotonic_us` is a clock in microseconds that nobody sets."""
        self._context, self._monotonic_us = context, monotonic_us
        self._ended: dict[str, int] = {}
        self._since_us = 0
        self._good_until_us: int | None = None
        self._reading = asyncio.Lock()

    async def require_live(self, bearer: AccessClaims) -> None:
        """Refuse a bearer whose session, or API key, has ended.

        Raises:
            Unauthenticated: it has.
            Unavailable: nobody knows.
        """
        if not self._is_fresh():
            async with self._reading:
                if not self._is_fresh():
                    await self._read()
        if bearer.session_id in self._ended:
            raise session_ended()

    def look_again(self) -> None:
        """Read the list for the next call: this process has ended a session itself."""
        self._good_until_us = None

    def _is_fresh(self) -> bool:
        return self._good_until_us is not None and self._monotonic_us() < self._good_until_us

    async def _read(self) -> None:
        now_us, good_until_us = self._context.clock.now_us(), self._monotonic_us() + MAX_AGE_US
        forgotten_us = now_us - ACCESS_S * SECOND_US - OVERLAP_US
        since_us = max(self._since_us, forgotten_us)
        found = await self._context.queries.list_ended_sessions(since_us)
        self._ended |= {session.id: session.ended_at_us for session in found}
        self._ended = {key: at for key, at in self._ended.items() if at >= forgotten_us}
        self._since_us, self._good_until_us = now_us - OVERLAP_US, good_until_us
