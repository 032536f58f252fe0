"""Backtest: what would have happened with these prices, these orders, this policy and this market."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.entrypoints.backtest.amounts import whole
from crypto_exchange.entrypoints.backtest.engine.engine import run_domain
from crypto_exchange.entrypoints.backtest.engine.lookahead import Orders
from crypto_exchange.entrypoints.backtest.flow import OrderColumns, OrderFlow
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.parts import (
    require_markets,
    require_orders,
    require_policy,
    require_prices,
)
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.progress import Progress, Tick, ticking
from crypto_exchange.entrypoints.backtest.result import Engine, Inputs, Records, Result
from crypto_exchange.entrypoints.backtest.series import PriceSeries
from crypto_exchange.entrypoints.override import override

if TYPE_CHECKING:
    from crypto_exchange.entrypoints.backtest.sweeps.sweep import Sweep


class Backtest:
    """Prices, orders, a policy and a market, ready to run. Nothing is random but by `seed`.

    `prices` is one series or one for each asset, `orders` one flow or several (or columns), `market` one
    for all assets or one by symbol. `engine`: "domain" decides each order with the service's own code;
    "fast" computes the same in arrays (see `verify`).
    """

    def __init__(
        self,
        prices: PriceSeries | Sequence[PriceSeries],
        orders: OrderFlow | OrderColumns | Sequence[OrderFlow | OrderColumns],
        *,
        policy: AggregationPolicy | None = None,
        market: Market | Mapping[Symbol, Market] | None = None,
        seed: int = 0,
        engine: Engine = "domain",
    ) -> None:
        """Raises ValueError or TypeError if the parts do not fit together."""
        series = require_prices(prices)
        self._orders: Orders = partial(require_orders, orders)
        if engine not in ("domain", "fast"):
            raise ValueError(f'engine: expected "domain" or "fast", was {engine!r}')
        self.inputs = Inputs(
            prices=series,
            flow=self._orders(series),
            policy=require_policy(policy),
            markets=require_markets(market, series),
            seed=whole("seed", seed),
            engine=engine,
        )

    @classmethod
    def of(cls, inputs: Inputs) -> Backtest:
        """One with exactly these inputs."""
        return cls(
            tuple(inputs.prices.values()),
            inputs.flow,
            policy=inputs.policy,
            market=inputs.markets,
            seed=inputs.seed,
            engine=inputs.engine,
        )

    def run(self, progress: Progress = None) -> Result:
        """Replay everything.

        `progress`: True for a line on standard error, None for one if that is a terminal, or a function
        that is told (orders done, orders in all).

        Raises:
            InvariantViolation: money or coins appeared or vanished: a bug, never a matter of inputs.
            ValueError: an amount became larger than 64 bits, or the fast engine cannot run these inputs.
        """
        with ticking(progress, "orders") as tick:
            return Result(self.inputs, _run(self.inputs, tick))

    def sweep(
        self,
        n_jobs: int = 1,
        *,
        resume: str | os.PathLike[str] | None = None,
        progress: Progress = None,
        **grid: Iterable[object],
    ) -> Sweep:
        """Run every combination of values of the policy's and the market's fields; see `sweep.py`."""
        from crypto_exchange.entrypoints.backtest.sweeps.sweep import sweep

        return sweep(
            self.inputs,
            grid,
            n_jobs=n_jobs,
            resume=resume,
            progress=progress,
        )

    def check_lookahead(self, cuts: int = 3) -> None:
        """Show that nothing depends on prices that come later: with the prices cut at some moments,
        everything before them is the same, row by row; order flows are asked again with the shorter ones.

        Raises:
            LookaheadError: an order or a batch differs, which is named.
        """
        from crypto_exchange.entrypoints.backtest.engine.lookahead import check

        check(self.inputs, self._orders, _run, cuts=cuts)

    def verify(self) -> Result:
        """Run both engines and compare all that they wrote.

        Raises:
            VerificationError: they differ; the first difference is named.
            NotSupported: the fast engine cannot run these inputs.
        """
        from crypto_exchange.entrypoints.backtest.engine.verification import verify

        return Result(self.inputs, verify(self.inputs))

    @override
    def __repr__(self) -> str:
        flow, assets = self.inputs.flow, ", ".join(self.inputs.prices)
        return f"Backtest({assets}: {len(flow):,} orders, {self.inputs.policy!r})"


def _run(inputs: Inputs, tick: Tick | None = None) -> Records:
    if inputs.engine == "fast":
        from crypto_exchange.entrypoints.backtest.fast.fast import run_fast

        return run_fast(inputs)
    return run_domain(inputs, tick)
