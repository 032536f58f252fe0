"""Chains the audit log in the background, so that no commit that is entered there waits for another."""

from __future__ import annotations

from crypto_exchange.domain.use_cases import audit_log
from crypto_exchange.domain.use_cases.context import Context

_WHOLE = 60
"""At every so many looks the whole log is looked at: ids do not tell for sure what is new."""


class Chain:
    """Remembers from which entry on there may be something to chain."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._since = 0
        self._looks = 0

    async def extend(self) -> None:
        """Chain what has come."""
        if self._looks % _WHOLE == 0:
            self._since = 0
        self._looks += 1
        self._since = await audit_log.extend_chain(self._context, since=self._since)
