"""Audit chain: hashes that tie every entry of the audit log to all those chained before it.

Whoever changes, removes or inserts one cannot hide it from somebody who has kept a later hash elsewhere:
all hashes from there on would have to be others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256

import msgspec

from crypto_exchange.domain.audit_log import LoggedEntry, text_of

MOST_LINKS = 1_000
"""How many are added in one commit, and looked at together."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One place of the chain, from 1 on, and the entry that stands there. Entries are chained in the
    order in which they are seen, so the ids of those that were committed late stand out of order.
    """

    position: int
    entry_id: int
    hash: str


BEGINNING = Link(position=0, entry_id=0, hash="0" * 64)
"""What the first link follows; it is kept nowhere."""


class LinkedEntry(msgspec.Struct, frozen=True):
    """A link with its entry; None if there is no such entry any more."""

    link: Link
    entry: LoggedEntry | None


class Fault(msgspec.Struct, frozen=True):
    """A position that does not fit, and what that means."""

    position: int
    sentence: str


def extend(last: Link, entries: Iterable[LoggedEntry]) -> Iterator[Link]:
    """Links for entries, after the last one there is."""
    for entry in entries:
        digest = link_hash(last.hash, entry)
        last = Link(position=last.position + 1, entry_id=entry.id, hash=digest)
        yield last


def link_hash(previous: str, entry: LoggedEntry) -> str:
    """SHA-256 of the hash before (64 hexadecimal digits) and the entry's text, in UTF-8."""
    return sha256((previous + canonical_text(entry)).encode()).hexdigest()


def canonical_text(entry: LoggedEntry) -> str:
    """An entry as one text, the same for nobody else: id, the columns in their order, then of each
    detail, by name, the name, `s` or `i`, and the text or number. Each is written with its length in
    characters before it: `5:alice,`.
    """
    fields: list[str | int] = [
        entry.id,
        entry.at_us,
        entry.actor_id,
        text_of(entry.via),
        entry.address,
        entry.request_id,
        text_of(entry.action),
        entry.user_id,
        entry.subject,
    ]
    for name, value in sorted(entry.details.items()):
        fields += [name, "s" if isinstance(value, str) else "i", value]
    texts = [str(field) for field in fields]
    return "".join(f"{len(text)}:{text}," for text in texts)


def find_fault(before: Link, last: Link, following: LinkedEntry) -> Fault | None:
    """Why a link does not fit onto the last one, which came after `before`; None if it does."""
    link, entry = following.link, following.entry
    sentence = _misfit(last, following)
    if sentence is None:
        return None
    if entry is not None and link_hash(before.hash, entry) == link.hash:
        return Fault(last.position, f"entry {last.entry_id} was inserted in between")
    return Fault(min(link.position, last.position + 1), sentence)


def _misfit(last: Link, following: LinkedEntry) -> str | None:
    link, entry = following.link, following.entry
    if link.position > last.position + 1:
        return "its link was removed"
    if link.position <= last.position:
        return f"entry {link.entry_id} was inserted in between: there are two of it"
    if entry is None:
        return f"entry {link.entry_id} was removed, or never there"
    if link_hash(last.hash, entry) != link.hash:
        return (
            f"entry {link.entry_id} was changed, or one before it was removed from log and chain,"
            " or its link is forged"
        )
    return None
