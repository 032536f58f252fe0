"""Replay: a service's exported history through the decisions of the domain, and the ledger it ends with.

Nothing of the outside is asked again: prices, moments, rules and the exchange's answers are those that
the log tells. What the domain decides on them has to be what the log says was decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any, get_args

import msgspec

from crypto_exchange.domain import events
from crypto_exchange.domain.account_events import AccountEvent, UserRegistered
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import DomainError, InvariantViolation, PortError
from crypto_exchange.domain.ledger import USD
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE, USD_SCALE, format_units
from crypto_exchange.domain.order import Reason
from crypto_exchange.domain.state import State
from crypto_exchange.entrypoints.backtest.parity import replay_people as people
from crypto_exchange.entrypoints.backtest.parity import replay_purchases as purchases
from crypto_exchange.entrypoints.backtest.parity import replay_reviews as reviews
from crypto_exchange.entrypoints.backtest.parity.replay_people import Decision, Decisions
from crypto_exchange.entrypoints.backtest.parity.replay_records import (
    Coming,
    Commit,
    Record,
    read_commits,
    read_header,
    read_history,
    with_next,
)
from crypto_exchange.entrypoints.backtest.parity.replica import Replica
from crypto_exchange.entrypoints.backtest.result import ledger_hash

_REFUSALS = (DomainError, PortError, InvariantViolation, KeyError, ValueError)
_OF_ONE: Mapping[type, Callable[[Replica, Any], Decisions]] = {
    **dict.fromkeys(get_args(AccountEvent), people.told_of_access),
    UserRegistered: people.registered,
    events.Deposited: people.deposited,
    events.Withdrawn: people.withdrawn,
    events.BalanceAdjusted: people.adjusted,
    events.OrderReleased: reviews.released,
    events.OrderCancelled: people.cancelled,
    events.AssetHaltChanged: people.halt_changed,
    events.BreakClosed: people.break_closed,
    events.BatchSettled: purchases.answered,
    events.PurchaseRejected: purchases.answered,
    events.PurchaseNotPlaced: purchases.answered,
    events.PurchaseLost: purchases.lost,
    events.PurchaseQuarantined: purchases.quarantined,
    events.LateFillBought: purchases.bought_late,
}
_OF_COMMIT: Mapping[type, Callable[[Replica, Any, Commit], Decisions]] = {
    events.HouseFunded: people.funded,
    events.BreakOpened: people.break_opened,
    events.QuarantineResolved: purchases.resolved,
}


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """Where a history and the decisions part: `expected` is what was decided, `found` what is told."""

    record: int
    event: str
    expected: str
    found: str

    @property
    def sentence(self) -> str:
        """All of it in words."""
        return f"record {self.record}, {self.event}: expected {self.expected}, was {self.found}"


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A history that was followed to its end, or to where the decisions disagree with it.

    `ledger` has every account that ever moved, as `crypto-exchange ledger` lists them, and
    `ledger_hash` is the SHA-256 of its sorted lines `account,balance`. `commits` were followed.
    """

    commits: int
    events: int
    ledger: dict[str, Decimal]
    ledger_hash: str
    disagreement: Disagreement | None = None


def replay(history: str | Path | Iterable[Record]) -> Replay:
    """Follow a history: a file as `export-history` writes it, or its records.

    Raises:
        HistoryError: a record is not one of an export.
        OSError: the file cannot be read.
    """
    records = iter(read_history(history) if isinstance(history, str | Path) else history)
    replica = Replica(read_header(records))
    commits, told, disagreement = 0, 0, None
    for commit, coming in with_next(read_commits(records)):
        disagreement = _follow(replica, commit, coming)
        if disagreement is not None:
            break
        commits, told = commits + 1, told + len(commit.events)
    ledger = ledger_text(replica.state)
    return Replay(
        commits=commits,
        events=told,
        ledger={account: Decimal(balance) for account, balance in ledger.items()},
        ledger_hash=ledger_hash(ledger),
        disagreement=disagreement,
    )


def ledger_text(state: State) -> dict[str, str]:
    """Balances as plain decimals with all digits of their currency, by account, sorted."""
    scales = {asset.symbol: asset.scale for asset in state.assets.values()} | {USD: USD_SCALE}
    return {
        account: format_units(balance, scales.get(currency, DEFAULT_ASSET_SCALE))
        for account, balance in sorted(state.ledger().items())
        for currency in (account.rpartition(":")[2],)
    }


def _follow(replica: Replica, commit: Commit, coming: Coming) -> Disagreement | None:
    """Decide a commit once more and write it; or say how no way of deciding it gives what is told."""
    first: Disagreement | None = None
    try:
        for decision in _decisions(replica, commit, coming):
            disagreement = _try(replica, commit, decision)
            if disagreement is None:
                return None
            first = first or disagreement
    except _REFUSALS as error:
        return first or _refused(commit, error)
    return first or _disagree(commit, 0, "a decision that can be made once more", "none")


def _decisions(replica: Replica, commit: Commit, coming: Coming) -> Decisions:
    """The ways in which a commit may have been decided, from what its first event is."""
    told = commit.events[0]
    if isinstance(told, events.OrderPlaced):
        return people.placed(replica, told, coming)
    if isinstance(told, events.OrdersFailed) and told.reason == Reason.REFUSED.value:
        return reviews.refused(replica, told)
    if isinstance(told, purchases.Work):
        return purchases.worked(replica, told, commit, coming)
    if type(told) in _OF_ONE:
        return _OF_ONE[type(told)](replica, told)
    return _OF_COMMIT[type(told)](replica, told, commit)


def _try(replica: Replica, commit: Commit, decision: Decision) -> Disagreement | None:
    """Write a decision if it is what was told."""
    try:
        change = decision() or Change()
        disagreement = _compare(commit, change.events)
        if disagreement is None:
            replica.apply(change)
    except _REFUSALS as error:
        return _refused(commit, error)
    return disagreement


def _compare(commit: Commit, decided: tuple[events.AnyEvent, ...]) -> Disagreement | None:
    """The first event of a commit that was decided differently."""
    for place, (ours, theirs) in enumerate(zip_longest(decided, commit.events)):
        if ours == theirs:
            continue
        if type(ours) is not type(theirs):
            names = ["nothing" if e is None else type(e).__name__ for e in (ours, theirs)]
            return _disagree(commit, place, *names)
        for name in theirs.__struct_fields__:
            expected, found = (_unordered(getattr(each, name)) for each in (ours, theirs))
            if expected != found:
                return _disagree(commit, place, f"{name} {expected}", f"{found}")
    return None


def _unordered(value: object) -> object:
    """In which order a store lists the members of a batch means nothing."""
    return sorted(value, key=repr) if isinstance(value, tuple) else value


def _refused(commit: Commit, error: Exception) -> Disagreement:
    return _disagree(commit, 0, f"a refusal ({error})", "told as done")


def _disagree(commit: Commit, place: int, expected: str, found: str) -> Disagreement:
    """At an event of a commit; at its last for one that is missing."""
    place = min(place, len(commit.events) - 1)
    return Disagreement(
        record=commit.records[place],
        event=type(commit.events[place]).__name__,
        expected=expected,
        found=found,
    )
