"""What the exchange's fees would have been otherwise, for the same coins to the same people.

`direct`: every order is bought alone at its own quote. `house_inventory`: every order is filled at once
from the house's stock, which is bought back whenever what was sold since is worth the threshold.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import numpy as np

from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.money import PPM
from crypto_exchange.entrypoints.backtest.amounts import dollars as parse_dollars
from crypto_exchange.entrypoints.backtest.figures.costs import CostSplit
from crypto_exchange.entrypoints.backtest.figures.deliveries import Deliveries
from crypto_exchange.entrypoints.backtest.figures.vectors import (
    Flags,
    Integers,
    divide,
    dollars,
    sums_by,
    total,
    unit_values,
)
from crypto_exchange.entrypoints.backtest.market import FeeSchedule, Market
from crypto_exchange.entrypoints.backtest.result import Inputs, Records

Count = TypeVar("Count", int, Integers)

_MONTH_US = 30 * 86_400_000_000


class Lot(msgspec.Struct, frozen=True):
    """`step` in units; `coin_ppm` what of a purchase is kept as a fee in coin, at the first rate."""

    step: int
    coin_ppm: int

    def gross(self, need: Count) -> Count:
        """The smallest whole lots that bring so many units."""
        left = PPM - self.coin_ppm
        fee = need // left * self.coin_ppm - (-(need % left) * self.coin_ppm // left)
        return -(-(need + fee) // self.step) * self.step

    def net(self, units: Count) -> Count:
        """What arrives of a purchase; the fee is rounded up to the unit."""
        return units - (units // PPM * self.coin_ppm - (-(units % PPM) * self.coin_ppm // PPM))


class Alone(msgspec.Struct, frozen=True, kw_only=True):
    """Every delivered order bought alone, in the order of `Deliveries`: 10⁻⁸ dollars.

    `surplus` is what the coins beyond the order are worth, because of the lot step. `feasible`: the
    exchange would have taken it.
    """

    cost: Integers
    fee: Integers
    surplus: Integers
    feasible: Flags


class Restocking(msgspec.Struct, frozen=True):
    """What a house that sells from stock buys back: the deliveries after which it does, and how much
    (units); `peak` is the most that was sold and not bought back (10⁻⁸ dollars).
    """

    places: Integers
    units: Integers
    peak: int


def buy_alone(inputs: Inputs, records: Records, deliveries: Deliveries) -> Alone:
    """Each order by itself at its own quote, with the market's lot, limits and fees."""
    cost, fee, surplus = (np.zeros(len(deliveries.rows), dtype=np.int64) for _ in range(3))
    feasible = np.zeros(len(deliveries.rows), dtype=np.bool_)
    per_dollar = unit_values(inputs, records)
    for place, symbol in enumerate(inputs.prices):
        market, of_asset = inputs.markets[symbol], deliveries.asset == place
        lot, filled = _lot(market), deliveries.filled[of_asset]
        prices = deliveries.unit_price[of_asset]
        units = lot.gross(filled)
        costs = _costs(units, prices, per_dollar[place])
        cost[of_asset] = costs
        fee[of_asset] = fees(costs, deliveries.at_us[of_asset], market.fee)
        left_over = lot.net(units) - filled
        surplus[of_asset] = divide(left_over, prices, per_dollar[place])[0]
        feasible[of_asset] = _accepted(units, costs, market.rule())
    return Alone(cost=cost, fee=fee, surplus=surplus, feasible=feasible)


def restock(values: Integers, filled: Integers, least: int, lot: Lot) -> Restocking:
    """Sell every order from stock, and buy back what was sold when that is worth `least` (10⁻⁸ dollars),
    and after the last order; what lots bring too much is sold first.
    """
    sold = np.cumsum(values)
    following = np.searchsorted(sold, sold + least).tolist()
    place, places = int(np.searchsorted(sold, least)), []
    while place < len(values):
        places.append(place)
        place = following[place]
    if len(values) and places[-1:] != [len(values) - 1]:
        places.append(len(values) - 1)
    owed = np.diff(sold[places], prepend=0)
    units = np.diff(lot.gross(np.cumsum(filled)[places]), prepend=0)
    return Restocking(np.array(places, dtype=np.int64), units, int(owed.max(initial=0)))


