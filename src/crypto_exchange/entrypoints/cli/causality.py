"""Causality: events in an order in which each comes after those that its decision had seen.

The log goes by transaction numbers, and a transaction that locks an asset gets its number then: what it
reads afterwards may have been written, and committed, under higher numbers. Nobody who saw such a
transaction's own commit has a number below those, so it may be held back until its orders are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

Event: TypeAlias = Mapping[str, Any]


class CausalOrder:
    """Takes commits in the log's order and gives their events; remembers open orders alone."""

    def __init__(self) -> None:
        self._batch: dict[int, str | None] = {}
        self._held: list[Sequence[Event]] = []

    def take(self, commit: Sequence[Any]) -> Iterator[Any]:
        """The events that can be told now that one more commit is there."""
        self._held.append(commit)
        while ready := next((each for each in self._held if self._is_ready(each)), None):
            self._held.remove(ready)
            for event in ready:
                self._follow(event)
                yield event

    def rest(self) -> Iterator[Any]:
        """What is still held back at the end, as the log has it."""
        for commit in self._held:
            yield from commit
        self._held.clear()

    def _is_ready(self, commit: Sequence[Event]) -> bool:
        return all(
            order in self._batch and self._batch[order] is None
            for event in commit
            for order in _free_orders(event)
        )

    def _follow(self, event: Event) -> None:
        """Keep track of which orders are open, and bound to which batch."""
        name = event["event"]
        if name == "OrderPlaced":
            self._batch[event["order_id"]] = None
        elif name == "PurchaseIntended":
            self._batch.update({order: event["batch"] for _, order in event["orders"]})
        elif name == "OrdersReturned":
            self._batch.update({order: None for _, order in event["orders"]})
        elif name == "BatchReturned":
            members = [order for order, batch in self._batch.items() if batch == event["batch"]]
            self._batch.update(dict.fromkeys(members))
        else:
            for order in _ended(event):
                self._batch.pop(order, None)


def _free_orders(event: Event) -> list[int]:
    """Orders that are in no batch when the event's decision is made."""
    if event["event"] == "PurchaseIntended" and event["attempt"] == 1:
        return [order for _, order in event["orders"]]
    return [event["order_id"]] if event["event"] == "OrderCancelled" else []


def _ended(event: Event) -> list[int]:
    """Orders that have an outcome with the event."""
    if event["event"] == "OrderCancelled":
        return [event["order_id"]]
    if event["event"] in {"OrdersFailed", "BatchRefunded"}:
        return [order for _, order in event["orders"]]
    return [each[1] for each in event.get("outcomes", ())]
