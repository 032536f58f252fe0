"""Audit queries: what can be asked of the audit log and its chain, as a part of `ReadModels`."""

from __future__ import annotations

from typing import Protocol

from crypto_exchange.domain.audit_chain import Link, LinkedEntry
from crypto_exchange.domain.audit_log import Action, LoggedEntry
from crypto_exchange.domain.ids import UserId


class AuditQueries(Protocol):
    """Each may raise `Unavailable`."""

    async def list_audit(
        self,
        *,
        limit: int,
        after: int | None,
        user_id: UserId | None = None,
        action: Action | None = None,
    ) -> tuple[LoggedEntry, ...]:
        """Entries by id, the newest first, those below the id `after`: of one action, if it is given,
        and of what a user did or what concerns them.
        """

    async def list_unchained(self, since: int, *, limit: int) -> tuple[LoggedEntry, ...]:
        """Entries that are not chained yet, of ids above `since`, by id."""

    async def count_unchained(self, until_us: int | None = None) -> int:
        """How many entries are not chained yet: of those up to a time, if it is given."""

    async def find_last_link(self) -> Link | None:
        """The newest link with room for 1,000 after it; None if nothing is chained."""

    async def list_links(self, after: int, *, limit: int) -> tuple[LinkedEntry, ...]:
        """Links with their entries, from the position above `after` on."""
