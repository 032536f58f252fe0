"""A broker that anything may happen to, and an observer that knows no rule but the sums."""

from __future__ import annotations

from collections import Counter, defaultdict, deque

import msgspec
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

from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.batch import BatchState
from crypto_exchange.domain.errors import DomainError
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import Order, OrderState, Reason
from crypto_exchange.domain.policy import SECOND_US, FeeIn, OnDeadline, Policy, Pricing
from crypto_exchange.domain.purchase import (
    Fill,
    Filled,
    Outcome,
    Purchase,
    Rejected,
    RejectionKind,
)
from crypto_exchange.domain.receipt import list_faults, make_receipt
from crypto_exchange.domain.simulation import FullFills, Simulation
from tests.builders import NOW_US, a_price, coins, usd

HOUR_US = 3600 * SECOND_US
ASSETS = (
    Asset(
        symbol="BTC",
        rule=MarketRule(
            lot_step=1_000,
            min_notional=usd("10"),
            max_quantity=coins("0.01"),
            fee_ppm=1_000,
        ),
        price=a_price("63127.41"),
        priced_at_us=NOW_US,
    ),
    Asset(
        symbol="ABAN",
        rule=MarketRule(lot_step=5_000, min_notional=usd("5"), fee_ppm=750),
        scale=4,
        price=a_price("20"),
        priced_at_us=NOW_US,
    ),
)
OPEN = {OrderState.PENDING, OrderState.AGGREGATED}
USERS = st.integers(1, 3)
SYMBOLS = st.sampled_from(["BTC", "ABAN"])
DOLLARS = st.one_of(
    st.sampled_from(["10.00", "9.99", "0.01", "10.01", "5.25", "5.24", "10.50", "0.50", "4.99"]),
    st.integers(1, 60_00).map(lambda cents: f"{cents // 100}.{cents % 100:02d}"),
)
OUTCOMES = ("full", "part", "crumb", "zero", "late", *RejectionKind)


