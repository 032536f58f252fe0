"""Several order flows as one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.entrypoints.backtest.flow import OrderColumns, OrderFlow, merge
from crypto_exchange.entrypoints.backtest.series import PriceSeries


class Flow(msgspec.Struct, frozen=True):
    """What can be added to another flow."""

    def __add__(self, other: OrderFlow) -> Combined:
        if not _is_flow(other):
            return NotImplemented
        return Combined(flows=(self, other))  # type: ignore[arg-type]  # every subclass has columns


class Combined(Flow, frozen=True, kw_only=True):
    """Flows merged by time; at the same moment, orders of an earlier flow come first."""

    flows: tuple[OrderFlow, ...]

    def columns(self, prices: Mapping[Symbol, PriceSeries]) -> OrderColumns:
        """All their orders. Raises what any of the flows raises."""
        return merge([flow.columns(prices) for flow in self.flows])


def combine(*flows: OrderFlow) -> Combined:
    """Merge flows by time, as `a + b` does.

    Raises:
        TypeError: something that is no flow.
        ValueError: no flow at all.
    """
    if not flows:
        raise ValueError("combine: expected at least one flow, were none")
    for flow in flows:
        if not _is_flow(flow):
            raise TypeError(f"combine: expected order flows, was {type(flow).__name__}")
    return Combined(flows=flows)


def series_of(prices: Mapping[Symbol, PriceSeries], asset: Symbol, whose: str) -> PriceSeries:
    """The prices of an asset that there are orders of.

    Raises:
        ValueError: there are none; the message names those that there are.
    """
    if asset not in prices:
        raise ValueError(f"{whose}: expected prices of {asset}, there are: {', '.join(prices)}")
    return prices[asset]


def _is_flow(value: object) -> bool:
    """A frame has columns, too, but they can't be asked for orders."""
    return callable(getattr(value, "columns", None))
