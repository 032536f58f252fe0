"""The state machine: people who use a deployment, one step after the other, as Hypothesis likes.

Only this module, `run` and `conformance` of the package import Hypothesis.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from crypto_exchange.entrypoints.override import override
from crypto_exchange.entrypoints.testing.http import commands, races, refusals, repetitions
from crypto_exchange.entrypoints.testing.http.amounts import PRICE_DIGITS, dollars
from crypto_exchange.entrypoints.testing.http.breaches import Broken, InDoubt, Stopped
from crypto_exchange.entrypoints.testing.http.deployment import Deployment
from crypto_exchange.entrypoints.testing.http.endings import await_large
from crypto_exchange.entrypoints.testing.http.ledger import Command
from crypto_exchange.entrypoints.testing.http.people import Person
from crypto_exchange.entrypoints.testing.http.rows import Currency
from crypto_exchange.entrypoints.testing.reach import sometimes

Step = TypeVar("Step", bound=Callable[..., None])

_MOST_CENTS = 6_000
"""What one order may cost: the exchange's own money is not to run out."""

WHO = st.integers(0, 1)
PLACE = st.integers(0, 7)
SUMS = st.sampled_from((1, 99, 999, 1_000, 1_001, 2_500)) | st.integers(1, _MOST_CENTS)
AIMS = st.sampled_from(("threshold", "threshold", "balance", "missing", "some"))
PLUS = st.sampled_from((-1, 0, 0, 1))
KEYED = st.sampled_from((True, True, True, False))


def step(function: Step) -> Step:
    """A step of a story: taken while there is time; ends nothing if nobody knows what became of it."""

    @wraps(function)
    def taken(machine: HttpMachine, **drawn: object) -> None:
        machine.deployment.require_time()
        try:
            function(machine, **drawn)
        except InDoubt as doubt:
            machine.deployment.tell(f"no answer to {doubt}: nobody knows whether it was done")
            machine.renew()
        except Broken as broken:
            machine.broken = True
            machine.deployment.note(broken)
            raise

    return taken  # type: ignore[return-value]  # it takes and returns the same


