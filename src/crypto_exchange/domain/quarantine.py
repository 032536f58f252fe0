"""Quarantine: decides when an unknown outcome is left to an operator.

Nobody is charged, delivered or refunded then, and nothing is sent again: all that is certain is that
the exchange had the chance to buy.
"""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.batch import NEVER_US, revise
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.events import PurchaseQuarantined
from crypto_exchange.domain.halting import halt
from crypto_exchange.domain.intent import live_purchase
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.purchase import PurchaseTrigger, lose, move
from crypto_exchange.domain.views import OpenBatch


def is_beyond_reach(opened: OpenBatch, reach_ms: int, policy: Policy, at_us: int) -> bool:
    """Whether an outcome has been unknown for so long that the exchange may have forgotten the order,
    or that somebody has to look (`policy.quarantine_us`).
    """
    limit_us = min(policy.quarantine_us, reach_ms * 1_000)
    return at_us > live_purchase(opened).timestamp_ms * 1_000 + limit_us


def quarantine(opened: OpenBatch, *, at_us: int) -> Change:
    """Leave an unknown outcome to an operator, and buy no more of the asset until then.

    Nothing is released, and nobody looks at the batch by itself any more.
    """
    before = live_purchase(opened)
    held = move(lose(before), PurchaseTrigger.QUARANTINE)
    halted = halt(opened.asset, halted=True, at_us=at_us)
    told = PurchaseQuarantined(
        at_us=at_us, batch=held.batch, attempt=held.attempt, asset=held.asset
    )
    return msgspec.structs.replace(
        halted,
        batches=(Transition(opened.batch, revise(opened.batch, due_at_us=NEVER_US)),),
        purchases=(Transition(before, held),),
        events=(told, *halted.events),
    )
