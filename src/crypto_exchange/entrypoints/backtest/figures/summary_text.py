"""How a summary is written for people: one screen, a unit with every number."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any

from crypto_exchange.entrypoints.override import override

LAYOUT = (
    (
        "Orders",
        (
            ("placed", "{orders:,} orders of {ordered_usd:,.2f} USD in {hours:,.1f} h"),
            (
                "ended",
                "{orders_completed:,} completed, {orders_partial:,} in part, {orders_failed:,} failed, "
                "{orders_refused:,} refused, {orders_cancelled:,} cancelled orders",
            ),
            (
                "open at the end",
                "{orders_open:,} orders of {open_usd:,.2f} USD, the oldest for {open_wait_max_s:,.1f} s",
            ),
            ("failed because of", "{failed_by_reason:,} (orders)"),
            ("refused because of", "{refused_by_reason:,} (orders)"),
        ),
    ),
    (
        "Waiting",
        (
            ("median, p90", "{wait_p50_s:,.1f} s, {wait_p90_s:,.1f} s"),
            ("p95, p99", "{wait_p95_s:,.1f} s, {wait_p99_s:,.1f} s"),
            ("longest", "{wait_max_s:,.1f} s"),
        ),
    ),
    (
        "Cost",
        (
            (
                "above the quotes",
                "{cost_bps:,.2f} bps = {cost_usd:,.4f} USD of {quoted_usd:,.2f} USD",
            ),
            ("delay", "{delay_bps:,.2f} bps = {delay_usd:,.4f} USD"),
            ("spread", "{spread_bps:,.2f} bps = {spread_usd:,.4f} USD"),
            ("impact", "{impact_bps:,.2f} bps = {impact_usd:,.4f} USD"),
            ("fees", "{fee_bps:,.2f} bps = {fees_usd:,.4f} USD"),
            ("dust", "{dust_bps:,.2f} bps = {dust_usd:,.4f} USD"),
            (
                "borne",
                "by users {users_bear_usd:,.4f} USD, by the house {house_bears_usd:,.4f} USD",
            ),
            (
                "price since the quote",
                "mean {drift_mean_bps:,.2f} bps, p95 {drift_p95_bps:,.2f} bps either way",
            ),
            (
                "not delivered",
                "{undelivered_usd:,.2f} USD, a chance missed of {opportunity_usd:,.4f} USD",
            ),
        ),
    ),
    (
        "Fees saved",
        (
            (
                "each order alone",
                "{fees_saved_vs_direct_usd:,.4f} USD ({direct_infeasible:,} orders too small for it)",
            ),
            (
                "if none were too small",
                "{fees_saved_vs_direct_no_minimum_usd:,.4f} USD",
            ),
            (
                "sold from a stock",
                "{fees_saved_vs_house_inventory_usd:,.4f} USD "
                "(a stock of {house_inventory_peak_usd:,.2f} USD)",
            ),
        ),
    ),
    (
        "House",
        (
            ("result", "{house_result_usd:,.4f} USD = {house_result_bps:,.2f} bps"),
            ("profit and loss", "{house_pnl_usd:,.4f} USD, of it from users {markup_usd:,.4f} USD"),
            ("inventory", "{inventory_usd:,.4f} USD"),
            (
                "exposure",
                "peak {exposure_peak_usd:,.2f} USD, {exposure_usd_hours:,.2f} USD hours",
            ),
            ("late fills", "{late_fills:,} fills of {late_fills_usd:,.2f} USD"),
        ),
    ),
    (
        "Capital",
        (
            (
                "users' money held",
                "peak {users_money_peak_usd:,.2f} USD, {users_money_usd_hours:,.2f} USD hours, "
                "brought in {deposited_usd:,.2f} USD",
            ),
            (
                "paid to the exchange",
                "{paid_to_exchange_usd:,.2f} USD, at most {prefund_24h_usd:,.2f} USD in 24 h",
            ),
            (
                "calls of the exchange",
                "{calls:,} calls, {calls_per_hour:,.1f} calls/h, "
                "at most {calls_per_minute_peak:,} calls in 1 min",
            ),
        ),
    ),
    (
        "Failures",
        (
            (
                "batches",
                "{batches_settled:,} settled, {batches_open:,} open of {batches:,} batches; "
                "{attempts_failed:,} attempts failed",
            ),
            (
                "unknown outcomes",
                "{unknown:,} purchases, resolved in p95 {unknown_p95_s:,.1f} s, "
                "at most {unknown_max_s:,.1f} s",
            ),
            ("refunded", "{refunded_usd:,.2f} USD"),
            ("double buys", "{double_buys} purchases"),
        ),
    ),
    (
        "Fairness",
        (
            (
                "off the exact share",
                "at most {pro_rata_error_max_units:.3f} units, {charge_error_max_cents:.3f} cents",
            ),
            ("dearer than alone", "{paid_more_than_alone_pct:.2f} % of orders"),
            ("balances verified", "{checks:,} checks, {house_pnl_gap_usd:.8f} USD unexplained"),
        ),
    ),
)
"""Titles, and of each the lines: a label, and a text with the names of figures in it."""


def written(figures: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The layout with the figures filled in."""
    return [
        (title, [(label, _FORMAT.vformat(text, (), figures)) for label, text in lines])
        for title, lines in LAYOUT
    ]


class _Shown(Formatter):
    """Writes None as n/a, whatever its format, and counts by name as `deadline 3, unfilled 1`."""

    @override
    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            return "n/a"
        if isinstance(value, dict):
            return (
                ", ".join(f"{name} {count:{format_spec}}" for name, count in value.items())
                or "none"
            )
        return format(value, format_spec)


_FORMAT = _Shown()
