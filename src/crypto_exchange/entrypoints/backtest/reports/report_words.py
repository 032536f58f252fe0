"""What a report says in words: the verdict, its key figures, and what a run takes for granted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from crypto_exchange.entrypoints.backtest.amounts import dollars, format_duration
from crypto_exchange.entrypoints.backtest.engine.engine import policy_of
from crypto_exchange.entrypoints.backtest.figures.spread_cover import SpreadCover
from crypto_exchange.entrypoints.backtest.figures.summary import Summary
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.reports.lengths import written_s
from crypto_exchange.entrypoints.backtest.result import Inputs

_ON_DEADLINE = {
    "refund": "is refunded",
    "top_up": "is bought at once, and the house pays what is missing to the exchange's minimum",
    "wait": "goes on waiting",
}
_FAILURES = {
    "reject": "is refused and tried again",
    "timeout": "is executed, but its answer is lost and looked up",
    "lost": "never arrives, which is proven before the next attempt",
    "partial": "is filled in part",
    "late_fill": "is proven absent and executed after all, for the house",
}
_FEE_IN = {"quote": "dollars", "coin": "the coin that is bought", "other": "a third coin"}


def tell_verdict(summary: Summary, cover: SpreadCover) -> str:
    """One sentence: waiting, cost, what was saved, the house's result, and the spread for its risk."""
    if not summary.orders:
        return "No order was placed."
    if summary.wait_p50_s is None:
        return f"None of {summary.orders:,} orders got coins."
    return (
        f"Half of the orders had their coins within {written_s(summary.wait_p50_s)} and 95 % within "
        f"{written_s(summary.wait_p95_s)}, at {_bps(summary.cost_bps)} bps above their quotes; "
        f"{_tell_saving(summary)}, {_tell_result(summary)}, and {_tell_cover(cover)}."
    )


def list_keys(summary: Summary, cover: SpreadCover) -> Iterator[tuple[str, str, str]]:
    """The most important figures: what each is, the figure, and what to know about it."""
    done = summary.orders_completed + summary.orders_partial
    share = f"{done / summary.orders * 100:.1f} %" if summary.orders else "n/a"
    yield "orders with coins", share, f"{done:,} of {summary.orders:,}"
    yield "waited, p50", written_s(summary.wait_p50_s), f"p90 {written_s(summary.wait_p90_s)}"
    yield "waited, p95", written_s(summary.wait_p95_s), f"longest {written_s(summary.wait_max_s)}"
    yield (
        "cost above the quotes",
        f"{_bps(summary.cost_bps)} bps",
        f"{summary.cost_usd:,.2f} USD, of it fees {summary.fees_usd:,.2f}",
    )
    yield (
        "fees saved",
        f"{summary.fees_saved_vs_direct_no_minimum_usd:,.2f} USD",
        f"against each order alone, {summary.direct_infeasible:,} of them too small for that",
    )
    yield (
        "the house's result",
        f"{summary.house_result_usd:,.2f} USD",
        f"{_bps(summary.house_result_bps)} bps",
    )
    yield (
        "purchases",
        f"{summary.calls:,}",
        f"{summary.batches_settled:,} batches settled of {summary.batches:,}",
    )
    covers = "n/a" if cover.spread_bps is None else f"{cover.spread_bps} bps"
    yield (
        "spread for the risk",
        covers,
        f"of a {cover.horizon} at {cover.confidence * 100:.4g} %; charged {cover.charged_bps} bps",
    )


def list_assumptions(inputs: Inputs, varied: Sequence[str] = ()) -> list[str]:
    """What a run takes for granted, and what it leaves out; `varied` are the names of a sweep's grid."""
    names = ", ".join(name.replace("_", " ") for name in varied)
    return [
        *(
            [f"Sweep: each cell has its own {names}; below is what they were varied from."]
            if names
            else []
        ),
        "Timing: at one moment prices come first, then answers of the exchange, then timers, then "
        "orders. A bar's price is known from its close on. Nobody acts on what comes later.",
        "Quotes: an order is quoted at the last price seen before it.",
        *_list_pricing(inputs),
        *(line for name, market in _distinct(inputs) for line in _list_market(name, market)),
        "Funding: users bring in what an order needs just before it, and take nothing out.",
        "Not modelled: the order book's depth beyond the impact above, what other traders do about "
        "our purchases, outages of our own service, users who cancel or who order differently because "
        "of prices or waits, taxes, and interest on money held.",
    ]


