"""Halting: decides to stop buying an asset, or to buy it again."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.events import AssetHaltChanged


def halt(asset: Asset, *, halted: bool, at_us: int) -> Change:
    """Halt an asset by an operator's word, or take that word back."""
    if asset.halted == halted:
        return Change()
    after = msgspec.structs.replace(asset, halted=halted, version=asset.version + 1)
    return Change(
        assets=(Transition(asset, after),),
        events=(AssetHaltChanged(at_us=at_us, asset=asset.symbol, halted=halted),),
    )
