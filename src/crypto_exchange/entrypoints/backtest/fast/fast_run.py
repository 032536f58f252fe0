"""One run of the fast engine, from inputs to records. Imports numpy at once."""

from __future__ import annotations

from array import array
from heapq import merge
from operator import itemgetter

import numpy as np

from crypto_exchange.domain.asset import Asset
from crypto_exchange.entrypoints.backtest.amounts import duration_us
from crypto_exchange.entrypoints.backtest.engine.agenda import NEVER_US
from crypto_exchange.entrypoints.backtest.engine.engine import TICK_EVERY, policy_of
from crypto_exchange.entrypoints.backtest.engine.venue import THIRD_COIN
from crypto_exchange.entrypoints.backtest.fast.funding import (
    Refund,
    close_ledger,
    count_checks,
    fund,
)
from crypto_exchange.entrypoints.backtest.fast.planner import Planner
from crypto_exchange.entrypoints.backtest.fast.quoting import (
    CODES,
    Quotes,
    quote,
    refuse_deposits,
    taken_of,
)
from crypto_exchange.entrypoints.backtest.fast.sealer import TIMER, Look
from crypto_exchange.entrypoints.backtest.fast.shelf_run import ShelfRun, finish_shelf
from crypto_exchange.entrypoints.backtest.fast.shortcut import Shortcut
from crypto_exchange.entrypoints.backtest.figures.vectors import Flags, Integers, integers
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.rows import ORDER_STATES, BatchRows, LateRows, OrderRows

_PENDING, _WAITING, _COMPLETED, _FAILED, _REFUSED = (
    ORDER_STATES.index(state)
    for state in ("pending", "aggregated", "completed", "failed", "refused")
)


def run(inputs: Inputs) -> Records:
    """The records of a run that is supported (see `fast.py`)."""
    return _Run(inputs).records()


class _Run:
    """One run; the arrays have one place per order of the flow."""

    def __init__(self, inputs: Inputs) -> None:
        flow = inputs.flow
        self.inputs, self.policy = inputs, policy_of(inputs)
        self.at_us, self.users = integers(flow.at_us), integers(flow.users)
        symbols = list(inputs.prices)
        places = np.array([symbols.index(symbol) for symbol in flow.symbols], np.int64)
        self.assets = places[integers(flow.assets)]
        ends = [series.at_us[-1] for series in inputs.prices.values()]
        self.end_us = max(*ends, *flow.at_us[-1:], ends[0])
        self.quotes = Quotes.empty(len(flow))
        planners = [self._quote(place) for place in range(len(symbols))]
        refuse_deposits(self.quotes, self.users)
        self.runs = [self._run(place, planner) for place, planner in enumerate(planners)]

    def records(self) -> Records:
        """Everything written down."""
        numbers = _number_batches(self.runs)
        refunds = [
            Refund(self._before(look, run), int(run.rows[order]))
            for run in self.runs
            for look, order, _ in run.shortcut.left
        ]
        funding = fund(self.users, self.quotes, refunds)
        orders = self._orders(numbers)
        is_open = integers(orders.state) <= _WAITING
        verified = self._verified()
        scales = {symbol: market.scale for symbol, market in self.inputs.markets.items()}
        return Records(
            orders=orders,
            batches=_batches(self.runs, numbers),
            late=LateRows(),
            ledger=close_ledger(self.users, self.quotes, is_open, self.runs, funding),
            scales={"USD": 8, THIRD_COIN: 8} | scales,
            deposited=funding.deposited,
            checks=count_checks(self.quotes, self.runs, funding, len(refunds), verified),
            ended_us=self.end_us,
        )

    def _quote(self, place: int) -> Planner:
        symbol, series = list(self.inputs.prices.items())[place]
        market = self.inputs.markets[symbol]
        asset = Asset(symbol=symbol, rule=market.rule(), scale=market.scale)
        planner = Planner(asset, self.policy)
        one = len(self.inputs.prices) == 1
        rows = slice(None) if one else np.flatnonzero(self.assets == place)
        part = quote(
            self.inputs.flow, rows, series, asset=asset, policy=self.policy, planner=planner
        )
        self.quotes.put(rows, part)
        return planner

    def _run(self, place: int, planner: Planner) -> ShelfRun:
        symbol, series = list(self.inputs.prices.items())[place]
        market = self.inputs.markets[symbol]
        rows = np.flatnonzero((self.quotes.refusal == 0) & (self.assets == place))
        shortcut = Shortcut(
            taken_of(self.at_us, self.quotes, rows, self.policy),
            array("q", [*series.at_us, NEVER_US]),
            series.prices,
            planner=planner,
            policy=self.policy,
            latency_us=duration_us("latency", market.latency),
        )
        shortcut.run(self.end_us)
        return finish_shelf(
            shortcut,
            rows,
            self.quotes,
            series=series,
            market=market,
            place=place,
            end_us=self.end_us,
        )

    def _before(self, look: Look, run: ShelfRun) -> int:
        """The row of the order that comes next after a look."""
        if look.after >= 0:
            return int(run.rows[look.after]) + 1
        return int(np.searchsorted(self.at_us, look.at_us, side="left"))

    def _orders(self, numbers: list[Integers]) -> OrderRows:
        size, quotes = len(self.at_us), self.quotes
        refused = quotes.refusal > 0
        state = np.where(quotes.direct, _PENDING, _WAITING)
        batch, reason = np.full(size, -1), np.zeros(size, np.int64)
        ended_us = np.zeros(size, np.int64)
        state[refused], ended_us[refused] = _REFUSED, self.at_us[refused]
        for run, number in zip(self.runs, numbers, strict=True):
            batch[run.members] = number[run.batch_of]
            state[run.members] = np.where(run.done[run.batch_of], _COMPLETED, _PENDING)
            ended_us[run.members] = run.columns["ended_us"][run.batch_of]
        reasons = self._reasons()
        for place, code in enumerate(CODES):
            if code in reasons:
                reason[quotes.refusal == place] = reasons.index(code)
        for run in self.runs:
            for look, order, why in run.shortcut.left:
                row = run.rows[order]
                state[row], ended_us[row], reason[row] = _FAILED, look.at_us, reasons.index(why)
        done = state == _COMPLETED
        rows = OrderRows(0)
        _fill(
            rows,
            at_us=self.at_us,
            user=self.users,
            asset=self.assets,
            quantity=quotes.quantity,
            unit_price=quotes.unit_price,
            total=np.where(refused, integers(self.inputs.flow.spends), quotes.total),
            direct=quotes.direct,
            state=state,
            reason=reason,
            batch=batch,
            ended_us=ended_us,
            filled=quotes.quantity * done,
            charged=quotes.total * done,
        )
        rows.reasons = reasons
        return rows

    def _reasons(self) -> list[str]:
        """Every reason in the order in which it was met first."""
        met: dict[str, tuple[int, int, Look]] = {}
        for place, code in enumerate(CODES[1:], 1):
            rows = np.flatnonzero(self.quotes.refusal == place)
            if len(rows):
                met[code] = (int(rows[0]), 1, Look(0, 0, 0, 0))
        for run in self.runs:
            for look, _, why in run.shortcut.left:
                moment = (self._before(look, run), 0, look)
                met[why] = min(met.get(why, moment), moment)
        return ["", *sorted(met, key=met.__getitem__)]

    def _verified(self) -> list[int]:
        """How many currencies there were each time that the domain's engine verified all balances."""
        starts = [int(row) for row in np.flatnonzero(self.quotes.refusal == 0)[:1]]
        for run in self.runs:
            first = np.flatnonzero(run.done)[:1].tolist()
            starts += [self._before(_answered(run, batch), run) for batch in first]
        rows = [*range(0, len(self.at_us), TICK_EVERY), len(self.at_us)]
        return [sum(start <= row for start in starts) for row in rows]


