"""Audit log: chain what was entered, and see whether what was chained is still what it was."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.audit_chain import BEGINNING, MOST_LINKS, Fault, extend, find_fault
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases.context import Context, transact

LATEST = 10_000
"""How far back from the newest entry one may appear late: commits draw ids before they end."""
MOST_FAULTS = 100
"""How many are told one by one."""
LATE_US = 60 * SECOND_US
"""After which time a worker should have chained an entry long ago."""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the chain: how many links fit onto the one before, and the hash of the last link.
    Of the `misfits` the first 100 are `faults`. So many entries are not chained yet, and so many of these
    are `late`. `kept` says whether a hash that was kept elsewhere is one of those that fit.
    """

    links: int
    hash: str
    misfits: int
    faults: tuple[Fault, ...]
    unchained: int
    late: int
    kept: bool


async def extend_chain(context: Context, *, since: int = 0) -> int:
    """Chain entries of ids above `since` that are not chained yet, at most 1,000; to be called again and
    again with what it returns, and now and then with 0: an id may have been drawn long before its
    commit. Several may do so at once: one of two who add the same position does it again.
    """

    async def script(work: UnitOfWork) -> int:
        last = await context.queries.find_last_link() or BEGINNING
        entries = await context.queries.list_unchained(since, limit=MOST_LINKS)
        links = tuple(extend(last, entries))
        if not links:
            work.abandon()
            return since
        await work.commit(Change(links=links))
        return max(since, links[0].entry_id - LATEST)

    return await transact(context, script)


async def verify_chain(context: Context, *, kept: str | None = None) -> Verified:
    """Compute every hash again, from the one before as it is kept: so each fault is told by itself."""
    before = last = BEGINNING
    found, links, faults, misfits = kept is None, 0, list[Fault](), 0
    while following := await context.queries.list_links(last.position, limit=MOST_LINKS):
        for each in following:
            fault = find_fault(before, last, each)
            if fault is None:
                links, found = links + 1, found or each.link.hash == kept
            else:
                misfits += 1
                faults += [fault][: MOST_FAULTS - len(faults)]
            if each.link.position > last.position:
                before, last = last, each.link
    return Verified(
        links=links,
        hash=last.hash,
        misfits=misfits,
        faults=tuple(faults),
        unchained=await context.queries.count_unchained(),
        late=await context.queries.count_unchained(context.clock.now_us() - LATE_US),
        kept=found,
    )