class HttpMachine(RuleBasedStateMachine):
    """Two people at a deployment, who share nothing but its batches."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__()
        self.deployment = deployment
        self.broken = False
        self.people: list[Person] = []
        deployment.story = []

    @initialize(first=SUMS, second=SUMS)
    @step
    def arrive(self, first: int, second: int) -> None:
        """Two people come, with so much money at least."""
        self.renew()
        for person, cents in zip(self.people, (first, second), strict=True):
            if person.ledger.least < cents:
                self._move(person, "deposit", cents - person.ledger.least, keyed=True)

    def renew(self) -> None:
        """Go on with two people whose money is known."""
        self.people = list(self.deployment.crowd.pick(2))
        for person in self.people:
            if orders := len(person.ledger.orders):
                with_what = f"{dollars(person.ledger.least)} and {orders} orders"
                self.deployment.tell(f"{person.name}: comes again, with {with_what}")

    @rule(who=WHO, cents=SUMS, keyed=KEYED)
    @step
    def deposit(self, who: int, cents: int, keyed: bool) -> None:
        """Dollars come in."""
        self._move(self.people[who], "deposit", cents, keyed)

    @rule(who=WHO, aim=st.sampled_from(("balance", "some")), plus=PLUS, cents=SUMS, keyed=KEYED)
    @step
    def withdraw(self, who: int, aim: str, plus: int, cents: int, keyed: bool) -> None:
        """Dollars go out: all, a cent more, or some."""
        person = self.people[who]
        wanted = person.ledger.least + plus if aim == "balance" else cents
        self._move(person, "withdraw", wanted, keyed)

    @rule(who=WHO, coin=PLACE, aim=AIMS, plus=PLUS, cents=SUMS, keyed=KEYED)
    @step
    def spend(self, who: int, coin: int, aim: str, plus: int, cents: int, keyed: bool) -> None:
        """An order for dollars."""
        person, currency = self.people[who], self._currency(coin)
        wanted = self._aim(person, currency, aim, cents) + plus
        key = person.new_key() if keyed else None
        self._buy(person, commands.for_dollars(currency, max(1, wanted), key), currency)

    @rule(who=WHO, coin=PLACE, aim=AIMS, plus=st.integers(-1, 1), cents=SUMS, keyed=KEYED)
    @step
    def order(self, who: int, coin: int, aim: str, plus: int, cents: int, keyed: bool) -> None:
        """An order for coins, worth about as many dollars."""
        person, currency = self.people[who], self._currency(coin)
        digits = self.deployment.options.digits_of(currency.name)
        worth = self._aim(person, currency, aim, cents)
        units = worth * 10 ** (digits + PRICE_DIGITS - 2) // currency.price + plus
        key = person.new_key() if keyed else None
        command = commands.for_coins(currency, max(1, units), min(digits, 8), key)
        self._buy(person, command, currency)

    @rule(who=WHO, place=PLACE)
    @step
    def cancel(self, who: int, place: int) -> None:
        """One of the newest orders is taken back: one that waits if there is any, or whichever."""
        person = self.people[who]
        orders = list(person.ledger.orders.values())[-8:]
        waiting = [order for order in orders if order.state == "aggregated"]
        orders = waiting if waiting and place % 2 == 0 else orders
        if orders:
            commands.cancel(self.deployment, person, orders[place % len(orders)])

    @rule(who=WHO, place=PLACE, spelling=st.sampled_from(repetitions.SPELLINGS))
    @step
    def repeat(self, who: int, place: int, spelling: str) -> None:
        """A command is sent again with its key."""
        if done := self._done(who, place):
            repetitions.repeat(self.deployment, self.people[who], done, spelling)

    @rule(who=WHO, place=PLACE)
    @step
    def change(self, who: int, place: int) -> None:
        """A key is used for another command."""
        if done := self._done(who, place):
            repetitions.change(self.deployment, self.people[who], done)

    @rule(who=WHO)
    @step
    def use_elsewhere(self, who: int) -> None:
        """The key of an order is used by others, and for something else."""
        person, other = self.people[who], self.people[1 - who]
        keys = [c.key for c in person.ledger.commands if c.operation == "orders"]
        if keys and keys[-1] is not None:
            repetitions.use_elsewhere(self.deployment, person, other, keys[-1])

    @rule(who=WHO)
    @step
    def retry_refused(self, who: int) -> None:
        """The key of a refused command is used again."""
        repetitions.retry_refused(self.deployment, self.people[who])

    @rule(who=WHO, coin=PLACE, cents=SUMS)
    @step
    def race_with_a_key(self, who: int, coin: int, cents: int) -> None:
        """An order is sent several times at once."""
        person, currency = self.people[who], self._currency(coin)
        wanted = max(1, min(cents, person.ledger.least))
        command = commands.for_dollars(currency, wanted, person.new_key())
        races.same_command(self.deployment, person, command, currency)

    @rule(who=WHO, coin=PLACE)
    @step
    def race_for_dollars(self, who: int, coin: int) -> None:
        """All that the wallet holds is spent several times at once."""
        person, currency = self.people[who], self._currency(coin)
        cents = person.ledger.least
        if 1 <= cents <= _MOST_CENTS:
            wanted = [
                commands.for_dollars(currency, cents, person.new_key()),
                commands.for_dollars(currency, cents, person.new_key()),
                commands.movement("withdraw", cents, person.new_key()),
            ]
            races.same_dollars(self.deployment, person, wanted, currency)

    @rule(who=WHO, place=PLACE)
    @step
    def race_to_cancel(self, who: int, place: int) -> None:
        """A waiting order is taken back several times at once."""
        person = self.people[who]
        waiting = [o for o in person.ledger.orders.values() if o.state == "aggregated"]
        if waiting:
            races.same_cancellation(self.deployment, person, waiting[place % len(waiting)])

    @rule(who=WHO, coin=PLACE, bad=st.sampled_from(refusals.BAD))
    @step
    def refuse(self, who: int, coin: int, bad: refusals.Bad) -> None:
        """Somebody asks for what cannot be."""
        crypto = self._currency(coin).name
        refusals.refuse(self.deployment, self.people[who], crypto, bad)

    @rule(who=WHO, place=PLACE)
    @step
    def pry(self, who: int, place: int) -> None:
        """Somebody asks for what is another's."""
        owner, stranger = self.people[who], self.people[1 - who]
        orders = list(owner.ledger.orders)[-8:]
        if orders:
            order_id = orders[place % len(orders)]
            refusals.pry(self.deployment, owner, stranger, order_id)

    @rule(who=WHO)
    @step
    def knock(self, who: int) -> None:
        """Somebody asks without a token."""
        refusals.knock(self.deployment, self.people[who])

    @rule(who=WHO, limit=st.sampled_from((1, 2, 3, 200)))
    @step
    def look(self, who: int, limit: int) -> None:
        """Somebody reads everything."""
        self.deployment.tell(f"{self.people[who].name}: reads everything by pages of {limit}")
        self.people[who].look(limit)

    @rule(who=WHO)
    @step
    def wait(self, who: int) -> None:
        """Somebody waits for large orders, and verifies receipts."""
        self.deployment.tell(f"{self.people[who].name}: waits for large orders")
        await_large(self.deployment, [self.people[who]])

    @override
    def teardown(self) -> None:
        """At the end of a story everybody looks, unless it ended badly."""
        if not self.broken and self.people:
            self.look_at_the_end()

    @step
    def look_at_the_end(self) -> None:
        """Everybody whose money is known looks."""
        self.deployment.tell("everybody reads everything")
        for person in self.people:
            if not person.doubtful:
                person.look()

    def _currency(self, place: int) -> Currency:
        currencies = self.deployment.list_currencies()
        if not currencies:
            raise Stopped("expected a crypto-currency that can be bought, was none")
        return currencies[place % len(currencies)]

    def _done(self, who: int, place: int) -> Command | None:
        done = self.people[who].ledger.commands[-8:]
        return done[place % len(done)] if done else None

    def _move(self, person: Person, operation: str, cents: int, keyed: bool) -> None:
        key = person.new_key() if keyed else None
        command = commands.movement(operation, max(1, cents), key)
        commands.move(self.deployment, person, command)

    def _buy(self, person: Person, command: Command, currency: Currency) -> None:
        before = person.ledger.least
        order = commands.buy(self.deployment, person, command, currency)
        spent = order is not None and order.total == before
        sometimes("a balance spent to the cent", happened=spent)

    def _aim(self, person: Person, currency: Currency, aim: str, cents: int) -> int:
        """What an amount of cents aims at."""
        threshold = self.deployment.options.threshold
        wanted = {
            "threshold": threshold,
            "balance": person.ledger.least,
            "missing": threshold - person.ledger.waiting(currency.name) % threshold,
            "some": cents,
        }[aim]
        return min(wanted, _MOST_CENTS)
