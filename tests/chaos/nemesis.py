"""What goes wrong, and when: every fault of a run, drawn from one seed."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import httpx

from tests.chaos.cluster import Cluster
from tests.chaos.proxy import Wire

_KILLS = {"kill api": 5, "kill worker": 8, "kill postgres": 2, "kill valkey": 3, "kill exchange": 4}
_OTHERS = {"flush valkey": 3, "freeze worker": 3, "wire": 10, "paper": 22}
_ORDER = "POST /api/v3/order"
_RULES = {"kind": "reject", "code": -1013, "msg": "Filter failure: LOT_SIZE"}
_NO_FUNDS = {"kind": "reject", "code": -2010, "msg": "Account has insufficient balance"}
_NEVER = {"kind": "reject", "code": -1102, "msg": "Mandatory parameter 'side' was not sent"}
# After every look-up would take it for ours: when the attempt is given up, or just before that.
_LATE = {"kind": "late_fill", "after_ms": 65_000}
_LATE_AT_ONCE = {"kind": "late_fill", "after_ms": 33_000}
_PAPER: list[tuple[int, dict[str, Any]]] = [
    (3, {"kind": "timeout_before", "after_ms": 3_000}),
    (3, {"kind": "timeout_after", "after_ms": 3_000}),
    (2, {"kind": "timeout_late", "after_ms": 500}),
    (2, {"kind": "latency", "after_ms": 700, "count": 5}),
    (3, {"kind": "http_5xx", "path": _ORDER}),
    (1, {"kind": "http_5xx", "path": "orders", "count": 5}),
    (1, {"kind": "http_5xx", "path": "prices", "count": 3}),
    (2, {"kind": "garbage", "path": _ORDER}),
    (1, {"kind": "garbage", "count": 5}),
    (2, {"kind": "partial_fill", "fraction": "0.5"}),
    (1, {"kind": "partial_fill", "fraction": "0"}),
    (2, {"kind": "duplicate_fill"}),
    (1, {"kind": "rate_limit", "path": _ORDER}),
    (1, {"kind": "rate_limit", "count": 3}),
    (1, {"kind": "halt", "symbol": "ETH", "after_ms": 3_000}),
    (1, {"kind": "filter_change", "symbol": "BTC", "after_ms": 5_000}),
    (1, {"kind": "restart", "path": _ORDER}),
    (1, _LATE),
    (1, _LATE_AT_ONCE),
    (3, _RULES | {"count": 2}),
    (3, _NO_FUNDS),
    (2, _NEVER),
]
"""Faults of the paper exchange, with their weights."""
_SLOW = frozenset({"timeout_before", "timeout_late", "late_fill", "http_5xx", "garbage", "restart"})
"""After these an order was perhaps never executed, and nobody can tell for half a minute."""
_LEADS_TO = {
    "return": _NO_FUNDS | {"count": 3},
    "reject": _RULES | {"count": 2},
    "retry": _RULES,
    "refund": _NEVER,
    "late": _LATE,
    "give_up": {"kind": "timeout_before", "after_ms": 100},
    # For longer than anybody waits: nothing of it is bought, and all its orders leave.
    "expire": {"kind": "halt", "symbol": "SOL", "after_ms": 36_000},
    "lose": {"kind": "http_5xx", "path": "orders", "count": 3},
}
"""What brings a service to crash points by the beginning of their names."""
_ON_PURPOSE = 0.3
"""How often a fault is sooner one that leads to what is lacking than any other."""
_TRY_S = 2.0
_MET_S = 5.0
"""An ordered fault is met within this: there is always somebody who buys."""


class Nemesis:
    """Does one thing at a time; what lasts is undone by itself, or by `relent`.

    `late`: with fills that come long after their purchase was given up. `slow`: with those after which
    half a minute passes.
    """

    def __init__(
        self, cluster: Cluster, draw: random.Random, *, window_s: float, late: bool, slow: bool
    ) -> None:
        self.done: Counter[str] = Counter()
        self.kills = 0
        self._cluster, self._draw = cluster, draw
        self._window_s = window_s
        without = {*(() if late else ("late_fill",)), *(() if slow else _SLOW)}
        self._paper = [each for each in _PAPER if each[1]["kind"] not in without]
        self._lasting: set[asyncio.Task[None]] = set()
        self._frozen: set[int] = set()
        self._leads: list[str] = []
        self.quiet_at = 0.0
        """When (monotonic) the last late fill that was ordered should have come."""

    async def strike(self, lacking: Collection[str]) -> None:
        """Do one thing at random; sooner one that leads to the crash points that are lacking."""
        leads = sorted(name.partition(".")[0] for name in lacking)
        self._leads = [name for name in leads if name in _LEADS_TO]
        odds = {**_KILLS, **_OTHERS}
        name = self._draw.choices([*odds], weights=[*odds.values()])[0]
        if self._leads and self._draw.random() < _ON_PURPOSE:
            name = "paper"
        doing: dict[str, Callable[[], Awaitable[None]]] = {
            "flush valkey": self._flush,
            "freeze worker": self._freeze,
            "wire": self._spoil_wire,
            "paper": self._confuse_exchange,
        }
        if name in doing:
            await doing[name]()
        else:
            self.kill(name.removeprefix("kill ").replace("exchange", "paper-exchange"))

    def kill(self, role: str) -> None:
        """SIGKILL one process of a role."""
        if pids := self._cluster.pids(role):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._draw.choice(pids), signal.SIGKILL)
                self._note(f"kill {role}")
                self.kills += 1

    async def relent(self) -> None:
        """Undo everything that still lasts."""
        for task in list(self._lasting):
            task.cancel()
        await asyncio.gather(*self._lasting, return_exceptions=True)
        for proxy in self._cluster.proxies.values():
            proxy.become(Wire.CLEAN)
        for pid in list(self._frozen):
            self._thaw(pid)
        for _ in range(20):
            if await self._tell_exchange("DELETE"):
                return
            await asyncio.sleep(0.5)

    async def _flush(self) -> None:
        import redis.asyncio as redis

        client = redis.from_url(self._cluster.server.run_file["redis_url"], socket_timeout=_TRY_S)
        with contextlib.suppress(redis.RedisError, OSError):
            await client.flushall()
            self._note("flush valkey")
        await client.aclose()

    async def _freeze(self) -> None:
        """Stop a worker for longer than a purchase's window, so that it wakes up too late."""
        pids = [pid for pid in self._cluster.pids("worker") if pid not in self._frozen]
        if pids and not self._frozen:
            pid = self._draw.choice(pids)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self._frozen.add(pid)
                self._note("freeze worker")
                self._last(self._window_s + self._draw.uniform(0.3, 2), lambda: self._thaw(pid))

    async def _spoil_wire(self) -> None:
        name = self._draw.choice([*self._cluster.proxies])
        proxy = self._cluster.proxies[name]
        wire = self._draw.choice([each for each in Wire if each is not Wire.CLEAN])
        if proxy.wire is Wire.CLEAN:
            proxy.become(wire)
            self._note(f"wire to {name} {wire.value}")
            self._last(self._draw.uniform(0.5, 4), lambda: proxy.become(Wire.CLEAN))

    async def _confuse_exchange(self) -> None:
        fault = {"seed": self._draw.getrandbits(31), **self._choose_fault()}
        if await self._tell_exchange("POST", fault):
            self._note(f"exchange {fault['kind']}")
            if fault["kind"] == "late_fill":
                self.quiet_at = time.monotonic() + fault["after_ms"] / 1_000 + _MET_S

    def _choose_fault(self) -> dict[str, Any]:
        if self._leads and self._draw.random() < 1 / 2:
            return _LEADS_TO[self._draw.choice(self._leads)]
        [(_, fault)] = self._draw.choices(self._paper, [weight for weight, _ in self._paper])
        return fault

    async def _tell_exchange(self, method: str, fault: dict[str, Any] | None = None) -> bool:
        """Whether it took it: it may be down, or know no such fault."""
        url = f"{self._cluster.server.run_file['exchange_url']}/paper/faults"
        with contextlib.suppress(httpx.TransportError):
            async with httpx.AsyncClient(timeout=_TRY_S) as client:
                answer = await client.request(method, url, json=fault)
            if answer.status_code == 404 and method == "DELETE":
                return True
            if answer.is_success:
                return True
            self._note(f"exchange refused {fault and fault['kind']}: {answer.text[:100]}")
        return False

    def _thaw(self, pid: int) -> None:
        self._frozen.discard(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def _last(self, seconds: float, undo: Callable[[], None]) -> None:
        async def later() -> None:
            try:
                await asyncio.sleep(seconds)
            finally:
                undo()

        task = asyncio.create_task(later())
        self._lasting.add(task)
        task.add_done_callback(self._lasting.discard)

    def _note(self, what: str) -> None:
        self.done[what] += 1
