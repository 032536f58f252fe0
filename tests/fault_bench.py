"""Runs the rows of the fault matrix: a service in memory, a worker by hand, a real paper exchange."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import httpx
import msgspec

from crypto_exchange.adapters.exchange import BinanceExchange
from crypto_exchange.adapters.memory import memory_context
from crypto_exchange.adapters.system import SystemClock
from crypto_exchange.domain import access
from crypto_exchange.domain.batch import NEVER_US, BatchState
from crypto_exchange.domain.cashier import Deposit
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.ledger import AccountKind
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.purchase import Absent, Filled, PurchaseState, Rejected
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import (
    currencies,
    house,
    orders,
    reconciliation,
    trading,
    wallets,
)
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import User
from tests.builders import DAY_US, usd
from tests.fault_matrix import AT_ONCE, BLINDNESS, TOO_LATE_S, Case, Moment
from tests.paper_venue import KEY, SECRET, Paper

Json: TypeAlias = Any
POLICY = Policy(window_ms=1_200, absence_margin_ms=100, max_wait_us=7 * DAY_US)
SPENDS = ("6.00", "6.00")
ORDER_CALL = "POST /api/v3/order"
LATE_MS = 3_500
"""When an attempt was surely given up that is executed after all."""

_LOOK_UP = ("GET /api/v3/order", "/api/v3/allOrders", "/api/v3/myTrades")
_OF_WHAT_IS_THERE = ("GET /api/v3/order", "/api/v3/myTrades")
_LATER = frozenset({"timeout_late", "late_fill"})
_ALSO_LOST = frozenset({"partial_fill", "duplicate_fill"})


class Seen(NamedTuple):
    """What came of a case; `wrong` is what must not be, one sentence each."""

    orders: str
    attempts: tuple[str, ...]
    executed: int
    breaks: tuple[str, ...]
    wrong: list[str]


class ShiftedClock:
    """Real time, and what a test lets pass at once."""

    def __init__(self) -> None:
        self._clock, self._ahead_us = SystemClock(), 0

    def now_us(self) -> int:
        return self._clock.now_us() + self._ahead_us

    def shift(self, us: int) -> None:
        self._ahead_us += max(0, us)


class Venue:
    """A paper exchange, and our adapter to it: one that waits for answers, and one that soon gives up."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.patient, self.impatient = (
            BinanceExchange(
                url=str(paper.http.base_url),
                api_key=KEY,
                api_secret=SECRET,
                quote="USDT",
                now_us=SystemClock().monotonic_us,
                read_timeout_s=patience_s,
            )
            for patience_s in (5, TOO_LATE_S)
        )

    async def aclose(self) -> None:
        await self.patient.aclose()
        await self.impatient.aclose()


async def run(case: Case, venue: Venue) -> Seen:
    """Let a batch of two orders meet the fault, take it back, and see what came of them."""
    bench = Bench(venue)
    try:
        async with asyncio.timeout(60):
            await bench.prepare()
            await bench.meet(case)
            await bench.settle()
            return await bench.look(case)
    finally:
        await bench.take_back()


