"""Audit: decides which differences between the books, and with the exchange, become break records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from crypto_exchange.domain.breaks import Break, BreakKind, Difference
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import InvalidField
from crypto_exchange.domain.events import BreakClosed, BreakOpened
from crypto_exchange.domain.ledger import USD
from crypto_exchange.domain.money import BPS, quantity_worth, value_of
from crypto_exchange.domain.views import Mirror

LONGEST_EVIDENCE = 2_000
_DEAREST = 10
"""No purchase in flight costs more than so many times what the last price says."""

_HIGHEST_FEE_BPS = 200


def seen_twice(before: Sequence[Difference], now: Sequence[Difference]) -> list[Difference]:
    """Differences that two looks agree on: one look alone may have met a commit on its way."""
    known = {(d.kind, d.subject, d.found - d.expected) for d in before}
    return [d for d in now if (d.kind, d.subject, d.found - d.expected) in known]


def compare_with_venue(
    found: Mapping[str, int], before: Mirror, after: Mirror
) -> Iterator[Difference]:
    """Balances at the exchange that neither the mirror before nor the one after them explains."""
    for currency in sorted({*found, *before.balances, *after.balances}):
        differences = [_unexplained(found, mirror, currency) for mirror in (before, after)]
        if all(differences):
            expected = after.balances.get(currency, 0)
            yield Difference(
                kind=BreakKind.VENUE,
                subject=f"venue:{currency}",
                expected=expected,
                found=found.get(currency, 0),
                scale=after.scale_of(currency),
            )


def open_breaks(
    differences: Sequence[Difference], known: Sequence[Break], *, keys: Iterator[str], at_us: int
) -> Change | None:
    """Record differences that no open break tells of already; None if there is none."""
    told = {(each.kind, each.subject) for each in known}
    new = tuple(
        Break(**msgspec.structs.asdict(difference), key=next(keys), opened_at_us=at_us)
        for difference in differences
        if (difference.kind, difference.subject) not in told
    )
    if not new:
        return None
    return Change(new_breaks=new, events=tuple(break_opened(each) for each in new))


def close_break(opened: Break, evidence: str, *, at_us: int) -> Change:
    """Close a break with an operator's explanation.

    Raises:
        InvalidField: there is no evidence, or it is too long.
    """
    evidence = require_evidence(evidence)
    closed = msgspec.structs.replace(
        opened, closed_at_us=at_us, evidence=evidence, version=opened.version + 1
    )
    told = BreakClosed(
        at_us=at_us, kind=opened.kind.value, subject=opened.subject, evidence=evidence
    )
    return Change(breaks=(Transition(opened, closed),), events=(told,))


def require_evidence(evidence: str) -> str:
    """What an operator's word rests on.

    Raises:
        InvalidField: it is empty or longer than 2,000 characters.
    """
    evidence = evidence.replace("\0", "").strip()
    if not 0 < len(evidence) <= LONGEST_EVIDENCE:
        expected = f"1 to {LONGEST_EVIDENCE} characters that say what it rests on"
        raise InvalidField("evidence", expected, f"{len(evidence)} characters")
    return evidence


def break_opened(opened: Break) -> BreakOpened:
    """Tell of a break."""
    return BreakOpened(
        at_us=opened.opened_at_us,
        kind=opened.kind.value,
        subject=opened.subject,
        expected=opened.expected,
        found=opened.found,
    )


def _unexplained(found: Mapping[str, int], mirror: Mirror, currency: str) -> bool:
    """Whether a balance is outside of what purchases in flight may have made of it."""
    difference = found.get(currency, 0) - mirror.balances.get(currency, 0)
    lowest, highest = _range(mirror, currency)
    return not lowest <= difference <= highest


def _range(mirror: Mirror, currency: str) -> tuple[int, int]:
    """Each purchase in flight may have been executed or not, at a price that may have moved far since:
    coins may have come, dollars gone, and a fee in any currency.
    """
    if not mirror.in_flight:
        return 0, 0
    value = sum(
        value_of(p.quantity, mirror.prices.get(p.asset, 0), p.scale) for p in mirror.in_flight
    )
    if currency == USD:
        return -_DEAREST * value, 0
    coming = sum(p.quantity for p in mirror.in_flight if p.asset == currency)
    return -_highest_fee(mirror, currency, value), coming


def _highest_fee(mirror: Mirror, currency: str, value: int) -> int:
    """What purchases worth so much may cost of a currency; all of a coin that has no price."""
    price = mirror.prices.get(currency)
    if not price:
        return max(mirror.balances.get(currency, 0), 0)
    fee = value * _DEAREST * _HIGHEST_FEE_BPS // BPS
    return quantity_worth(fee, price, mirror.scale_of(currency))
