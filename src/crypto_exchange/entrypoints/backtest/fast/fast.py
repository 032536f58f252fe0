"""The fast engine: orders in arrays, batches in plain integers, the same records as the domain's.

It runs pricing `quoted` at an exchange that fills everything and takes its fee in dollars; what else there
is it refuses. `verify` runs both engines and compares all that they wrote.
"""

from __future__ import annotations

from collections.abc import Iterator

from crypto_exchange.entrypoints.backtest.fast.sealer import NotSupported
from crypto_exchange.entrypoints.backtest.figures.summary import require_numpy
from crypto_exchange.entrypoints.backtest.result import Inputs, Records

__all__ = ["NotSupported", "run_fast"]


def run_fast(inputs: Inputs) -> Records:
    """The same records as `engine.run_domain`.

    Raises:
        NotSupported: it cannot run these inputs; all the reasons are listed.
        ImportError: numpy is not installed.
    """
    reasons = list(_reasons(inputs))
    if reasons:
        raise NotSupported(f"engine fast: {'; '.join(reasons)}")
    require_numpy()
    from crypto_exchange.entrypoints.backtest.fast.fast_run import run

    try:
        return run(inputs)
    except OverflowError as error:
        raise NotSupported(
            f"engine fast: expected amounts within 64 bits, was more: {error}"
        ) from None


def _reasons(inputs: Inputs) -> Iterator[str]:
    """Why the inputs cannot be run."""
    if inputs.policy.pricing != "quoted":
        yield f"pricing: expected quoted, was {inputs.policy.pricing}"
    for symbol, market in inputs.markets.items():
        if market.fee_in != "quote":
            yield f"{symbol}: fee_in: expected quote, was {market.fee_in}"
        if market.fee.tiers:
            yield f"{symbol}: fee: expected no tiers, were {len(market.fee.tiers)}"
        if market.impact is not None:
            yield f"{symbol}: impact: expected none, was {market.impact}"
        if market.failures:
            yield f"{symbol}: failures: expected none, was {market.failures}"
        if market.rule().max_quantity:
            yield f"{symbol}: max_quantity: expected 0 (none), was {market.max_quantity}"
