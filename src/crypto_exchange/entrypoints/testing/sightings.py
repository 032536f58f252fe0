"""Sightings: reads a history along, and notes which situations it has been in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from crypto_exchange.entrypoints.testing.reach import sometimes

Event = Mapping[str, Any]

_REJECTIONS = {
    "Market is closed.": "a rejection by the venue",
    "Account has insufficient balance for requested action.": "a rejection by the venue",
    "Illegal characters found in a parameter.": "a final rejection",
}
_LEFT = {
    "deadline": "an order that left at its deadline",
    "price_moved": "an order that left because the price moved",
}


class Sightings:
    """Fed with every event of a history. It judges nothing."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._wallets: Counter[int] = Counter()
        self._orders: dict[int, Event] = {}
        self._waiting: dict[int, str] = {}
        self._intents: dict[str, Event] = {}
        self._lost: set[tuple[str, int]] = set()
        self._absent: set[str] = set()
        self._returned: set[int] = set()

    def waiting(self, symbol: str) -> list[int]:
        """The small orders that wait of an asset, by id."""
        return [order_id for order_id, asset in self._waiting.items() if asset == symbol]

    def see(self, record: Event) -> None:
        """Note what an event shows."""
        read = getattr(self, f"_{record.get('event', 'nothing').lower()}", None)
        if read is not None:
            read(record)

    def _deposited(self, event: Event) -> None:
        self._wallets[event["user_id"]] += event["amount"]

    def _withdrawn(self, event: Event) -> None:
        self._wallets[event["user_id"]] -= event["amount"]

    def _balanceadjusted(self, event: Event) -> None:
        self._wallets[event["user_id"]] += event["amount"]

    def _orderplaced(self, event: Event) -> None:
        self._orders[event["order_id"]] = event
        self._wallets[event["user_id"]] -= event["total"]
        sometimes("a balance spent to the cent", happened=not self._wallets[event["user_id"]])
        others = event["asset"] in self._waiting.values()
        exact = event["total"] == self._threshold and others
        sometimes("an order of exactly the threshold while others wait", happened=exact)
        if not event["direct"]:
            self._waiting[event["order_id"]] = event["asset"]
        sometimes("two assets waiting at once", happened=len({*self._waiting.values()}) > 1)

    def _ordercancelled(self, event: Event) -> None:
        self._wallets[event["user_id"]] += event["refunded"]
        self._waiting.pop(event["order_id"], None)

    def _purchaseintended(self, event: Event) -> None:
        members = [self._orders[order_id] for _, order_id in event["orders"]]
        for member in members:
            self._waiting.pop(member["order_id"], None)
        total = sum(member["total"] for member in members)
        exact = total == self._threshold and len(members) > 1
        sometimes("a batch of exactly the threshold", happened=exact)
        sometimes("three or more orders in a batch", happened=len(members) > 2)
        along = len({member["direct"] for member in members}) > 1
        sometimes("orders taken along", happened=along)
        sometimes("an order served from the inventory", happened=event["used"] > 0)
        again = event["attempt"] > 1 and event["batch"] in self._absent
        sometimes("a next attempt after a proven absence", happened=again)
        self._absent.discard(event["batch"])
        self._intents[event["batch"]] = event

    def _ordersreturned(self, event: Event) -> None:
        for _, order_id in event["orders"]:
            self._waiting[order_id] = event["asset"]

    def _ordersfailed(self, event: Event) -> None:
        sometimes(_LEFT.get(event["reason"], "an order that left"))
        left = {order_id for _, order_id in event["orders"]}
        large = any(self._orders[order_id]["direct"] for order_id in left & self._returned)
        moved = large and event["reason"] == "price_moved" and len(self._returned) > len(left)
        alone = "a large order that left while those it took along waited on"
        sometimes(alone, happened=moved)
        for user_id, order_id in event["orders"]:
            self._wallets[user_id] += self._orders[order_id]["total"]
            self._waiting.pop(order_id, None)

    def _batchreturned(self, event: Event) -> None:
        self._returned = {order_id for _, order_id in self._intents[event["batch"]]["orders"]}
        for order_id in self._returned:
            if not self._orders[order_id]["direct"]:
                self._waiting[order_id] = event["asset"]

    def _batchrefunded(self, event: Event) -> None:
        sometimes(_LEFT.get(event["reason"], "an order that left"))
        for user_id, order_id in event["orders"]:
            self._wallets[user_id] += self._orders[order_id]["total"]

    def _purchaselost(self, event: Event) -> None:
        self._lost.add((event["batch"], event["attempt"]))

    def _purchasenotplaced(self, event: Event) -> None:
        sometimes("a purchase that got lost on its way")
        self._absent.add(event["batch"])

    def _purchaserejected(self, event: Event) -> None:
        sometimes(_REJECTIONS.get(event["message"], "a rejection by the rules"))

    def _batchsettled(self, event: Event) -> None:
        intent = self._intents[event["batch"]]
        lost = (event["batch"], intent["attempt"]) in self._lost
        sometimes("a purchase whose answer got lost", happened=lost and event["bought"] > 0)
        part = 0 < event["bought"] < intent["quantity"]
        sometimes("a partial fill", happened=part)
        sometimes("a fill of nothing", happened=intent["quantity"] > 0 == event["bought"])
        uneven = part and len(event["outcomes"]) > 1
        sometimes("a remainder that does not divide", happened=uneven)
        for user_id, _, _, _, refunded in event["outcomes"]:
            self._wallets[user_id] += refunded
