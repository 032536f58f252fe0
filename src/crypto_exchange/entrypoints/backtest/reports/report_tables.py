"""Tables of a report: what the prices are worth, the summary, how orders ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from crypto_exchange.domain.money import USD_SCALE, format_units
from crypto_exchange.entrypoints.backtest.amounts import format_duration, moment
from crypto_exchange.entrypoints.backtest.figures.summary import Summary, Waits
from crypto_exchange.entrypoints.backtest.reports.lengths import written_s
from crypto_exchange.entrypoints.backtest.reports.report_markup import (
    Markup,
    join,
    listed,
    table,
    tag,
)
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.rows import ORDER_STATES
from crypto_exchange.entrypoints.backtest.series import PriceSeries

_ENDS = {
    "completed": "got all its coins",
    "partially_completed": "got some of its coins, the rest was refunded",
    "cancelled": "cancelled by its user and refunded",
    "pending": "being bought when the prices ended",
    "aggregated": "waiting when the prices ended",
    "price_moved": "refunded: the price had moved further than the tolerance",
    "deadline": "refunded: it had waited as long as it may",
    "exchange_rejected": "refunded: the exchange would not have it",
    "unfilled": "refunded: the exchange filled nothing of it",
    "price_stale": "not taken: the last price was too old",
    "amount_too_small": "not taken: too small an amount",
    "amount_too_large": "not taken: too large an amount",
}


def tabulate_quality(inputs: Inputs) -> Markup:
    """Of each series of prices: where it is from, how much of it is used, and what is wrong with it."""
    return join(_describe_series(series) for series in inputs.prices.values())


def describe_orders(inputs: Inputs) -> Markup:
    """What the stream of orders is."""
    flow = inputs.flow
    span = f", {_span(flow.at_us[0], flow.at_us[-1])}" if len(flow) else ""
    users = len(set(flow.users))
    return join(
        [
            tag("h3", "Orders"),
            tag(
                "p", f"{len(flow):,} orders of {', '.join(flow.symbols)} by {users:,} users{span}."
            ),
            _fingerprint(flow.fingerprint()),
        ]
    )


def tabulate_summary(summary: Summary) -> Markup:
    """Every line of the printed summary."""
    groups = [
        tag("div", tag("h3", title), figures(lines), class_="group")
        for title, lines in summary.sections()
    ]
    return tag("div", *groups, class_="columns")


def tabulate_waits(summary: Summary) -> Markup:
    """Waiting by cause, by size and by asset."""
    groups = (
        *_named(summary.waits_by_cause, "in {} batches"),
        *_named(summary.waits_by_size, "{}"),
        *(_named(summary.waits_by_asset, "{}") if len(summary.waits_by_asset) > 1 else ()),
    )
    rows = [
        [name, f"{waits.count:,}", *map(written_s, _ranks(waits))]
        for name, waits in groups
        if waits.count
    ]
    heads = ("orders", "count", "p50", "p90", "p95", "p99", "longest")
    caption = "Waiting, from placing an order to having its coins"
    return table(caption, heads, rows, numbers=range(1, len(heads)))


def tabulate_ends(records: Records) -> Markup:
    """How every order ended: the counts are those of all orders."""
    orders = records.orders
    counts = Counter(zip(orders.state, orders.reason, strict=True))
    dollars: Counter[tuple[int, int]] = Counter()
    for state, reason, total in zip(orders.state, orders.reason, orders.total, strict=True):
        dollars[state, reason] += total
    heads = ("ended", "because", "orders", "share", "USD")
    rows = [
        [
            ORDER_STATES[state].replace("_", " "),
            _why(ORDER_STATES[state], orders.reasons[reason]),
            f"{count:,}",
            f"{count / len(orders) * 100:.2f} %",
            _dollars(dollars[state, reason]),
        ]
        for (state, reason), count in counts.most_common()
    ]
    foot = ("all", "", f"{counts.total():,}", "100.00 %", _dollars(dollars.total()))
    caption = "Every order of the stream, by its last state; USD is what it was to cost"
    return table(caption, heads, rows, numbers=range(2, 5), foot=foot if rows else ())


def figures(lines: Iterable[tuple[str, str]]) -> Markup:
    """Labels and what they stand for."""
    pairs = ([tag("dt", label), tag("dd", text)] for label, text in lines)
    return tag("dl", *(each for pair in pairs for each in pair), class_="figures")


def _describe_series(series: PriceSeries) -> Markup:
    quality = series.quality
    every = f", one every {format_duration(quality.interval_us)}" if quality.interval_us else ""
    used = f"{quality.source}: {quality.kept:,} of {quality.rows:,} rows used{every}"
    faults = [str(finding) for finding in quality.findings]
    return join(
        [
            tag("h3", f"Prices of {series.asset}"),
            tag("p", f"{used}, {_span(series.at_us[0], series.at_us[-1])}."),
            listed(faults) if faults else tag("p", "Nothing was found wrong with them."),
            _fingerprint(series.fingerprint),
        ]
    )


def _fingerprint(digest: str) -> Markup:
    return tag("p", "SHA-256 ", tag("code", digest), class_="small")


def _named(waits: Mapping[str, Waits], form: str) -> list[tuple[str, Waits]]:
    return [(form.format(name), each) for name, each in waits.items()]


def _ranks(waits: Waits) -> tuple[float | None, ...]:
    return (waits.p50_s, waits.p90_s, waits.p95_s, waits.p99_s, waits.max_s)


def _why(state: str, reason: str) -> str:
    known = _ENDS.get(reason or state, reason)
    return f"{known} ({reason})" if reason and known != reason else known


def _dollars(units: int) -> str:
    whole, _, rest = format_units(units, USD_SCALE).partition(".")
    return f"{int(whole):,}.{rest[:2]}"


def _span(first_us: int, last_us: int) -> str:
    return f"{moment(first_us):%Y-%m-%d %H:%M} to {moment(last_us):%Y-%m-%d %H:%M} UTC"
