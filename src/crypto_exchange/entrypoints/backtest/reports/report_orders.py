"""The orders that cost the most, and what each of them went through."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from crypto_exchange.domain.money import PRICE_SCALE
from crypto_exchange.entrypoints.backtest.amounts import moment
from crypto_exchange.entrypoints.backtest.figures.vectors import (
    Integers,
    bps,
    divide,
    dollars,
    sums_by,
)
from crypto_exchange.entrypoints.backtest.reports.lengths import written_s
from crypto_exchange.entrypoints.backtest.reports.pictures import Scene
from crypto_exchange.entrypoints.backtest.reports.report_markup import Markup, join, table, tag
from crypto_exchange.entrypoints.backtest.rows import BATCH_CAUSES

WORST = 20


def tabulate_worst(scene: Scene) -> Markup:
    """The orders whose coins cost the most dollars above their quotes, with every step."""
    costs = _costs(scene)
    worst = np.argsort(-costs, kind="stable")[:WORST]
    if not len(worst):
        return tag("p", "No order got coins.")
    heads = ("order", "cost", "waited", "price since", "placed", "sealed", "sent", "filled")
    rows = [_trace(scene, place, int(costs[place])) for place in worst.tolist()]
    caption = (
        "Times are in UTC, prices in dollars a coin. Cost is the order's part, by coins, of what its "
        "batch cost, less the quoted value of its coins; users pay what their pricing says."
    )
    return table(caption, heads, rows, numbers=range(1, 4))


def _costs(scene: Scene) -> Integers:
    """Per delivery, 10⁻⁸ dollars."""
    deliveries, split = scene.deliveries, scene.split
    size = len(scene.records.batches)
    paid = np.zeros(size, dtype=np.int64)
    paid[split.rows] = split.value + split.shortfall
    coins = sums_by(deliveries.batch, deliveries.filled, size)
    shares, _ = divide(paid[deliveries.batch], deliveries.filled, coins[deliveries.batch])
    costs: Integers = shares - deliveries.values
    return costs


def _trace(scene: Scene, place: int, cost: int) -> list[str]:
    deliveries, batches = scene.deliveries, scene.records.batches
    row, batch = int(deliveries.rows[place]), int(deliveries.batch[place])
    symbol = tuple(scene.inputs.prices)[deliveries.asset[place]]
    coins = Decimal(int(deliveries.filled[place])).scaleb(-scene.records.scales[symbol])
    quote, fill = int(deliveries.unit_price[place]), batches.fill_price[batch]
    attempts = f"attempt {batches.attempts[batch]}" if batches.attempts[batch] > 1 else ""
    value = int(deliveries.values[place])
    at_us, ended_us = int(deliveries.at_us[place]), int(deliveries.ended_us[place])
    sealed_us, sent_us = batches.sealed_us[batch], batches.sent_us[batch]
    planned = f"{_price(batches.seal_price[batch])}, {BATCH_CAUSES[batches.cause[batch]]}"
    return [
        _cell(f"{row + 1}", _user(scene, row)),
        _cell(f"{dollars(cost):,.4f} USD", f"{_share(cost, value)} bps"),
        written_s((ended_us - at_us) / 1_000_000),
        f"{_share(fill - quote, quote)} bps" if fill else "n/a",
        _cell(_time(at_us), _price(quote)),
        _cell(_time(sealed_us, at_us), planned),
        _cell(_time(sent_us, sealed_us), attempts),
        _cell(
            _time(ended_us, sent_us), ", ".join(filter(None, [_price(fill), f"{coins:f} {symbol}"]))
        ),
    ]


def _user(scene: Scene, row: int) -> str:
    number, names = scene.records.orders.user[row], scene.inputs.flow.names
    return f"user {names[number - 1] if names else number}"


def _cell(first: str, second: str) -> Markup:
    """A line, and a smaller one below it."""
    below = [Markup("<br>"), tag("small", second)] if second else []
    return tag("span", join([first, *below]), class_="nowrap")


def _time(at_us: int, before_us: int = 0) -> str:
    """With its day, unless that is the day of the step before."""
    if not at_us:
        return "from stock"
    now, before = moment(at_us), moment(before_us)
    day = "" if now.date() == before.date() else f"{now:%Y-%m-%d} "
    return day + f"{now:%H:%M:%S.%f}"[:-3]


def _price(units: int) -> str:
    return f"{Decimal(units).scaleb(-PRICE_SCALE):,.2f}" if units else ""


def _share(part: int, whole: int) -> str:
    share = bps(part, whole)
    return "n/a" if share is None else f"{share:,.1f}"
