"""World: one broker, its people, workers and exchange; every step is compared with a model of it.

The broker is the real thing: the use cases over the adapters under test. What it commits is noted as a
history, which the reference model reads along and judges by itself; after every step what the adapters
say must be what the model expects.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack

import msgspec

from crypto_exchange.adapters.faults import CrashingBegin, CrashingExchange, CrashingTally
from crypto_exchange.adapters.memory import (
    InsecureHasher,
    MemoryAssetCache,
    MemoryLimiter,
    MemoryTally,
    OpaqueTokens,
    ReadableVault,
)
from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.ids import BatchKey, OrderId, Symbol, UserId
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.policy import CLOCK_LEEWAY_US
from crypto_exchange.domain.use_cases import accounts, currencies, house
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.testing.adapters import Adapters, Factory, Sim
from crypto_exchange.entrypoints.testing.model import ReferenceModel
from crypto_exchange.entrypoints.testing.model.rows import ModelAttempt
from crypto_exchange.entrypoints.testing.recording import (
    CountedKeys,
    OffsetClock,
    RaisingPoints,
    Record,
    RecordedMarket,
    RecordedTally,
    Store,
    records_of,
)
from crypto_exchange.entrypoints.testing.sightings import Sightings
from crypto_exchange.entrypoints.testing.steps import PEOPLE, PROCESSES, Setup
from crypto_exchange.entrypoints.testing.venue import SimExchange
from crypto_exchange.entrypoints.testing.violations import Violation

START_US = 1_767_225_600 * 10**6
CAPITAL = 10_000_000 * 10**8
"""The house's dollars at the exchange, 10⁻⁸."""
COINS = {"ABAN": 12_345, "ETH": 10**15 + 1}
"""Its coins there, in their units: more digits, and fewer, than those of dollars."""
LISTED = {
    "BTC": (8, 63_127_41 * 10**10, MarketRule(lot_step=1_000, min_notional=5 * 10**8)),
    "ABAN": (
        4,
        20 * 10**12,
        MarketRule(
            lot_step=500,
            min_notional=5 * 10**8,
            min_quantity=3_000,
            max_quantity=1_000_000,
            fee_ppm=750,
        ),
    ),
    "ETH": (
        18,
        2_499_99 * 10**10,
        MarketRule(
            lot_step=10**14, min_notional=10 * 10**8, max_quantity=3 * 10**17, fee_ppm=1_000
        ),
    ),
}
"""Scale, price (10⁻¹² dollars) and rule of what is listed."""
HALTED_AT_FIRST = "ABAN"
"""What the exchange does not trade when it is listed."""


class Process(msgspec.Struct):
    """A process of the broker: its ports, its clock, and where it may end."""

    name: str
    context: Context
    clock: OffsetClock
    points: RaisingPoints