def _answered(run: ShelfRun, batch: int) -> Look:
    """When a batch ended, in relation to the orders."""
    look = Look(*(int(run.sealed[name][batch]) for name in Look._fields))
    ended_us = int(run.columns["ended_us"][batch])
    return look if look.at_us == ended_us else Look(ended_us, -1, look.what, look.tie)


def _looks(run: ShelfRun) -> list[Look]:
    columns = (run.sealed[name].tolist() for name in Look._fields)
    return [Look(*look) for look in zip(*columns, strict=True)]


def _number_batches(runs: list[ShelfRun]) -> list[Integers]:
    """The row of each asset's batches: as they were sealed, by what made somebody look."""
    if len(runs) == 1:
        return [np.arange(len(runs[0].done))]
    numbers = [np.zeros(len(run.done), np.int64) for run in runs]
    looks = (
        [(_moment(look, run, place), place, n) for n, look in enumerate(_looks(run))]
        for place, run in enumerate(runs)
    )
    for number, (_, place, n) in enumerate(merge(*looks, key=itemgetter(0))):
        numbers[place][n] = number
    return numbers


def _moment(look: Look, run: ShelfRun, place: int) -> tuple[int, int, int, int, int]:
    after = int(run.rows[look.after]) if look.after >= 0 else -1
    tie = int(run.rows[look.tie]) if look.what == TIMER else look.tie
    return look.at_us, after, look.what, tie, place


def _batches(runs: list[ShelfRun], numbers: list[Integers]) -> BatchRows:
    rows = BatchRows()
    place = np.argsort(np.concatenate(numbers))
    joined = {
        name: np.concatenate([run.columns[name] for run in runs])[place] for name in runs[0].columns
    }
    _fill(rows, **joined)
    empty = bytes(8 * len(rows))
    rows.coin_fee, rows.impact = array("q", empty), array("q", empty)
    return rows


def _fill(rows: OrderRows | BatchRows, **columns: Integers | Flags) -> None:
    """Append to each column."""
    for name, values in columns.items():
        column = getattr(rows, name)
        column.frombytes(np.ascontiguousarray(values, column.typecode).view(np.uint8))
