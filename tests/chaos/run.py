"""One chaos run: start everything, let people trade while everything fails, wait, compare."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from crypto_exchange.adapters.faults import CRASH_POINTS
from tests.chaos.arming import Armoury
from tests.chaos.cluster import Cluster
from tests.chaos.comparison import compare
from tests.chaos.customers import Customer, Wires
from tests.chaos.nemesis import Nemesis

_LOOKED_AFTER_S = 60.0
QUICK = tuple(
    name
    for name in CRASH_POINTS
    if name.partition(".")[0] in {"order", "settle"}
    or name in {"seal.before_commit", "submit.after_call"}
)
"""Points whose damage is repaired within seconds; an order that was perhaps never sent takes 30 s."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do. Times in seconds; `points` are to be reached `times` each, and there shall be at
    least so many `orders` and `deaths`.
    """

    seed: int
    seconds: float = 60
    orders: int = 0
    deaths: int = 0
    customers: int = 20
    apis: int = 2
    workers: int = 3
    """Under `serve`; there is one more of each beside it."""
    pause_s: float = 0.35
    strike_s: float = 1.5
    points: tuple[str, ...] = tuple(CRASH_POINTS)
    times: int = 1
    within_s: float = 0
    """In which the points should be reached; 0: in all the time."""
    max_wait: str = "30s"
    window_s: int = 2
    drain_s: float = 120
    longest_s: float = 0
    """Go on for so long until the points were reached; 0: not at all."""


@dataclass(kw_only=True)
class Result:
    """What happened, and what differed: nothing should."""

    plan: Plan
    faults: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    points: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    states: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    lasted_s: float = 0
    drained_s: float = 0
    differences: list[str] = field(default_factory=list)

    @property
    def deaths(self) -> int:
        """Kills and exits at crash points."""
        return self.kills + self.points.total()

    def told(self) -> str:
        """The report for people."""
        lines = [
            f"seed {self.plan.seed}; {self.lasted_s:.0f} s of faults, drained in {self.drained_s:.0f} s",
            f"{self.deaths} deaths: {self.kills} kills, {self.points.total()} exits at crash points",
            f"{self.orders} orders: {_counts(self.states)}",
            f"answers to tries: {_counts(self.tries)}",
            "faults:",
            *(f"  {count:5} {name}" for name, count in sorted(self.faults.items())),
            "crash points:",
            *(f"  {count:5} {name}" for name, count in self.points.items()),
            f"{len(self.differences)} differences",
            *(f"  {difference}" for difference in self.differences),
        ]
        return "\n".join(lines)


async def run(plan: Plan, directory: Path) -> Result:
    """Run it in an empty directory; everything that was started is stopped, whatever happens."""
    draw = random.Random(plan.seed)
    cluster = Cluster(directory, **_settings(plan, draw))
    try:
        await cluster.start()
        return await _Run(plan, cluster, draw).run()
    finally:
        await cluster.stop()


def _settings(plan: Plan, draw: random.Random) -> dict[str, str]:
    fee = draw.choice(["quote", "coin"])
    pricing = draw.choice(["quoted", "ETH=average"])
    return {
        "API_PROCESSES": str(plan.apis),
        "WORKER_PROCESSES": str(plan.workers),
        "MAX_WAIT": plan.max_wait,
        "EXCHANGE_WINDOW": f"{plan.window_s}s",
        "CLOCK_SKEW": "2s",
        "PAPER_PRICES": "BTC=63127.41,ETH=3100.00,SOL=150.00",
        "PAPER_RULES": "BTC=0.00001:5.00,ETH=0.0001:5.00",
        "PRICING": pricing,
        "PAPER_FEE_IN": fee,
        "EXCHANGE_FEE": fee,
        "AUDIT_INTERVAL": "10s",
    }


class _Run:
    def __init__(self, plan: Plan, cluster: Cluster, draw: random.Random) -> None:
        self._plan, self._cluster = plan, cluster
        self._nemesis = Nemesis(
            cluster,
            random.Random(draw.random()),
            window_s=plan.window_s,
            late="late.before_commit" in plan.points,
            slow="give_up.before_commit" in plan.points,
        )
        self._armoury = Armoury(
            cluster.crash_points,
            [name for name in CRASH_POINTS if name in plan.points],
            random.Random(draw.random()),
            times=max(plan.times, 1),
            within_s=plan.within_s or plan.seconds,
        )
        self._pause = random.Random(draw.random())
        self._wires = Wires(cluster.addresses)
        self._customers = [
            Customer(self._wires, f"customer-{number}", random.Random(draw.random()))
            for number in range(plan.customers)
        ]
        self._result = Result(plan=plan)
        self._began = time.monotonic()

    async def run(self) -> Result:
        tending = asyncio.create_task(self._tend())
        living = [
            asyncio.create_task(c.live(self._plan.pause_s, self._over)) for c in self._customers
        ]
        try:
            while not self._over():
                await asyncio.sleep(self._pause.uniform(0.2, 1.8) * self._plan.strike_s)
                await self._nemesis.strike(self._armoury.lacking(self._plan.times))
        finally:
            self._armoury.lay_down()
            await self._nemesis.relent()
        self._result.lasted_s = time.monotonic() - self._began
        await asyncio.gather(*living)
        await self._drain()
        await self._conclude()
        tending.cancel()
        await self._wires.client.aclose()
        return self._result

    def _over(self) -> bool:
        """Whether the faults end: the time is up, and what shall be reached was, or won't be."""
        lasted = time.monotonic() - self._began
        if self._cluster.failure is not None:
            return True
        if lasted < self._plan.seconds:
            return False
        lacking = self._armoury.lacking(self._plan.times) or self._wires.orders < self._plan.orders
        return not lacking or lasted >= self._plan.longest_s

    async def _tend(self) -> None:
        """Keep the processes beside `serve` running, and points armed."""
        while True:
            self._cluster.tend()
            if not self._over():
                self._armoury.count()
                self._armoury.arm()
            await asyncio.sleep(0.1)

    async def _drain(self) -> None:
        """Wait until every order has ended."""
        began = time.monotonic()
        left: list[int] = []
        while time.monotonic() - began < self._plan.drain_s and self._cluster.failure is None:
            looked = await asyncio.gather(*(c.look_up() for c in self._customers))
            left = [number for numbers in looked for number in numbers]
            if not left:
                break
            await asyncio.sleep(0.5)
        self._result.drained_s = time.monotonic() - began
        if left:
            self._result.differences.append(f"{len(left)} orders have not ended: {left[:10]}")

    async def _conclude(self) -> None:
        result = self._result
        result.faults, result.kills = self._nemesis.done, self._nemesis.kills
        result.points, result.tries = self._armoury.reached, self._wires.tries
        result.orders = sum(len(c.orders) for c in self._customers)
        result.states = Counter(
            " ".join(filter(None, (o["state"], o["reason"])))
            for c in self._customers
            for o in c.orders.values()
        )
        for customer in self._customers:
            result.differences += customer.wrong
        if self._cluster.failure is not None:
            result.differences.append(self._cluster.failure)
            return
        for name in self._armoury.lacking(self._plan.times):
            result.differences.append(
                f"crash point {name}: expected {self._plan.times} times, was {result.points[name]}"
            )
        for what, least, was in (
            ("orders", self._plan.orders, result.orders),
            ("deaths", self._plan.deaths, result.deaths),
        ):
            if was < least:
                result.differences.append(f"{what}: expected at least {least}, was {was}")
        result.differences += await self._compare()

    async def _compare(self) -> list[str]:
        """What differs when everything is quiet; late fills are looked for every 30 s."""
        await asyncio.sleep(max(0.0, self._nemesis.quiet_at - time.monotonic()))
        until = time.monotonic() + _LOOKED_AFTER_S
        while True:
            differences = await compare(self._cluster.server, self._customers)
            if not differences or time.monotonic() > until:
                return differences
            await asyncio.sleep(2)


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "none"