def _tell_saving(summary: Summary) -> str:
    alone = summary.orders_completed + summary.orders_partial
    if summary.direct_infeasible == alone:
        return (
            "none of them could have been bought alone (without the exchange's minimum, that would "
            f"have cost {_more(summary.fees_saved_vs_direct_no_minimum_usd)} in fees)"
        )
    small = (
        f" ({summary.direct_infeasible:,} of them are below the exchange's minimum)"
        if summary.direct_infeasible
        else ""
    )
    return (
        f"buying each order alone{small} would have cost "
        f"{_more(summary.fees_saved_vs_direct_no_minimum_usd)} in fees"
    )


def _more(saved: object) -> str:
    said = f"{saved:,.2f}"
    return f"{said.removeprefix('-')} USD {'less' if said.startswith('-') else 'more'}"


def _tell_result(summary: Summary) -> str:
    verb = "lost" if summary.house_result_usd < 0 else "gained"
    share = abs(summary.house_result_bps or 0)
    return f"the house {verb} {abs(summary.house_result_usd):,.2f} USD ({share:,.1f} bps)"


def _tell_cover(cover: SpreadCover) -> str:
    if cover.spread_bps is None:
        return f"no spread can be named for the house's risk ({cover.why_not})"
    return (
        f"a spread of {cover.spread_bps} bps covers the house's risk of a {cover.horizon} with "
        f"{cover.confidence * 100:.4g} % confidence ({cover.charged_bps} bps were charged)"
    )


def _list_pricing(inputs: Inputs) -> Iterator[str]:
    policy, domain = inputs.policy, policy_of(inputs)
    yield (
        f"Batches: small orders of an asset are bought together from {policy.threshold} USD on; after "
        f"{policy.max_wait} an order that could not be bought {_ON_DEADLINE[policy.on_deadline]}. "
        f"An order of at least {policy.threshold} USD is bought at once"
        f"{', and takes those along that wait' if policy.take_along else ''}."
    )
    if policy.pricing == "quoted":
        yield (
            f"Pricing: users pay their quote and a spread of {policy.spread_bps} bps; the house bears "
            f"everything else. An order whose price has moved more than {policy.price_tolerance_bps} "
            "bps is refunded."
        )
    else:
        yield (
            "Pricing: all members of a batch pay the average of what it cost; no spread is charged."
        )
    age = format_duration(domain.price_max_age_us)
    yield f"Price age: an order is refused if the last price is older than {age}."


def _list_market(name: str, market: Market) -> Iterator[str]:
    spread = (
        f"half of a spread of {market.spread_bps} bps above it"
        if market.spread_bps
        else "no spread"
    )
    impact = f"a square-root impact with y = {market.impact.y}" if market.impact else "no impact"
    yield (
        f"{name}fills: whole, {market.latency} after they were sent, at the price that holds then, with "
        f"{spread} and {impact}; with asks in the prices, those are paid instead of a spread. The "
        f"exchange takes at least {market.min_notional} USD, in steps of {market.lot_step} coins."
    )
    yield f"{name}fees: {_tell_fee(market)}"
    failing = [
        f"{share} {_FAILURES[kind]}"
        for kind in _FAILURES
        if (share := getattr(market.failures, kind))
    ]
    told = "; ".join(failing) if market.failures else "none"
    yield f"{name}failures (shares of attempts): {told}."


def _tell_fee(market: Market) -> str:
    fee = market.fee
    parts = [f"{fee.rate_bps} bps of the cost"]
    if dollars("minimum", fee.minimum):
        parts.append(f"at least {fee.minimum} USD")
    if dollars("per_order", fee.per_order):
        parts.append(f"{fee.per_order} USD a purchase in addition")
    parts += [f"{rate} bps from {above} USD in 30 days on" for above, rate in fee.tiers]
    return f"{', '.join(parts)}; in {_FEE_IN[market.fee_in]}."


def _distinct(inputs: Inputs) -> Iterable[tuple[str, Market]]:
    """Each market that differs, with the assets it is for."""
    markets: list[tuple[list[str], Market]] = []
    for symbol, market in inputs.markets.items():
        same = next((names for names, other in markets if other == market), None)
        if same is None:
            markets.append(([symbol], market))
        else:
            same.append(symbol)
    return [
        (f"{', '.join(names)} " if len(markets) > 1 else "The exchange's ", market)
        for names, market in markets
    ]


def _bps(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.1f}"
