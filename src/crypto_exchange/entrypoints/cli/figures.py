"""Figures as Prometheus reads them: text gauges, as for the textfile collector of its node exporter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_PREFIX = "crypto_exchange_audit_"
_HELP = {
    "differences": "Differences in the books, or with the exchange, that two looks agreed on.",
    "open_breaks": "Recorded differences that nobody has explained yet.",
    "quarantined": "Purchases of which only an operator can say what became of them.",
    "in_flight": "Purchases whose outcome is not booked yet.",
    "exchange_answers": "Whether the exchange gave its balances.",
    "ledger_sum": "Sum of all accounts of a currency; it should be 0.",
    "venue_difference": "What the exchange keeps above what the books say, in dollars or coins.",
}


class Figure(NamedTuple):
    """A number in plain decimals, with at most one label."""

    name: str
    value: str
    label: str | None = None
    label_value: str = ""


def write_gauges(figures: Iterable[Figure]) -> str:
    """Write figures in Prometheus' text format; those of one name stand together."""
    lines: list[str] = []
    last = None
    for each in figures:
        name = f"{_PREFIX}{each.name}"
        if name != last:
            lines += [f"# HELP {name} {_HELP[each.name]}", f"# TYPE {name} gauge"]
        last = name
        label = "" if each.label is None else f'{{{each.label}="{_escaped(each.label_value)}"}}'
        lines.append(f"{name}{label} {each.value}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