def fees(costs: Integers, at_us: Integers, schedule: FeeSchedule) -> Integers:
    """What the exchange takes for purchases in the order of time, rounded up to 10⁻⁸ dollars each:
    `max(minimum, rate × cost) + per_order`, the rate by what was bought in the 30 days before.
    """
    rates = np.full(len(costs), schedule.rate_ppm)
    if schedule.tiers:
        sums = np.concatenate(([0.0], np.cumsum(costs.astype(np.float64))))
        before = np.searchsorted(at_us, at_us - _MONTH_US, side="right")
        volumes = sums[:-1] - sums[before]
        for above, _ in schedule.tiers:
            reached = parse_dollars("tiers", above)
            rates[volumes >= reached] = schedule.tier_ppm(reached)
    whole, rest = np.divmod(costs, PPM)
    minimum = parse_dollars("minimum", schedule.minimum)
    taken: Integers = np.maximum(whole * rates - (-rest * rates // PPM), minimum)
    return taken + parse_dollars("per_order", schedule.per_order)


def saving_figures(
    inputs: Inputs, records: Records, deliveries: Deliveries, alone: Alone, split: CostSplit
) -> dict[str, Any]:
    """The figures of the summary about fees that were saved."""
    paid, feasible = split.parts()["fee"], alone.feasible
    direct, direct_of_all = total(alone.fee[feasible]), total(alone.fee)
    stocked, restocks, peak = _house_inventory(inputs, records, deliveries)
    return {
        "direct_infeasible": int((~feasible).sum()),
        "direct_fees_usd": dollars(direct),
        "direct_surplus_usd": dollars(total(alone.surplus[feasible])),
        "fees_saved_vs_direct_usd": dollars(direct - _shared(records, deliveries, alone, split)),
        "fees_saved_vs_direct_no_minimum_usd": dollars(direct_of_all - paid),
        "house_inventory_purchases": restocks,
        "house_inventory_fees_usd": dollars(stocked),
        "house_inventory_peak_usd": dollars(peak),
        "fees_saved_vs_house_inventory_usd": dollars(stocked - paid),
    }


def _shared(records: Records, deliveries: Deliveries, alone: Alone, split: CostSplit) -> int:
    """What orders that could have been bought alone bear of their batches' fees, by their coins."""
    size, feasible = len(records.batches), alone.feasible
    theirs = sums_by(deliveries.batch[feasible], deliveries.filled[feasible], size)[split.rows]
    everyones = sums_by(deliveries.batch, deliveries.filled, size)[split.rows]
    everyones[everyones == 0] = 1
    return total(divide(split.fee, theirs, everyones)[0])


def _house_inventory(
    inputs: Inputs, records: Records, deliveries: Deliveries
) -> tuple[int, int, int]:
    """Fees, number of purchases and the largest stock that it takes, of all assets together."""
    stocked = restocks = peak = 0
    threshold = parse_dollars("threshold", inputs.policy.threshold)
    for place, symbol in enumerate(inputs.prices):
        market, of_asset = inputs.markets[symbol], deliveries.asset == place
        least = max(threshold, market.rule().min_notional)
        found = restock(
            deliveries.values[of_asset], deliveries.filled[of_asset], least, _lot(market)
        )
        prices = deliveries.unit_price[of_asset][found.places]
        bought = found.units > 0
        costs = _costs(found.units, prices, unit_values(inputs, records)[place])[bought]
        times = deliveries.at_us[of_asset][found.places][bought]
        stocked += total(fees(costs, times, market.fee))
        restocks += len(costs)
        peak += found.peak
    return stocked, restocks, peak


def _lot(market: Market) -> Lot:
    return Lot(market.rule().lot_step, market.fee.rate_ppm if market.fee_in == "coin" else 0)


def _costs(units: Integers, prices: Integers, per_dollar: int) -> Integers:
    """Rounded up to 10⁻⁸ dollars."""
    return -divide(-units, prices, per_dollar)[0]


def _accepted(units: Integers, costs: Integers, rule: MarketRule) -> Flags:
    largest = rule.max_quantity or np.iinfo(np.int64).max
    accepted: Flags = (
        (costs >= rule.min_notional) & (units >= rule.min_quantity) & (units <= largest)
    )
    return accepted
