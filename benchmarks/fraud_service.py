"""The service's decisions on what simulated people ask for, for `fraud.py`.

Rules, activity, signals and learned score are the service's own; the worker looks every 15 minutes instead
of every minute. Nobody gives a code of a second factor, so a challenge stops a command as a hold does.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

import msgspec
from fraud_traffic import DOLLAR, MINUTE, Command, Person

from crypto_exchange.adapters.fraud import HalfSpaceScorer
from crypto_exchange.domain.activity import (
    NO_ACTIVITY,
    Activity,
    Signals,
    after_cancel,
    after_deposit,
    after_order,
    after_withdrawal,
)
from crypto_exchange.domain.money import BPS
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.risk import Assessment, Case, Verdict, assess_order, assess_withdrawal
from crypto_exchange.domain.risk_policy import RiskPolicy
from crypto_exchange.domain.signals import (
    PLACED_US,
    SEEN_US,
    Observation,
    Place,
    features,
    find_signals,
    is_new,
    with_score,
)

START_US = 1_767_571_200 * 1_000_000
LOOK = 15 * MINUTE
RULES, POLICY = RiskPolicy(), Policy()


class Account:
    """What is known of one person, and what was decided."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.activity: Activity = msgspec.structs.replace(
            NO_ACTIVITY, registered_at_us=START_US + person.registered
        )
        self.signals = Signals()
        self.balance = 0
        self.seen = -SEEN_US
        self.small: deque[int] = deque()
        self.moved = False

    def count_small(self, at: int) -> int:
        """Small orders of the last hour."""
        while self.small and self.small[0] <= at - PLACED_US:
            self.small.popleft()
        return len(self.small)


class Decision(msgspec.Struct, frozen=True):
    """A decision on what a person asked for, and how long it took (ns)."""

    command: Command
    assessment: Assessment
    took_ns: int


class Service:
    """The service's decisions over all accounts, with a worker that looks now and then."""

    def __init__(self, people: Iterable[Person], scorer: HalfSpaceScorer | None) -> None:
        self.accounts = {person.id: Account(person) for person in people}
        self._here: dict[str, list[Account]] = defaultdict(list)
        for account in self.accounts.values():
            self._here[account.person.address].append(account)
        self._scorer, self._body = scorer, ""
        self._next_look = LOOK

    def run(self, commands: Iterable[Command]) -> Iterator[Decision]:
        """Decide on every order and withdrawal, in order."""
        for command in commands:
            while command.at >= self._next_look:
                self._look(self._next_look)
                self._next_look += LOOK
            account = self.accounts[command.person]
            account.seen = max(account.seen, command.at)
            if command.kind == "deposit":
                account.balance += command.amount
                account.moved = True
                account.activity = after_deposit(
                    account.activity, command.amount, at_us=START_US + command.at
                )
                continue
            amount = min(command.amount, account.balance // (DOLLAR // 100) * (DOLLAR // 100))
            if amount:
                yield self._decide(account, command._replace(amount=amount))

    def _decide(self, account: Account, command: Command) -> Decision:
        """As `screening.py` does; what is denied, or a withdrawal that is held, has not happened."""
        at_us, before, amount = START_US + command.at, account.activity, command.amount
        placed = command.kind == "order"
        started = time.perf_counter_ns()
        small = placed and amount < POLICY.threshold
        if placed:
            under = small and amount * BPS >= POLICY.threshold * (BPS - RULES.under_bps)
            after = after_order(before, amount, under=under, waits=small, at_us=at_us)
        else:
            after = after_withdrawal(before, amount, at_us=at_us)
        case = Case(
            amount=amount,
            before=before,
            after=after,
            signals=account.signals,
            at_us=at_us,
            small=small,
            step_up=POLICY.step_up_withdrawal,
        )
        assessment = (assess_order if placed else assess_withdrawal)(case, RULES)
        took_ns = time.perf_counter_ns() - started
        stopped = stops(assessment)
        if not stopped or (placed and assessment.verdict is not Verdict.DENY):
            # What is held is no trade yet.
            account.activity = after_cancel(after, amount) if stopped else after
            account.balance -= amount
            account.moved = True
            if small:
                account.small.append(command.at)
        return Decision(command, assessment, took_ns)

    def _look(self, at: int) -> None:
        """One run of the worker."""
        for accounts in self._here.values():
            here = [account for account in accounts if account.seen > at - SEEN_US]
            if len(here) > 1:
                self._link(here, at)
        if self._scorer is not None:
            self._score(self._scorer, at)

    def _link(self, here: list[Account], at: int) -> None:
        at_us = START_US + at
        placed = {account.person.id: account.count_small(at) for account in here}
        devices: dict[str, list[Account]] = defaultdict(list)
        for account in here:
            devices[account.person.device].append(account)
        for alike in devices.values():
            fresh = [account for account in alike if is_new(account.activity, at_us)]
            place = Place(
                accounts=len(here),
                orders=sum(placed.values()),
                alike=len(alike),
                fresh=len(fresh),
                fresh_orders=sum(placed[account.person.id] for account in fresh),
            )
            for account in alike:
                seen = Observation(
                    user_id=account.person.id,
                    orders=placed[account.person.id],
                    places=(place,),
                    activity=account.activity,
                    known=account.signals,
                )
                account.signals = find_signals(seen, model=account.signals.model, at_us=at_us)

    def _score(self, scorer: HalfSpaceScorer, at: int) -> None:
        moved = [account for account in self.accounts.values() if account.moved]
        at_us = START_US + at
        cases = [features(account.activity, account.signals, at_us=at_us) for account in moved]
        scores, self._body = asyncio.run(scorer.score(self._body, cases))
        for account, score in zip(moved, scores, strict=True):
            account.moved = False
            account.signals = with_score(account.signals, score, scorer.version)


def stops(assessment: Assessment) -> bool:
    """Whether a command does not go through at once."""
    return assessment.verdict is not Verdict.ALLOW


def is_strict(assessment: Assessment) -> bool:
    """Whether no code of a second factor would help."""
    return assessment.verdict in {Verdict.HOLD, Verdict.DENY}
