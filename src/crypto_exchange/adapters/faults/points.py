"""Crash points: their names, what has happened by then and what has not, and how one is reached."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from crypto_exchange.domain.batch import Batch, BatchState
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.purchase import PurchaseState

KILLED = 137
"""Exit code of a process that was killed, as shells tell it."""

_COMMITS = {
    "register": "a new user with their wallet",
    "wallet": "a deposit or withdrawal",
    "order": "an order with its debit",
    "cancel": "an order's cancellation with its refund",
    "expire": "the refund of orders that waited too long, or whose price moved",
    "seal": "a batch with its purchase intent",
    "lose": "that nobody knows yet what became of a purchase",
    "settle": "a settlement: coins, charges, refunds",
    "return": "the return of a batch's members to waiting, after a rejection by the venue",
    "reject": "a rejection after which the batch is tried again",
    "give_up": "the proof that a purchase never reached the exchange",
    "late": "the house's purchase of what came after it had been given up",
    "retry": "the intent of a batch's next attempt",
    "refund": "the refund of a batch whose members all leave",
}

CRASH_POINTS: dict[str, str] = {
    **{
        f"{name}.{moment}_commit": f"{what}: {where}"
        for name, what in _COMMITS.items()
        for moment, where in (
            ("before", "decided, not written"),
            ("after", "written, nothing further done"),
        )
    },
    "submit.before_call": "a purchase: its intent is written, the exchange is not called",
    "submit.after_call": "a purchase: the exchange answered, nothing of it is written",
    "resolve.before_find": "a purchase without outcome: the exchange is about to be asked",
    "resolve.after_find": "a purchase without outcome: the exchange said, nothing is written",
    "tally.before": "an order: committed, and not counted in the wake-up's tally",
    "tally.after": "an order: counted, and its client was not answered",
    "job.before_work": "a worker's job: taken from the queue, nothing done",
    "job.before_ack": "a worker's job: done, and the queue does not know",
}
"""What each crash point means, in the order of an order's life."""

_ENDS = {
    BatchState.SETTLED: "settle",
    BatchState.RETURNED: "return",
    BatchState.REFUNDED: "refund",
}
_NEWS = {PurchaseState.UNKNOWN: "lose", PurchaseState.LATE: "late"}


class CrashPoints:
    """Ends this process at the points that are armed: those with a file of their name in a directory.

    The file is removed first, so that each arming ends exactly one process, whoever comes first.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def reach(self, name: str) -> None:
        """End the process if the point is armed, as suddenly as a kill would."""
        try:
            (self._directory / name).unlink()
        except OSError:
            return
        sys.stderr.write(f"crash point {name} reached by process {os.getpid()}\n")
        sys.stderr.flush()
        os._exit(KILLED)


def commit_name(change: Change) -> str | None:
    """What a change is called in the table; None if it has no crash points."""
    if change.new_orders or change.new_batches:
        return "order" if change.new_orders else "seal"
    if change.batches:
        return _batch_commit(change.batches[0], change)
    if change.purchases:
        return _NEWS.get(change.purchases[0].after.state)
    if change.users:
        return "register"
    if change.wallet is None:
        return "expire" if change.orders else None
    return "cancel" if change.orders else "wallet"


def _batch_commit(move: Transition[Batch], change: Change) -> str | None:
    states = {each.after.state for each in change.purchases}
    if move.after.state in _ENDS:
        return _ENDS[move.after.state]
    if not move.before.live:
        return "retry" if move.after.live else None
    if move.after.live:  # into quarantine none comes in the time of a test
        return None if PurchaseState.QUARANTINED in states else "lose"
    return "reject" if PurchaseState.REJECTED in states else "give_up"
