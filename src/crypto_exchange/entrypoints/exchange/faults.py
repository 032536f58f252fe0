"""Faults that a tester orders: what there is, which are in force, and which of them a call meets.

They live in memory. Times are milliseconds since 1970 on the venue's clock.
"""

import random
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from crypto_exchange.entrypoints.exchange.listing import Symbol
from crypto_exchange.entrypoints.exchange.parameters import Parameters

NEW_ORDER = "POST /api/v3/order"
GROUPS = {
    "orders": frozenset(
        f"/api/v3/{path}" for path in ("order", "order/test", "openOrders", "allOrders", "myTrades")
    ),
    "prices": frozenset(f"/api/v3/ticker/{path}" for path in ("price", "bookTicker", "24hr")),
}

_ABOUT_ALL_MARKETS = GROUPS["prices"] | {"/api/v3/exchangeInfo"}
_LOTS_TIMES, _MINIMUM_TIMES = 10, 2


class Kind(msgspec.Struct, frozen=True):
    """What holds for a kind of fault when its order does not say it.

    `path` is which calls meet it (`None`: every one). One `for_new_orders` knows no other calls;
    one that is `standing` changes a market until it ends, instead of single calls.
    """

    after_ms: int | None = 0
    path: str | None = None
    for_new_orders: bool = False
    standing: bool = False


def _kind_of_new_orders(after_ms: int = 0) -> Kind:
    return Kind(after_ms, NEW_ORDER, for_new_orders=True)


KINDS = {
    "latency": Kind(1_000),
    "timeout_before": Kind(15_000, NEW_ORDER),
    "timeout_after": Kind(15_000, NEW_ORDER),
    "timeout_late": _kind_of_new_orders(1_000),
    "late_fill": _kind_of_new_orders(60_000),
    "http_5xx": Kind(),
    "garbage": Kind(),
    "partial_fill": _kind_of_new_orders(),
    "reject": Kind(path=NEW_ORDER),
    "duplicate_fill": _kind_of_new_orders(),
    "rate_limit": Kind(1_000),
    "halt": Kind(None, standing=True),
    "filter_change": Kind(None, standing=True),
    "restart": Kind(1_000),
}


class Fault(msgspec.Struct, kw_only=True):
    """One fault as it was ordered, and how often it was met; `symbol` is a market or all."""

    id: int = 0
    kind: str
    symbol: str | None
    path: str | None
    after_ms: int | None
    seed: int
    fraction: Decimal | None
    code: int | None
    msg: str | None
    count: int | None
    remaining: int | None
    met: int = 0
    since_ms: int

    def lasts(self, now_ms: int) -> bool:
        """Whether it is in force."""
        ended = (
            KINDS[self.kind].standing
            and self.after_ms is not None
            and now_ms >= self.since_ms + self.after_ms
        )
        return self.remaining != 0 and not ended

    def meet(self) -> random.Random:
        """Count one more meeting; its choices follow from the seed and this number alone."""
        self.met += 1
        if self.remaining is not None:
            self.remaining -= 1
        return random.Random(f"{self.seed}:{self.met}")


class Meeting(msgspec.Struct, frozen=True):
    """A call meets a fault; `draw` makes all choices of this meeting."""

    fault: Fault
    draw: random.Random

    @property
    def kind(self) -> str:
        """What kind of fault it is."""
        return self.fault.kind

    @property
    def after_ms(self) -> int:
        """The delay that the fault has."""
        return self.fault.after_ms or 0


class Faults:
    """All faults, oldest first. Changed by one thread, read by any."""

    def __init__(self) -> None:
        self._faults: tuple[Fault, ...] = ()
        self._last_id = 0

    def add(self, fault: Fault) -> None:
        """Put it in force and give it its id."""
        self._last_id += 1
        fault.id = self._last_id
        self._faults = (*self._faults, fault)

    def in_force(self, now_ms: int) -> list[Fault]:
        """Those not used up, not ended and not removed."""
        self._faults = tuple(fault for fault in self._faults if fault.lasts(now_ms))
        return list(self._faults)

    def remove(self, fault_id: int | None = None) -> bool:
        """Remove one or all; false if there is no such fault."""
        kept = tuple(
            fault for fault in self._faults if fault_id is not None and fault.id != fault_id
        )
        found = len(kept) < len(self._faults)
        self._faults = kept
        return found

    def meet(self, method: str, path: str, parameters: Parameters, now_ms: int) -> list[Meeting]:
        """What a call meets: the oldest fault that fits it, and before that the oldest latency."""
        met: dict[bool, Fault] = {}
        for fault in self.in_force(now_ms):
            if not KINDS[fault.kind].standing and _fits(fault, method, path, parameters):
                met.setdefault(fault.kind == "latency", fault)
        return [Meeting(met[one], met[one].meet()) for one in (True, False) if one in met]

    def meet_standing(self, symbol: str, now_ms: int) -> None:
        """Count one more order that met those that change its market."""
        for fault in self._standing(symbol, now_ms):
            fault.meet()

    def changed(self, symbol: Symbol, now_ms: int) -> Symbol:
        """The market as the faults in force make it."""
        for fault in self._standing(symbol.name, now_ms):
            if fault.kind == "halt":
                symbol = msgspec.structs.replace(symbol, status="BREAK")
            else:
                symbol = msgspec.structs.replace(
                    symbol,
                    lot_step=symbol.lot_step * _LOTS_TIMES,
                    min_notional=symbol.min_notional * _MINIMUM_TIMES,
                )
        return symbol

    def _standing(self, symbol: str, now_ms: int) -> Iterator[Fault]:
        for fault in self._faults:
            applies = KINDS[fault.kind].standing and fault.symbol in (None, symbol)
            if applies and fault.lasts(now_ms):
                yield fault


def _fits(fault: Fault, method: str, path: str, parameters: Parameters) -> bool:
    called = (None, path, f"{method} {path}")
    if fault.path not in called and path not in GROUPS.get(fault.path or "", ()):
        return False
    if fault.symbol is None:
        return True
    if "symbol" in parameters:
        return parameters.text("symbol") == fault.symbol
    if "symbols" in parameters:
        return f'"{fault.symbol}"' in (parameters.text("symbols") or "")
    return path in _ABOUT_ALL_MARKETS
