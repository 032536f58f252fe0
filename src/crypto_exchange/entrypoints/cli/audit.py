"""`crypto-exchange audit`: compares the books with themselves and with the exchange; changes nothing."""

from __future__ import annotations

import argparse
import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from crypto_exchange.domain import audit as rules
from crypto_exchange.domain.breaks import Break, BreakKind, Difference
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.money import format_units
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.use_cases import reconciliation
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.views import LedgerBalance, Mirror
from crypto_exchange.entrypoints.cli.connection import run_with_context
from crypto_exchange.entrypoints.cli.figures import Figure, write_gauges
from crypto_exchange.entrypoints.cli.quarantine import purchase_as_json
from crypto_exchange.entrypoints.http.schemas import instant
from crypto_exchange.settings import Settings

_AGAIN_S = 2.0
"""Between a look that found something and the one that confirms it."""

MEANINGS = {
    BreakKind.CURRENCY: "all accounts of a currency should sum to zero",
    BreakKind.BALANCE: "a balance should be the sum of its transfers",
    BreakKind.COST: "the cost of a holding should be what was charged for it",
    BreakKind.ORDER: "an order should say what its transfers moved",
    BreakKind.SUSPENSE: "a user's suspense should be the total of their open orders",
    BreakKind.CLEARING: "nothing should be left in the clearing of a closed batch",
    BreakKind.RESERVATION: "an inventory should have reserved what live batches say",
    BreakKind.VENUE: "the exchange should keep what the books say, purchases in flight aside",
    BreakKind.LATE_FILL: "an attempt that was given up should never be executed",
}


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What two looks agree on, and what is open. `kept` is what the exchange says it keeps; None, and
    `silence` says why, if it gave no answer.
    """

    differences: Sequence[Difference]
    breaks: Sequence[Break]
    quarantined: Sequence[Purchase]
    mirror: Mirror
    ledger: Sequence[LedgerBalance]
    kept: Mapping[str, int] | None
    silence: str | None

    @property
    def exit_code(self) -> int:
        """1: somebody has to act; 3: nobody, but the exchange gave no answer."""
        if self.differences or self.breaks or self.quarantined:
            return 1
        return 0 if self.silence is None else 3


def audit(settings: Settings, options: argparse.Namespace) -> int:
    """Print what the audit finds, as a text, JSON or gauges."""
    found = run_with_context(settings, look)
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(_as_json(found)), indent=2).decode())
    elif options.metrics:
        print(write_gauges(list_figures(found)), end="")
    else:
        print("\n".join(_lines(found)))
    return found.exit_code


async def look(context: Context) -> Audit:
    """Look once, and again if something is found. Raises `Unavailable` if the database is away."""
    found = await reconciliation.look(context)
    differences: Sequence[Difference] = found.differences
    if differences:
        await asyncio.sleep(_AGAIN_S)
        found = await reconciliation.look(context)
        differences = rules.seen_twice(differences, found.differences)
    silence = found.silence
    mirror = await context.queries.get_mirror()
    kept = None
    if silence is None:
        try:
            kept = await context.exchange.list_balances(mirror.scales)
        except Unavailable as error:
            silence = str(error)
    return Audit(
        differences=differences,
        breaks=await context.queries.list_breaks(),
        quarantined=await context.queries.list_quarantined(),
        mirror=mirror,
        ledger=await context.queries.list_ledger(),
        kept=kept,
        silence=silence,
    )


def list_figures(found: Audit) -> Iterator[Figure]:
    """The figures of an audit, every kind and currency included."""
    counted = [each.kind for each in found.differences]
    open_kinds = [each.kind for each in found.breaks]
    for kind in BreakKind:
        yield Figure("differences", str(counted.count(kind)), "kind", kind.value)
    for kind in BreakKind:
        yield Figure("open_breaks", str(open_kinds.count(kind)), "kind", kind.value)
    yield Figure("quarantined", str(len(found.quarantined)))
    yield Figure("in_flight", str(len(found.mirror.in_flight)))
    yield Figure("exchange_answers", str(int(found.silence is None)))
    for currency, total in _sums(found.ledger).items():
        yield Figure("ledger_sum", total, "currency", currency)
    for currency, total in _venue_differences(found).items():
        yield Figure("venue_difference", total, "currency", currency)


def _sums(ledger: Sequence[LedgerBalance]) -> dict[str, str]:
    totals: dict[str, int] = defaultdict(int)
    for row in ledger:
        totals[row.currency] += row.balance
    scales = {row.currency: row.scale for row in ledger}
    return {c: format_units(total, scales[c], 0) for c, total in sorted(totals.items())}


def _venue_differences(found: Audit) -> dict[str, str]:
    """What is kept above what the books say, purchases in flight not set aside."""
    if found.kept is None:
        return {}
    kept, booked = found.kept, found.mirror.balances
    return {
        c: format_units(kept.get(c, 0) - booked.get(c, 0), found.mirror.scale_of(c), 0)
        for c in sorted({*kept, *booked})
    }


def _lines(found: Audit) -> Iterator[str]:
    for each in found.differences:
        expected, was = _amounts(each)
        yield f"difference: {each.subject}: expected {expected}, found {was}"
        yield f"    {each.kind.value}: {MEANINGS[each.kind]}"
    for record in found.breaks:
        expected, was = _amounts(record)
        since = instant(record.opened_at_us)
        yield f"open break {record.key}: {record.subject}: expected {expected}, found {was}"
        yield f"    {record.kind.value}, since {since}: {MEANINGS[record.kind]}"
    for held in found.quarantined:
        amount = format_units(held.quantity, held.scale, 0)
        yield f"in quarantine: {held.client_order_id}: nobody knows whether it bought {amount} {held.asset}"
    if found.silence is not None:
        yield f"the exchange gave no answer, so only the books were audited: {found.silence}"
    sums = _sums(found.ledger)
    right = ", ".join(sums) or "none yet"
    wrong = ", ".join(f"{c} sums to {total}" for c, total in sums.items() if total != "0")
    yield (
        f"audit: {_count(found.differences, 'difference')}, {_count(found.breaks, 'open break')},"
        f" {len(found.quarantined)} in quarantine,"
        f" {_count(found.mirror.in_flight, 'purchase')} in flight;"
        f" {wrong or f'every currency sums to zero ({right})'}"
    )


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def _as_json(found: Audit) -> dict[str, object]:
    figures: dict[str, object] = {}
    for each in list_figures(found):
        if each.label is None:
            figures[each.name] = int(each.value)
        else:
            group = figures.setdefault(each.name, {})
            assert isinstance(group, dict)
            group[each.label_value] = each.value
    return {
        "differences": [_difference_as_json(each) for each in found.differences],
        "open_breaks": [
            {"key": b.key, **_difference_as_json(b), "opened_at": instant(b.opened_at_us)}
            for b in found.breaks
        ],
        "quarantined": [purchase_as_json(each) for each in found.quarantined],
        "exchange": found.silence or "answered",
        "figures": figures,
    }


def _difference_as_json(each: Difference | Break) -> dict[str, object]:
    expected, was = _amounts(each)
    meaning = MEANINGS[each.kind]
    return {
        "kind": each.kind.value,
        "account": each.subject,
        "expected": expected,
        "found": was,
        "meaning": meaning,
    }


def _amounts(each: Difference | Break) -> tuple[str, str]:
    scale, decimals = each.scale, min(2, each.scale)
    return format_units(each.expected, scale, decimals), format_units(each.found, scale, decimals)
