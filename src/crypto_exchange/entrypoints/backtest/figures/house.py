"""What the house has and earns: coins, the money that is exposed to prices, profit and loss."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from crypto_exchange.domain.batch import BatchState
from crypto_exchange.domain.ledger import AccountKind
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.entrypoints.backtest.figures.costs import CostSplit
from crypto_exchange.entrypoints.backtest.figures.vectors import (
    Floats,
    Integers,
    Timeline,
    bps,
    divide,
    dollars,
    integers,
    prices_at,
    total,
    unit_values,
)
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.rows import BATCH_STATES

_SETTLED = BATCH_STATES.index(BatchState.SETTLED.value)


def house_figures(inputs: Inputs, records: Records, split: CostSplit) -> dict[str, Any]:
    """The figures of the summary about the house."""
    exposed = expose(inputs, records)
    inventory = _inventory(records, tuple(inputs.prices))
    marked = _marked(inputs, records, inventory)
    late = total(integers(records.late.cost)) + total(integers(records.late.fee))
    pnl = _balance(records, AccountKind.PNL) + _balance(records, AccountKind.FEES)
    markup = total(split.charged) - total(split.value)
    batches = records.batches
    paid = total(integers(batches.cost)) + total(integers(batches.fee))
    return {
        "inventory_coins": {
            symbol: Decimal(units).scaleb(-records.scales[symbol])
            for symbol, units in inventory.items()
        },
        "inventory_usd": dollars(marked),
        "exposure_peak_usd": exposed.peak,
        "exposure_usd_hours": exposed.usd_hours,
        "markup_usd": dollars(markup),
        "house_pnl_usd": dollars(pnl),
        "house_result_usd": dollars(pnl + marked),
        "house_result_bps": bps(pnl + marked, total(split.value)),
        "house_pnl_gap_usd": dollars(pnl - (total(split.charged) - paid - late)),
        "late_fills": len(records.late),
        "late_fills_usd": dollars(late),
    }


def expose(inputs: Inputs, records: Records) -> Timeline:
    """Inventory at the price of the moment, and the quoted value of batches under way.

    It is looked at when a batch is sealed or ends and when a late fill is found; a price that moves in
    between does not count.
    """
    asset, at_us, units, value = _moves(records)
    worth = _inventory_steps(inputs, records, asset, at_us, units) + value / DOLLAR
    return _timeline(at_us, worth, records.ended_us)


def hold(records: Records) -> Timeline:
    """Users' money in suspense: debited for orders that have not ended."""
    orders = records.orders
    taken = np.flatnonzero(integers(orders.unit_price) > 0)
    at_us, ended_us = integers(orders.at_us)[taken], integers(orders.ended_us)[taken]
    totals, ended = integers(orders.total)[taken], ended_us > 0
    steps = np.concatenate([totals, -totals[ended]]) / DOLLAR
    moments = np.concatenate([at_us, ended_us[ended]])
    order = np.argsort(moments, kind="stable")
    return _timeline(moments[order], steps[order], records.ended_us)


def _moves(records: Records) -> tuple[Integers, Integers, Integers, Integers]:
    """Asset, time, coins into the inventory and dollars into flight, by time."""
    batches, late = records.batches, records.late
    asset, ended_us = integers(batches.asset), integers(batches.ended_us)
    sent = integers(batches.sent_us) > 0
    ended = ended_us > 0
    quoted = np.where(sent, integers(batches.quoted), 0)
    left = integers(batches.bought) - integers(batches.coin_fee) - integers(batches.delivered)
    late_asset = asset[integers(late.batch)]
    assets = np.concatenate([asset, asset[ended], late_asset])
    at_us = np.concatenate([integers(batches.sealed_us), ended_us[ended], integers(late.at_us)])
    coins = integers(late.quantity) - integers(late.coin_fee)
    units = np.concatenate([np.zeros_like(asset), left[ended], coins])
    value = np.concatenate([quoted, -quoted[ended], np.zeros_like(late_asset)])
    order = np.argsort(at_us, kind="stable")
    return assets[order], at_us[order], units[order], value[order]


def _inventory_steps(
    inputs: Inputs, records: Records, asset: Integers, at_us: Integers, units: Integers
) -> Floats:
    """By how many dollars the inventory's value changes at each moment."""
    steps = np.zeros(len(at_us))
    per_dollar = unit_values(inputs, records)
    for place, series in enumerate(inputs.prices.values()):
        rows = np.flatnonzero(asset == place)
        worth = np.cumsum(units[rows]) * (
            prices_at(series, at_us[rows]) / (float(per_dollar[place]) * DOLLAR)
        )
        steps[rows] = np.diff(worth, prepend=0)
    return steps


def _timeline(at_us: Integers, steps: Floats, ended_us: int) -> Timeline:
    """What the steps add up to after the last one of each moment."""
    last = np.append(at_us[1:] != at_us[:-1], True)[: len(at_us)]
    return Timeline(at_us[last], np.cumsum(steps)[last], ended_us)


def _inventory(records: Records, symbols: tuple[str, ...]) -> dict[str, int]:
    kind = AccountKind.INVENTORY.value
    return {symbol: records.ledger.get(f"{kind}:{symbol}", 0) for symbol in symbols}


def _marked(inputs: Inputs, records: Records, inventory: dict[str, int]) -> int:
    """The inventory at the last prices, each asset rounded down to 10⁻⁸ dollars."""
    ended_us = np.array([records.ended_us])
    prices = [prices_at(series, ended_us) for series in inputs.prices.values()]
    units = np.array(list(inventory.values()), dtype=np.int64)
    values, _ = divide(units, np.concatenate(prices), unit_values(inputs, records))
    return total(values)


def _balance(records: Records, kind: AccountKind) -> int:
    """The sum of the kind's accounts; a third coin's unit is worth 10⁻⁸ dollars."""
    name = f"{kind.value}:"
    return sum(amount for account, amount in records.ledger.items() if account.startswith(name))