class Venue:
    """Answers as the script says; checks what a real exchange would, and sees nothing twice."""

    def __init__(self, policy: Policy) -> None:
        self.full = FullFills(policy)
        self.script: deque[str | RejectionKind] = deque()
        self.seen: set[str] = set()
        self.bought: Counter[str] = Counter()
        self.paid = 0

    def __call__(self, purchase: Purchase, asset: Asset) -> Outcome:
        self.check(purchase, asset)
        step = self.script.popleft() if self.script else "full"
        if isinstance(step, RejectionKind):
            return Rejected(kind=step, code="-1", message="no")
        fills = tuple(f for f in self.trades(step, purchase, asset) if f.quantity)
        for fill in fills:  # each is told twice, and counts once
            own = fill.fee_currency == asset.symbol
            self.bought[asset.symbol] += fill.quantity - (fill.fee if own else 0)
            self.paid += fill.cost + (fill.fee if fill.fee_currency == "USD" else 0)
        return Filled(fills=(*fills, *fills))

    def check(self, purchase: Purchase, asset: Asset) -> None:
        assert purchase.client_order_id not in self.seen
        self.seen.add(purchase.client_order_id)
        maximum = asset.rule.max_quantity
        assert purchase.quantity % asset.rule.lot_step == 0
        assert not maximum or purchase.quantity <= maximum
        worth = purchase.quantity * (asset.price or 0)
        assert worth >= asset.rule.min_notional * 105 // 100 * 10 ** (asset.scale + 4)

    def trades(self, step: str, purchase: Purchase, asset: Asset) -> tuple[Fill, ...]:
        shares = {"full": 100, "part": 43, "crumb": 1, "zero": 0, "late": 130}
        quantity = purchase.quantity * shares[step] // 100
        halves = (quantity // 2, quantity - quantity // 2)
        return tuple(
            msgspec.structs.replace(
                self.full(msgspec.structs.replace(purchase, quantity=half), asset).fills[0],
                trade_id=f"{purchase.client_order_id}-{number}",
            )
            for number, half in enumerate(halves)
        )


class Broker(RuleBasedStateMachine):
    """Three users, two assets, and whatever else."""

    @initialize(
        fee_in=st.sampled_from(FeeIn),
        on_deadline=st.sampled_from(OnDeadline),
        spread_bps=st.sampled_from([0, 37]),
        batch_limit=st.sampled_from([2, 500]),
        pricing=st.sampled_from([(), (("BTC", Pricing.AVERAGE),), (("ABAN", Pricing.AVERAGE),)]),
        take_along=st.booleans(),
    )
    def open(
        self,
        fee_in: FeeIn,
        on_deadline: OnDeadline,
        spread_bps: int,
        batch_limit: int,
        pricing: tuple[tuple[str, Pricing], ...],
        *,
        take_along: bool,
    ) -> None:
        self.policy = Policy(
            fee_in=fee_in,
            on_deadline=on_deadline,
            spread_bps=spread_bps,
            batch_limit=batch_limit,
            group_limit=2,
            price_max_age_us=HOUR_US,
            asset_pricing=pricing,
            take_along=take_along,
        )
        self.venue = Venue(self.policy)
        self.simulation = Simulation(ASSETS, policy=self.policy, venue=self.venue, at_us=NOW_US)
        self.placed: list[Order] = []
        self.last_seen: dict[int, Order] = {}
        self.brought: Counter[int] = Counter()
        for number in range(1, 4):
            assert self.simulation.register(f"user{number}") == number
            self.deposit(number, "100.00")

    @rule(user_id=USERS, dollars=DOLLARS)
    def deposit(self, user_id: int, dollars: str) -> None:
        self.simulation.deposit(user_id, usd(dollars))
        self.brought[user_id] += usd(dollars)

    @rule(user_id=USERS, dollars=DOLLARS)
    def withdraw(self, user_id: int, dollars: str) -> None:
        try:
            self.simulation.withdraw(user_id, usd(dollars))
        except DomainError:
            return
        self.brought[user_id] -= usd(dollars)

    @rule(user_id=USERS, symbol=SYMBOLS, dollars=DOLLARS)
    def spend(self, user_id: int, symbol: str, dollars: str) -> None:
        self.place(user_id, symbol, spend=usd(dollars))

    @rule(user_id=USERS, symbol=SYMBOLS, ten_thousandths=st.integers(1, 30_000))
    def buy(self, user_id: int, symbol: str, ten_thousandths: int) -> None:
        unit = coins("0.0001") if symbol == "ABAN" else coins("0.00000001")
        self.place(user_id, symbol, amount=ten_thousandths * unit)

    def place(
        self, user_id: int, symbol: str, amount: int | None = None, spend: int | None = None
    ) -> None:
        before = self.simulation.ledger()
        try:
            order = self.simulation.place(user_id, symbol, amount=amount, spend=spend)
        except DomainError:
            assert self.simulation.ledger() == before
        else:
            self.placed.append(order)

    @precondition(lambda self: self.placed)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.placed))
        waits = self.simulation.order(order).state is OrderState.AGGREGATED
        try:
            cancelled = self.simulation.cancel(order)
        except DomainError:
            assert not waits
        else:
            assert waits
            assert cancelled.state is OrderState.CANCELLED

    @rule(symbol=SYMBOLS, percent=st.sampled_from([60, 97, 99, 100, 101, 102, 103, 140]))
    def move_price(self, symbol: str, percent: int) -> None:
        listed = next(asset for asset in ASSETS if asset.symbol == symbol)
        self.simulation.set_price(symbol, (listed.price or 0) * percent // 100)

    @rule(outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4))
    def script(self, outcomes: list[str | RejectionKind]) -> None:
        self.venue.script.extend(outcomes)

    @rule(seconds=st.sampled_from([1, 60, 3_599, 8 * 3_600, 24 * 3_600]), priced=st.booleans())
    def pass_time(self, seconds: int, *, priced: bool) -> None:
        self.simulation.advance(seconds * SECOND_US)
        if priced:
            self.move_price("BTC", 100)
            self.move_price("ABAN", 100)

    @rule()
    def run(self) -> None:
        self.simulation.run()

        if self.policy.on_deadline is OnDeadline.WAIT:
            return
        for order in self.simulation.open_orders():
            waited = self.simulation.at_us - order.created_at_us
            assert waited <= self.policy.max_wait_us + 60 * SECOND_US or order.batch is not None
            assert waited < self.policy.max_wait_us or order.batch is not None

    @invariant()
    def every_currency_sums_to_zero(self) -> None:
        sums: Counter[str] = Counter()
        for account, amount in self.accounts().items():
            sums[account.rpartition(":")[2]] += amount
        assert not any(sums.values())

    @invariant()
    def balances_are_what_the_ledger_says_and_never_negative(self) -> None:
        accounts, state = self.accounts(), self.simulation.state
        for wallet in state.wallets.values():
            assert wallet.balance == accounts[f"user:{wallet.user_id}:USD"] >= 0
            assert wallet.balance % CENT == 0
        for (user_id, symbol), (quantity, _) in state.holdings.items():
            assert quantity == accounts[f"user:{user_id}:{symbol}"] >= 0
        for symbol, row in state.inventory.items():
            assert row.quantity == accounts[f"house:inventory:{symbol}"]
            assert 0 <= row.reserved <= row.quantity
            live = [b for b in state.batches.values() if b.asset == symbol and b.live]
            assert row.reserved == sum(batch.used for batch in live)
            assert row.expected == sum(batch.surplus for batch in live)

    @invariant()
    def suspense_is_what_open_orders_cost(self) -> None:
        accounts = self.accounts()
        owed: Counter[int] = Counter()
        for order in self.orders():
            owed[order.user_id] += order.total if order.state in OPEN else 0
        for user_id in self.brought:
            assert accounts[f"suspense:{user_id}:USD"] == owed[user_id]

    @invariant()
    def what_users_brought_they_have_or_paid(self) -> None:
        paid: Counter[int] = Counter()
        cost: Counter[tuple[int, str]] = Counter()
        for order in self.orders():
            assert 0 <= order.charged <= order.total
            paid[order.user_id] += order.charged + (order.total if order.state in OPEN else 0)
            cost[order.user_id, order.asset] += order.charged
        for user_id, brought in self.brought.items():
            assert brought == self.simulation.state.wallets[user_id].balance + paid[user_id]
        for key, (_, kept) in self.simulation.state.holdings.items():
            assert kept == cost[key]

    @invariant()
    def nothing_stays_in_clearing(self) -> None:
        for account, amount in self.accounts().items():
            assert not account.startswith("clearing:") or amount == 0

    @invariant()
    def what_was_bought_was_delivered_or_is_in_the_inventory(self) -> None:
        accounts = self.accounts()
        delivered: Counter[str] = Counter()
        for order in self.orders():
            assert order.filled >= 0
            assert order.filled <= order.quantity or order.pricing is Pricing.AVERAGE
            delivered[order.asset] += order.filled
        for symbol, row in self.simulation.state.inventory.items():
            assert self.venue.bought[symbol] == delivered[symbol] + row.quantity
            assert accounts[f"venue:{symbol}"] == -self.venue.bought[symbol]
        assert accounts["venue:USD"] == self.venue.paid

    @invariant()
    def orders_only_move_forward(self) -> None:
        for order in self.orders():
            before = self.last_seen.get(order.id, order)
            if before.state not in OPEN:
                assert order == before
            if order.direct:
                assert order.state is not OrderState.AGGREGATED
            if order.state is OrderState.AGGREGATED:
                assert order.batch is None
            if order.state not in OPEN:
                assert order.refunded == order.total - order.charged
                assert (order.state is OrderState.FAILED) == (order.reason is not None)
                whole = order.filled == order.quantity
                if order.pricing is Pricing.QUOTED:
                    assert (order.state is OrderState.COMPLETED) == whole
            assert order.version >= before.version
            self.last_seen[order.id] = order

    @invariant()
    def what_was_delivered_is_what_a_receipt_computes_again(self) -> None:
        for order in self.orders():
            statement = self.simulation.state.statements.get(order.batch or "")
            if statement is not None and (order.filled or order.reason is Reason.UNFILLED):
                assert list(list_faults(make_receipt(order, statement))) == []

    @rule(symbol=SYMBOLS, pricing=st.sampled_from(Pricing))
    def change_the_pricing(self, symbol: str, pricing: Pricing) -> None:
        others = tuple(row for row in self.policy.asset_pricing if row[0] != symbol)
        self.policy = msgspec.structs.replace(
            self.policy, asset_pricing=(*others, (symbol, pricing))
        )
        self.simulation.policy = self.policy

    @invariant()
    def open_orders_in_a_batch_are_in_a_sealed_one(self) -> None:
        state = self.simulation.state
        for order in self.orders():
            if order.state in OPEN and order.batch is not None:
                assert state.batches[order.batch].state is BatchState.SEALED

    def orders(self) -> list[Order]:
        return [self.simulation.order(order) for order in self.placed]

    def accounts(self) -> dict[str, int]:
        """Sum the ledger by hand."""
        sums: dict[str, int] = defaultdict(int)
        for transfer in self.simulation.state.transfers:
            assert transfer.amount > 0
            sums[transfer.debit.name] -= transfer.amount
            sums[transfer.credit.name] += transfer.amount
        return sums

    @override
    def teardown(self) -> None:
        """Whatever happened, everything ends if the exchange sells and time passes."""
        if not hasattr(self, "simulation"):
            return
        self.venue.script.clear()
        for _ in range(4):
            self.pass_time(24 * 3_600, priced=True)
            self.simulation.run()
        if self.policy.on_deadline is not OnDeadline.WAIT:
            assert self.simulation.open_orders() == []


TestBroker = Broker.TestCase
TestBroker.settings = settings(max_examples=25, stateful_step_count=40)