class Bench:
    """A service in memory over a paper exchange that nobody else uses meanwhile."""

    def __init__(self, venue: Venue) -> None:
        self.paper, self.patient, self.impatient = venue.paper, venue.patient, venue.impatient
        self.clock, self.state = ShiftedClock(), State()
        context = memory_context(policy=POLICY, clock=self.clock, state=self.state)
        self.context: Context = msgspec.structs.replace(context, exchange=self.patient)
        self.acting = self.context
        self.wrong: list[str] = []
        self.first_order = 0

    async def prepare(self) -> None:
        """Two people each place an order; together they are bought."""
        for exchange in (self.patient, self.impatient):
            await exchange.sync_clock()
        self.first_order = 1 + max((o["orderId"] for o in await self._there()), default=0)
        await house.list_new_assets(self.context, {"BTC": 8})
        await house.book_capital(self.context)
        await currencies.refresh_prices(self.context)
        for spend in SPENDS:
            user_id = self.state.next_user_id()
            user = User(id=user_id, username=f"user-{user_id}", password_hash="")
            self.state.apply(access.register(user, None, at_us=self.clock.now_us()))
            await wallets.deposit(self.context, Deposit(user_id=user_id, amount=usd(spend)))
            command = PlaceOrder(user_id=user_id, asset="BTC", spend=usd(spend))
            await orders.place(self.context, command)

    async def meet(self, case: Case) -> None:
        match case.moment:
            case Moment.SUBMITTING:
                await self._buy_with(case)
            case Moment.UNKNOWN:
                await self._look_up_with(case)
            case Moment.NOT_PLACED:
                await self._lose(bought=False)
                await self._give_up()
                await self._buy_with(case)
            case Moment.GIVEN_UP:
                await self._come_late_with(case)
            case Moment.QUARANTINED:
                await self._quarantine_with(case)

    async def _buy_with(self, case: Case) -> None:
        fault = await self.order_fault(case)
        async with self.patience(case):
            await self.work()
        await self.expect_met(fault)

    async def _look_up_with(self, case: Case) -> None:
        """The order call gets no answer; then look-ups meet the fault, in each of their calls."""
        if case.kind in _LATER:
            await self.order_fault(case)
            await self.work()
            self.expect_state(PurchaseState.UNKNOWN)
            await self.resolve()
            if not await self._executed():  # else this was not early, on a machine that is busy
                self.expect_state(PurchaseState.UNKNOWN)
        elif case.kind in _ALSO_LOST:
            await self.order_fault(case)
            await self.fault("latency", path=ORDER_CALL, after_ms=2_500)
            async with self.patience(case):
                await self.work()
            self.expect_state(PurchaseState.UNKNOWN)
        else:
            await self._lose(bought=case.bought)
            await self._blind(case)

    async def _blind(self, case: Case) -> None:
        if case.kind not in BLINDNESS:
            await self.order_fault(case)
            await self.resolve()
            return
        denied = case.fault.get("code") == -2013
        for path in _OF_WHAT_IS_THERE if case.bought else _LOOK_UP:
            fault = await self.fault(case.kind, path=path, **{"count": 1, **case.fault})
            async with self.patience(case):
                await self.resolve()
            await self.expect_met(fault)
            if denied:
                break  # and the list of orders is enough
            self.expect_state(PurchaseState.UNKNOWN)
        if not denied:
            await self.resolve()
        self.expect_state(PurchaseState.FILLED if case.bought else PurchaseState.NOT_PLACED)

    async def _come_late_with(self, case: Case) -> None:
        """The attempt is given up, then executed; look-ups after it meet the fault."""
        await self.fault("late_fill", after_ms=LATE_MS)
        await self.work()
        await self._give_up()
        if case.orders != "completed":
            self.clock.shift(POLICY.max_wait_us)
        await self.settle()
        while len(await self._executed()) < case.executed:
            await asyncio.sleep(0.1)
        if case.kind not in BLINDNESS:
            return
        for path in _OF_WHAT_IS_THERE:
            fault = await self.fault(case.kind, path=path, **{"count": 1, **case.fault})
            async with self.patience(case):
                with contextlib.suppress(Unavailable):
                    await reconciliation.buy_late_fills(self.acting)
            await self.expect_met(fault)
            if self.state.breaks:
                self.wrong.append(f"expected no break while {path} is not answered, was one")

    async def _quarantine_with(self, case: Case) -> None:
        await self._lose(bought=case.bought)
        await self.fault(case.kind, path="orders", count=1_000)
        self.clock.shift(DAY_US)
        await self.resolve()
        self.expect_state(PurchaseState.QUARANTINED)
        if len(self.state.open_orders) != len(SPENDS) or not self.state.assets["BTC"].halted:
            self.wrong.append("expected open orders and a halted asset, was otherwise")
        await self.take_back()
        held = self._last()
        found = await self.patient.find(held)
        assert isinstance(found, Filled | Rejected | Absent)
        await reconciliation.resolve_quarantine(self.context, held.batch, found, "was looked up")
        await currencies.halt_asset(self.context, "BTC", halted=False)

    async def _lose(self, *, bought: bool) -> None:
        """Let the order call get no answer; if nothing was bought, wait until that can be proved."""
        await self.fault("timeout_after" if bought else "timeout_before", **AT_ONCE)
        await self.work()
        self.expect_state(PurchaseState.UNKNOWN)
        if not bought:
            await self._pass_window()

    async def _give_up(self) -> None:
        await self._pass_window()
        await self.resolve()
        self.expect_state(PurchaseState.NOT_PLACED)

    async def _pass_window(self) -> None:
        until_ms = self._last().window_end_ms + POLICY.absence_margin_ms
        while (left_ms := until_ms + 1 - self.patient.now_ms()) > 0:
            await asyncio.sleep(left_ms / 1_000)

    async def work(self) -> None:
        """All that is due, also what would be after a back-off; prices are fresh."""
        due_us = [b.due_at_us for b in self.state.batches.values() if b.state is BatchState.SEALED]
        due_us += [inventory.retry_at_us for inventory in self.state.inventory.values()]
        latest_us = max(each for each in due_us if each != NEVER_US)
        self.clock.shift(latest_us - self.clock.now_us())
        await currencies.refresh_prices(self.context)
        symbols, keys = await trading.list_due(self.context)
        for symbol in symbols:
            for key, purchase in await trading.seal_due(self.acting, symbol):
                await trading.execute(self.acting, key, purchase)
        for key in keys:
            await trading.resolve(self.acting, key)

    async def resolve(self) -> None:
        await trading.resolve(self.acting, self._last().batch)

    async def settle(self) -> None:
        """Work until nobody waits any more, then ask after what was given up."""
        while self.state.open_orders:
            with contextlib.suppress(Unavailable):
                await self.work()
            await asyncio.sleep(0.05)
        await reconciliation.buy_late_fills(self.context)

    @contextlib.asynccontextmanager
    async def patience(self, case: Case) -> AsyncIterator[None]:
        """Wait for answers of the exchange as long as the case says, and no longer."""
        if case.patience_s == TOO_LATE_S:
            self.acting = msgspec.structs.replace(self.context, exchange=self.impatient)
        yield
        self.acting = self.context

    async def order_fault(self, case: Case) -> Json:
        everywhere = {"latency", "http_5xx", "garbage", "rate_limit", "restart"}
        path = {"path": ORDER_CALL} if case.kind in everywhere else {}
        return await self.fault(case.kind, **path, **case.fault)

    async def fault(self, kind: str, **terms: object) -> Json:
        return await asyncio.to_thread(self.paper.wish, kind, symbol="BTC", **terms)

    async def faults(self) -> Sequence[Json]:
        answer = await asyncio.to_thread(self._again, "GET")
        return list(answer.json())

    async def take_back(self) -> None:
        await asyncio.to_thread(self._again, "DELETE")

    async def expect_met(self, fault: Json) -> None:
        left = [each for each in await self.faults() if each["id"] == fault["id"]]
        if left and not left[0]["met"]:
            self.wrong.append(f"expected the fault to be met, was not: {fault}")

    def expect_state(self, state: PurchaseState) -> None:
        if self._last().state is not state:
            self.wrong.append(f"expected {state.value}, was {self._last().state.value}")

    async def look(self, case: Case) -> Seen:
        """What became of orders and attempts here, and of orders there; and what contradicts it."""
        ends = {
            order.state.value + (f" ({order.reason.value})" if order.reason else "")
            for order in self.state.orders.values()
        }
        executed = await self._executed()
        differences = (await reconciliation.look(self.context)).differences
        self.wrong += [f"the books differ: {each}" for each in differences]
        self.wrong += self._unbalanced()
        late = {p.client_order_id for p in self._attempts() if p.state is PurchaseState.LATE}
        batches = Counter(name.rpartition("-")[0] for name in executed if name not in late)
        self.wrong += [f"batch {key} was bought {n} times" for key, n in batches.items() if n > 1]
        return Seen(
            ", ".join(sorted(ends)),
            tuple(p.state.value for p in self._attempts()),
            len(executed),
            tuple(each.kind.value for each in self.state.breaks.values()),
            self.wrong,
        )

    def _unbalanced(self) -> list[str]:
        """Currencies that do not sum to zero, and what is left of what must be empty in the end."""
        ledger = self.state.ledger()
        sums = Counter[str]()
        for name, balance in ledger.items():
            sums[name.rpartition(":")[2]] += balance
        empty = (AccountKind.CLEARING.value, AccountKind.SUSPENSE.value)
        return [
            *(f"all accounts of {name} sum to {total}" for name, total in sums.items() if total),
            *(f"{name} is {n}" for name, n in ledger.items() if n and name.startswith(empty)),
        ]

    def _attempts(self) -> list[Any]:
        return list(self.state.purchases.values())

    def _last(self) -> Any:
        return self._attempts()[-1]

    async def _executed(self) -> list[str]:
        """Names of the orders that were executed there since the case began."""
        rows = await self._there()
        new = [row for row in rows if row["orderId"] >= self.first_order]
        return [row["clientOrderId"] for row in new if Decimal(row["executedQty"])]

    async def _there(self) -> Sequence[Json]:
        asked = {"symbol": "BTCUSDT", "orderId": max(self.first_order, 1), "limit": 1000}
        return list(await asyncio.to_thread(self.paper.ask, "allOrders", **asked))

    def _again(self, method: str) -> Any:
        """Call for the faults until it answers: it may be restarting."""
        while True:
            try:
                return self.paper.http.request(method, "/paper/faults")
            except httpx.HTTPError:
                time.sleep(0.05)