class World:
    """Made by `open_world`. `history` and `violations` grow with every step."""

    def __init__(self, setup: Setup, sim: Sim, adapters: Adapters) -> None:
        self.setup, self.sim, self.adapters = setup, sim, adapters
        self.policy = sim.policy
        self.history: list[Record] = []
        self.violations: list[Violation] = []
        self.exchange = SimExchange(lambda: sim.clock.now_us() // 1_000, fee_in=self.policy.fee_in)
        self.exchange.reach = setup.reach * 1_000
        self.model = ReferenceModel(None, ())
        self.store = Store(adapters.begin, self.tell)
        self.cache = adapters.cache or MemoryAssetCache()
        self.ids = CountedKeys(adapters.ids, sim.seed)
        self.tallied: list[tuple[Symbol, int, bool | None]] = []
        self.processes = {name: self._process(name) for name in PROCESSES}
        self.people: list[UserId] = []
        self.orders: list[Order] = []
        self.stored: dict[tuple[UserId, str, str], tuple[str, int]] = {}
        self.touched: set[OrderId] = set()
        self.rules: dict[str, object] = {}
        self.outdated: set[BatchKey] = set()
        self.turned_us = 0
        """When the exchange last fell silent or spoke again, or a clock was set."""
        self.cache_is_old = False
        self.sightings = Sightings(self.policy.threshold)

    @property
    def api(self) -> Process:
        """The process that people talk to."""
        return self.processes["api"]

    @property
    def workers(self) -> list[Process]:
        """The processes that buy."""
        return [p for p in self.processes.values() if p.name != "api"]

    def is_on_time(self, attempt: ModelAttempt) -> bool:
        """Whether an attempt's sender may still say what became of it; not told if a clock is wrong."""
        sent_us = attempt.timestamp_ms * 1_000
        right = all(process.clock.offset_us == 0 for process in self.processes.values())
        now_us, until_us = self.sim.clock.now_us(), sent_us + attempt.window_ms * 1_000
        return (
            attempt.state == "submitting"
            and right
            and self.turned_us <= sent_us <= now_us < until_us
        )

    async def open(self) -> None:
        """List assets, bring prices and capital in, register people."""
        for symbol, (scale, price, rule) in LISTED.items():
            self.exchange.list(symbol, scale, rule, price)
        self.exchange.rules[HALTED_AT_FIRST] = None
        self.exchange.balances.update({"USD": CAPITAL, **COINS})
        context = self.api.context
        await house.list_new_assets(context, {s: scale for s, (scale, _, _) in LISTED.items()})
        for asset in await context.queries.list_assets():
            traded = asset.symbol != HALTED_AT_FIRST
            self.claim(f"I4 {asset.symbol} is listed as traded", traded, asset.trading)
        self.exchange.rules[HALTED_AT_FIRST] = LISTED[HALTED_AT_FIRST][2]
        await self.adapters.market.save_rules({HALTED_AT_FIRST: LISTED[HALTED_AT_FIRST][2]})
        self.note(
            {
                "record": "header",
                "history": 1,
                "policy": msgspec.to_builtins(self.policy),
                "assets": [msgspec.to_builtins(a) for a in await context.queries.list_assets()],
            }
        )
        self.model = ReferenceModel(self.history[0]["policy"], self.history[0]["assets"])
        await house.book_capital(context)
        await self.refresh(context)
        for number in range(PEOPLE):
            tokens = await accounts.register(context, f"person-{number}", "a long password")
            self.people.append(context.tokens.read_access(tokens.access).user_id)

    async def refresh(self, context: Context) -> None:
        """Bring prices and rules in, as a worker does every few seconds."""
        if not self.exchange.rules_unread:
            await currencies.refresh_rules(context)
        assets = await currencies.refresh_prices(context)
        self.cache_is_old = False
        for asset in assets:
            if asset.priced_at_us == context.clock.now_us():
                told = self.exchange.prices[asset.symbol]
                self.claim(f"I4 price of {asset.symbol} as it was told", told, asset.price)
            price = {"asset": asset.symbol, "price": asset.price, "at_us": asset.priced_at_us}
            self.note({"record": "price", **price})
            kept = self.model.price(asset.symbol)
            self.claim(f"I4 price of {asset.symbol} that is kept", kept, asset.price)

    def tell_rules(self, rules: Mapping[Symbol, MarketRule | None]) -> None:
        """Note the market rules that have just been kept, where they are new."""
        for symbol, kept in sorted(rules.items()):
            rule = msgspec.to_builtins(kept)
            if self.rules.get(symbol, ...) != rule:
                self.rules[symbol] = rule
                self.note({"record": "rule", "asset": symbol, "rule": rule})

    def tell(self, change: Change) -> None:
        """Note what has just been committed."""
        for record in records_of(change):
            self.note(record)
            self._claim_reloaded_rules(record)
            self._claim_patience(record)
        dates = {event.at_us for event in change.events}
        for transfer in change.transfers:
            name = f"I10 {transfer.kind.value} is dated at the commit's time"
            self.claim(name, True, transfer.at_us in dates)
        self.cache_is_old |= bool(change.assets)
        self.touched |= {m.after.id for m in change.orders} | {o.id for o in change.new_orders}
        self.orders.extend(change.new_orders)
        if change.request is not None:
            key = change.request
            stored = (key.fingerprint, key.resource_id)
            self.stored[key.user_id, key.operation, key.key] = stored

    def _claim_patience(self, record: Record) -> None:
        """I6: nothing is left to an operator before the exchange may have forgotten it, or the time is
        over that the policy gives; clocks may differ.
        """
        if record.get("event") == "PurchaseQuarantined":
            sent_us = self.model.batches[record["batch"]].last.timestamp_ms * 1_000
            patience_us = min(self.policy.quarantine_us, self.exchange.reach * 1_000)
            too_early = record["at_us"] < sent_us + patience_us - CLOCK_LEEWAY_US
            self.claim(f"I6 quarantine of {record['batch']} before its time", False, too_early)

    def _claim_reloaded_rules(self, record: Record) -> None:
        """I6: after a rejection by the rules, the next attempt is planned with those in force."""
        if record.get("event") == "PurchaseRejected" and record["kind"] == "rules":
            self.outdated.add(record["batch"])
        elif record.get("event") == "PurchaseIntended" and record["batch"] in self.outdated:
            self.outdated.remove(record["batch"])
            told = msgspec.to_builtins(self.exchange.rules[record["asset"]])
            self.claim("I6 rules reloaded", told, record["rule"])

    def note(self, record: Record) -> None:
        """Add to the history, and let the model judge it."""
        self.history.append(record)
        if record["record"] != "header":
            self.report(self.model.feed(record))
            self.sightings.see(record)

    def report(self, found: Iterable[Violation]) -> None:
        """Keep what a check found, with its place in the history."""
        place = len(self.history)
        self.violations.extend(msgspec.structs.replace(each, record=place) for each in found)

    def claim(self, check: str, expected: object, was: object) -> None:
        """Check that two things are equal."""
        if expected != was:
            self.report([Violation(check, f"expected {expected}, was {was}")])

    def _process(self, name: str) -> Process:
        clock, points = OffsetClock(self.sim.clock), RaisingPoints()
        tally = self.adapters.tally or MemoryTally(self.policy.threshold)
        context = Context(
            policy=self.policy,
            begin=CrashingBegin(self.store, points),
            clock=clock,
            ids=self.ids,
            queries=self.adapters.queries,
            market=RecordedMarket(self.adapters.market, self.tell_rules),
            cache=self.cache,
            tally=CrashingTally(RecordedTally(tally, self.tallied), points),
            limiter=MemoryLimiter(clock.now_us),
            exchange=CrashingExchange(self.exchange, points),
            passwords=InsecureHasher(),
            tokens=OpaqueTokens(),
            vault=ReadableVault(),
        )
        return Process(name=name, context=context, clock=clock, points=points)


async def open_world(
    factory: Factory, setup: Setup, *, seed: int, resources: AsyncExitStack
) -> World:
    """A broker over new adapters, ready for people; `resources` closes them."""
    sim = Sim(seed=seed, policy=setup.policy())
    sim.clock.at_us = START_US
    made = factory(sim)
    adapters = await made if inspect.isawaitable(made) else made
    if adapters.close is not None:
        resources.push_async_callback(adapters.close)
    world = World(setup, sim, adapters)
    world.store.pauses = random.Random(seed)  # noqa: S311 - repeatable
    await world.open()
    return world
