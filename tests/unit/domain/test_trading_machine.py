"""Workers that die, freeze and race, an exchange that is silent, forgets or comes late: every order
ends, what was executed is booked once, and the books never contradict themselves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from typing_extensions import override

from crypto_exchange.adapters.memory import Silence
from crypto_exchange.adapters.memory.audit import list_differences
from crypto_exchange.domain.audit_log import TERMINAL
from crypto_exchange.domain.errors import Denied, TooLate
from crypto_exchange.domain.late_fill import ALWAYS_US
from crypto_exchange.domain.order import FINAL_STATES, Order, OrderState
from crypto_exchange.domain.policy import SECOND_US, Policy, Pricing
from crypto_exchange.domain.purchase import (
    GIVEN_UP,
    Absent,
    Fill,
    Filled,
    Purchase,
    PurchaseState,
    Rejected,
    RejectionKind,
)
from crypto_exchange.domain.screening import MOST_OPEN
from crypto_exchange.domain.use_cases import currencies, orders, reconciliation, reviews, trading
from tests.builders import coins, usd
from tests.desk import Desk

DAY_S = 24 * 3_600
SLOW_MS = 30_000
"""How long after its window an exchange may still be executing an order."""
BOUGHT = {PurchaseState.FILLED, PurchaseState.PARTIALLY_FILLED, PurchaseState.LATE}
DOLLARS = st.sampled_from(["24.00", "10.30", "9.99", "5.25", "1.00"])
STEPS = st.sampled_from([*Silence, *RejectionKind, "crumb", "nothing"])
Step: TypeAlias = Silence | RejectionKind | str
Result = TypeVar("Result")


class Trading(RuleBasedStateMachine):
    """One exchange, one database, and any number of workers."""

    @initialize(pricing=st.sampled_from(Pricing), take_along=st.booleans())
    def open(self, pricing: Pricing, *, take_along: bool) -> None:
        self.loop = asyncio.new_event_loop()
        self.desk = Desk(
            Policy(pricing=pricing, take_along=take_along, quarantine_us=3_600 * SECOND_US)
        )
        self.placed: list[Order] = []
        self.frozen: list[tuple[str, Purchase | None]] = []
        self.told = 0

    def wait(self, work: Coroutine[object, object, Result]) -> Result:
        return self.loop.run_until_complete(work)

    # ---- people

    @rule(
        dollars=st.lists(DOLLARS, min_size=1, max_size=3),
        steps=st.lists(STEPS, max_size=2),
        then=st.sampled_from(["work", "race", "freeze", "leave"]),
    )
    def buy(self, dollars: list[str], steps: list[Step], then: str) -> None:
        """Place orders, tell the exchange what to do with the next purchases, and go on."""
        if not self.desk.state.get_asset("BTC").halted:
            self.placed.extend(self.wait(self.desk.place(each)) for each in dollars)
        self.desk.exchange.script.extend(self.answer(step) for step in steps)
        self.go_on(then)

    @precondition(lambda self: not self.desk.state.get_asset("BTC").halted)
    @rule(dollars=DOLLARS)
    def be_suspected(self, dollars: str) -> None:
        held = [order for order in self.placed if self.desk.now(order).held]
        try:
            order = self.wait(self.desk.place_held(dollars))
        except Denied:
            assert len(held) == MOST_OPEN
            return
        assert order.held
        assert len(held) < MOST_OPEN
        self.placed.append(order)

    @precondition(lambda self: self.placed)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.placed))
        waits = self.desk.now(order).state is OrderState.AGGREGATED
        try:
            self.wait(orders.cancel(self.desk.context, 1, order.id))
        except TooLate:
            assert not waits
        else:
            assert self.desk.now(order).state is OrderState.CANCELLED

    # ---- time and workers

    @rule(
        seconds=st.sampled_from([1, 6, 37, 60, 3_601, DAY_S]),
        down=st.booleans(),
        slow=st.booleans(),
        then=st.sampled_from(["work", "race", "freeze", "leave"]),
    )
    def pass_time(self, seconds: int, then: str, *, down: bool, slow: bool) -> None:
        self.desk.exchange.down = down
        self.wait(self.desk.pass_time(seconds))
        self.go_on(then)
        if slow:
            self.come_slowly()

    def go_on(self, then: str) -> None:
        if then == "work":
            self.wait(self.desk.work())
        elif then == "race":
            self.wait(_together(self.desk.work(), self.desk.work()))
        elif then == "freeze":  # commit intents, and stop before the call: for ever, or for a while
            self.frozen.extend(self.wait(trading.seal_due(self.desk.context, "BTC")))

    @precondition(lambda self: self.frozen)
    @rule(data=st.data())
    def wake_up(self, data: st.DataObject) -> None:
        """Make the call of an intent, however late."""
        intent = self.frozen.pop(data.draw(st.integers(0, len(self.frozen) - 1)))
        self.wait(trading.execute(self.desk.context, *intent))

    # ---- the exchange

    def answer(self, step: Step) -> Silence | Filled | Rejected:
        if isinstance(step, Silence):
            return step
        if isinstance(step, RejectionKind):
            return Rejected(kind=step, code="-1", message="no")
        return Filled(fills=(self.a_trade("0.00001", "0.50"),) if step == "crumb" else ())

    def a_trade(self, quantity: str, cost: str) -> Fill:
        self.told += 1
        return Fill(trade_id=str(self.told), quantity=coins(quantity), cost=usd(cost))

    def come_slowly(self) -> None:
        """Execute what was not answered, when its window is just over: it was on its way inside."""
        executed, now_ms = self.desk.exchange.executed, self.desk.exchange.now_ms()
        for purchase in self.desk.exchange.received:
            fits = purchase.timestamp_ms <= now_ms <= purchase.window_end_ms + SLOW_MS
            refused = self.state_of(purchase) is PurchaseState.REJECTED
            if fits and not refused and purchase.client_order_id not in executed:
                self.desk.execute_late(purchase, Filled(fills=(self.a_trade("0.0001", "5"),)))

    @precondition(lambda self: not self.desk.exchange.down)
    @rule(data=st.data())
    def come_late(self, data: st.DataObject) -> None:
        """Execute something that was given up, and see who notices."""
        since_ms = self.desk.exchange.now_ms() - ALWAYS_US // 1_000
        lost = [
            p
            for p in self.desk.state.purchases.values()
            if p.state in GIVEN_UP and p.timestamp_ms >= since_ms
        ]
        if lost:
            filled = Filled(fills=(self.a_trade("0.0001", "5"),))
            self.desk.execute_late(data.draw(st.sampled_from(lost)), filled)
            self.wait(
                _together(
                    reconciliation.buy_late_fills(self.desk.context),
                    reconciliation.buy_late_fills(self.desk.context),
                )
            )

    # ---- the operator

    @rule()
    def speak(self) -> None:
        """Say of everything in quarantine what the exchange really did, and resume the asset."""
        executed = self.desk.exchange.executed
        for held in self.wait(self.desk.context.queries.list_quarantined()):
            found = executed.get(held.client_order_id)
            finding = Absent(answered_ms=0) if found is None else found.outcome
            self.wait(
                reconciliation.resolve_quarantine(self.desk.context, held.batch, finding, "seen")
            )
        self.wait(currencies.halt_asset(self.desk.context, "BTC", halted=False))

    @rule(data=st.data(), decide=st.sampled_from([reviews.release, reviews.refuse]))
    def review(self, data: st.DataObject, decide: Callable[..., Coroutine[Any, Any, Any]]) -> None:
        """Decide on something that is held."""
        queue = self.wait(reviews.list_open(self.desk.context))
        if queue:
            chosen = data.draw(st.sampled_from(queue))
            self.wait(decide(self.desk.context, 1, chosen.id, actor=TERMINAL))

    # ---- always

    @invariant()
    def what_is_held_is_in_no_batch_and_waits_for_a_decision(self) -> None:
        held = {o.id for o in self.desk.state.open_orders.values() if o.held}
        assert not any(self.desk.state.orders[order_id].batch for order_id in held)
        assert held == {r.order_id for r in self.desk.state.reviews.values() if not r.decided_at_us}

    @invariant()
    def the_books_do_not_contradict_themselves(self) -> None:
        assert list_differences(self.desk.state) == ()

    @invariant()
    def nothing_was_sent_twice_or_after_its_window(self) -> None:
        sent = Counter(p.client_order_id for p in self.desk.exchange.received)
        assert all(times == 1 for times in sent.values())
        for executed in self.desk.exchange.executed.values():
            state = self.state_of(executed.purchase)
            on_time = executed.at_ms <= executed.purchase.window_end_ms + SLOW_MS
            assert on_time or state is PurchaseState.LATE

    @invariant()
    def what_was_executed_is_booked_once_or_under_way(self) -> None:
        for name, executed in self.desk.exchange.executed.items():
            purchase = executed.purchase
            booked = self.desk.state.fills.get((purchase.batch, purchase.attempt), [])
            if self.state_of(purchase) in BOUGHT:
                assert tuple(booked) == executed.outcome.fills, name
            else:
                assert booked == []
                assert self.state_of(purchase) not in GIVEN_UP

    @invariant()
    def a_batch_is_settled_by_one_attempt(self) -> None:
        settled = Counter(
            p.batch
            for p in self.desk.state.purchases.values()
            if p.state in BOUGHT - {PurchaseState.LATE}
        )
        assert all(times == 1 for times in settled.values())

    @invariant()
    def nothing_leaves_quarantine_by_itself(self) -> None:
        for held in self.desk.state.purchases.values():
            if held.state is PurchaseState.QUARANTINED:
                batch = self.desk.state.batches[held.batch]
                assert (batch.live, batch.attempt) == (True, held.attempt)
                members = [o for o in self.desk.state.open_orders.values() if o.batch == batch.key]
                assert members, "who waits for it is still there"

    def state_of(self, purchase: Purchase) -> PurchaseState:
        return self.desk.state.purchases[purchase.batch, purchase.attempt].state

    @override
    def teardown(self) -> None:
        """Whatever happened, everything ends when the exchange answers and the operator speaks."""
        if not hasattr(self, "desk"):
            return
        self.desk.exchange.script.clear()
        for seconds in (40, 40, DAY_S, 60, 60, 60):
            self.pass_time(seconds, "work", down=False, slow=False)
            self.speak()
        self.loop.close()
        assert {self.desk.now(order).state for order in self.placed} <= FINAL_STATES
        assert not any(b.live for b in self.desk.state.batches.values())
        assert list_differences(self.desk.state) == ()
        row = self.desk.state.inventory["BTC"]
        assert (row.reserved, row.expected) == (0, 0)


async def _together(*work: Coroutine[object, object, object]) -> None:
    await asyncio.gather(*work)


TestTrading = Trading.TestCase
TestTrading.settings = settings(max_examples=30, stateful_step_count=30)
