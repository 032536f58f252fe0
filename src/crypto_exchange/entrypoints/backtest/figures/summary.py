"""Summary: what a run came to, each figure with its unit in its name.

Dollars are exact (Decimal), bought coins too; everything else is a number for people. None means that
there was nothing to measure. How each figure is defined: docs/backtest-metrics.md.
"""

from __future__ import annotations

from decimal import Decimal
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec

from crypto_exchange.entrypoints.backtest.figures.summary_text import written
from crypto_exchange.entrypoints.override import override

if TYPE_CHECKING:
    from crypto_exchange.entrypoints.backtest.result import Inputs, Records


class Waits(msgspec.Struct, frozen=True):
    """From placing an order to having its coins, of `count` orders; nearest ranks, in seconds."""

    count: int
    p50_s: float | None
    p90_s: float | None
    p95_s: float | None
    p99_s: float | None
    max_s: float | None


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was open when the prices ended."""

    order_id: int
    asset: str
    total_usd: Decimal
    waited_s: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of one run. Print it, or take `as_dict()` as a line of a table."""

    hours: float
    orders: int
    orders_completed: int
    orders_partial: int
    orders_failed: int
    orders_cancelled: int
    orders_refused: int
    orders_open: int
    ordered_usd: Decimal
    open_usd: Decimal
    open_wait_max_s: float | None
    oldest_open: tuple[OpenOrder, ...]

    wait_p50_s: float | None
    wait_p90_s: float | None
    wait_p95_s: float | None
    wait_p99_s: float | None
    wait_max_s: float | None
    waits_by_asset: dict[str, Waits]
    waits_by_size: dict[str, Waits]
    waits_by_cause: dict[str, Waits]

    quoted_usd: Decimal
    charged_usd: Decimal
    cost_usd: Decimal
    delay_usd: Decimal
    spread_usd: Decimal
    impact_usd: Decimal
    fees_usd: Decimal
    dust_usd: Decimal
    cost_bps: float | None
    delay_bps: float | None
    spread_bps: float | None
    impact_bps: float | None
    fee_bps: float | None
    dust_bps: float | None
    cost_rounding_max_usd: Decimal
    users_bear_usd: Decimal
    house_bears_usd: Decimal
    drift_mean_bps: float | None
    drift_abs_mean_bps: float | None
    drift_p95_bps: float | None
    undelivered_usd: Decimal
    opportunity_usd: Decimal
    opportunity_bps: float | None

    direct_infeasible: int
    direct_fees_usd: Decimal
    direct_surplus_usd: Decimal
    fees_saved_vs_direct_usd: Decimal
    fees_saved_vs_direct_no_minimum_usd: Decimal
    house_inventory_purchases: int
    house_inventory_fees_usd: Decimal
    house_inventory_peak_usd: Decimal
    fees_saved_vs_house_inventory_usd: Decimal

    inventory_coins: dict[str, Decimal]
    inventory_usd: Decimal
    exposure_peak_usd: Decimal
    exposure_usd_hours: float
    markup_usd: Decimal
    house_pnl_usd: Decimal
    house_result_usd: Decimal
    house_result_bps: float | None
    house_pnl_gap_usd: Decimal
    late_fills: int
    late_fills_usd: Decimal

    deposited_usd: Decimal
    users_money_peak_usd: Decimal
    users_money_usd_hours: float
    paid_to_exchange_usd: Decimal
    prefund_24h_usd: Decimal
    calls: int
    calls_per_hour: float | None
    calls_per_minute_peak: int

    batches: int
    batches_settled: int
    batches_open: int
    attempts_failed: int
    unknown: int
    unknown_p95_s: float | None
    unknown_max_s: float | None
    double_buys: int
    refunded_usd: Decimal
    failed_by_reason: dict[str, int]
    refused_by_reason: dict[str, int]

    pro_rata_error_max_units: float
    charge_error_max_cents: float
    paid_more_than_alone_pct: float | None
    checks: int

    @override
    def __repr__(self) -> str:
        sections = self.sections()
        width = max(len(label) for _, lines in sections for label, _ in lines)
        return "\n".join(
            f"{'' if place else title:<12}{label:<{width}}  {text}"
            for title, lines in sections
            for place, (label, text) in enumerate(lines)
        )

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        rows = "".join(
            f'<tr><th colspan="2" style="text-align:left">{escape(title)}</th></tr>'
            + "".join(
                f'<tr><td style="text-align:left">{escape(label)}</td>'
                f'<td style="text-align:left">{escape(text)}</td></tr>'
                for label, text in lines
            )
            for title, lines in self.sections()
        )
        return f"<table><tbody>{rows}</tbody></table>"

    def sections(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """What is shown: titles, and of each the lines with label and text."""
        return written({name: getattr(self, name) for name in self.__struct_fields__})

    def as_dict(self) -> dict[str, Decimal | float | int | None]:
        """Every single figure by its name, and how many orders failed or were refused for which
        reason as `failed_deadline`, `refused_price_stale` …
        """
        figures = {name: getattr(self, name) for name in FIGURES}
        failed = {f"failed_{reason}": n for reason, n in self.failed_by_reason.items()}
        refused = {f"refused_{reason}": n for reason, n in self.refused_by_reason.items()}
        return figures | failed | refused


FIGURES = tuple(
    field.name
    for field in msgspec.structs.fields(Summary)
    if field.name
    not in {
        *("oldest_open", "waits_by_asset", "waits_by_size", "waits_by_cause"),
        *("inventory_coins", "failed_by_reason", "refused_by_reason"),
    }
)
"""The names of the figures that every run has, each a single number or None."""


def summarise(inputs: Inputs, records: Records) -> Summary:
    """Every figure of a run. A million orders take some two seconds.

    Raises:
        ImportError: numpy is not installed.
    """
    require_numpy()
    from crypto_exchange.entrypoints.backtest.figures.metrics import list_figures

    return Summary(**list_figures(inputs, records))


def require_numpy() -> None:
    """Raises ImportError if numpy is not installed, with what to do about it."""
    try:
        import_module("numpy")
    except ModuleNotFoundError as error:
        raise ImportError(
            "expected numpy to be installed, was not: pip install 'crypto-exchange[backtest]'"
        ) from error
