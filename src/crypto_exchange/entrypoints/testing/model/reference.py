"""The reference model: what the rules say that a broker's books should be, from what happened.

It is written from the rules alone and shares no code with the domain: what both get wrong in the same
way, two people would have had to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

import msgspec

from crypto_exchange.entrypoints.testing.model import (
    attempts,
    checks,
    ending,
    leaving,
    people,
    sealing,
    settling,
)
from crypto_exchange.entrypoints.testing.model.books import Books, Fields, Findings
from crypto_exchange.entrypoints.testing.model.ending import spare_fills
from crypto_exchange.entrypoints.testing.model.market import SECOND_US, House
from crypto_exchange.entrypoints.testing.model.quoting import quote
from crypto_exchange.entrypoints.testing.model.rows import (
    ModelBatch,
    ModelInventory,
    ModelOrder,
)
from crypto_exchange.entrypoints.testing.violations import Violation

_HANDLERS: dict[str, Callable[[Books, Fields], Findings]] = {
    "UserRegistered": people.registered,
    "SessionReuseDetected": people.told_of_access,
    "PasswordChanged": people.told_of_access,
    "SecondFactorEnrolled": people.told_of_access,
    "SecondFactorDisabled": people.told_of_access,
    "SecondFactorLocked": people.told_of_access,
    "RecoveryCodeUsed": people.told_of_access,
    "Deposited": people.deposited,
    "Withdrawn": people.withdrawn,
    "BalanceAdjusted": people.adjusted,
    "OrderPlaced": people.placed,
    "OrderReleased": people.released,
    "OrderCancelled": people.cancelled,
    "OrdersFailed": leaving.failed,
    "PurchaseIntended": sealing.intended,
    "OrdersReturned": attempts.orders_returned,
    "PurchaseLost": attempts.lost,
    "PurchaseQuarantined": attempts.quarantined,
    "QuarantineResolved": attempts.resolved,
    "LateFillBought": settling.bought_late,
    "BreakOpened": leaving.break_opened,
    "BreakClosed": leaving.break_closed,
    "PurchaseRejected": attempts.rejected,
    "PurchaseNotPlaced": attempts.not_placed,
    "BatchSettled": settling.settled,
    "BatchReturned": attempts.batch_returned,
    "BatchRefunded": attempts.batch_refunded,
    "AssetHaltChanged": leaving.halt_changed,
    "HouseFunded": leaving.funded,
}


class HistoryError(ValueError):
    """A record is not one of a history."""


class ReferenceModel:
    """The books as they should be. Feed it the records of a history from the very beginning.

    `signs` is to be False while no process knows the exchange's clock: then nothing can be sealed,
    and what is overdue is refunded. `alone` is to be True while nobody races: then what is told next
    was decided with everything in view that was told before, and more can be checked.
    """

    def __init__(
        self,
        policy: Mapping[str, Any] | None = None,
        assets: Iterable[Mapping[str, Any]] = (),
        *,
        clock_leeway_us: int = 5 * SECOND_US,
    ) -> None:
        """`policy` and `assets` as in a history's header; without a policy, what it decides is not
        checked. An order placed `clock_leeway_us` before a decision must have been seen by it.
        """
        house = None if policy is None else msgspec.convert(policy, House)
        self._books = Books(house, assets, clock_leeway_us)

    @property
    def record(self) -> int:
        """How many records were fed."""
        return self._books.record

    @property
    def signs(self) -> bool:
        """Whether the exchange's clock is known."""
        return self._books.signs

    @signs.setter
    def signs(self, known: bool) -> None:
        self._books.signs = known

    @property
    def alone(self) -> bool:
        """Whether nobody races."""
        return self._books.alone

    @alone.setter
    def alone(self, alone: bool) -> None:
        self._books.alone = alone

    @property
    def wallets(self) -> Mapping[int, int]:
        """Balances in 10⁻⁸ dollars by user."""
        return self._books.wallets

    @property
    def holdings(self) -> Mapping[tuple[int, str], tuple[int, int]]:
        """(quantity, cost) by user and asset."""
        return self._books.holdings

    @property
    def orders(self) -> Mapping[int, ModelOrder]:
        """Orders by id."""
        return self._books.orders

    @property
    def inventory(self) -> Mapping[str, ModelInventory]:
        """The house's coins by asset."""
        return self._books.inventory

    @property
    def batches(self) -> Mapping[str, ModelBatch]:
        """Batches by key; `members` are the open ones."""
        return self._books.batches

    @property
    def breaks(self) -> Set[tuple[str, str]]:
        """(kind, subject) of the open ones."""
        return self._books.breaks

    def price(self, symbol: str) -> int | None:
        """The price that is kept of an asset, if any is; 10⁻¹² dollars."""
        kept = self._books.asset(symbol).prices.now
        return None if kept is None else kept.price

    def halted(self, symbol: str) -> bool:
        """Whether an operator, or a quarantine, has halted an asset."""
        return self._books.asset(symbol).halted

    def waiting(self, symbol: str) -> Sequence[ModelOrder]:
        """The small orders of an asset that wait, oldest first."""
        return self._books.waiting(symbol)

    def accounts(self) -> dict[str, int]:
        """Balances by the names that the ledger prints, those of 0 left out."""
        return {name: amount for name, amount in self._books.accounts.items() if amount}

    def feed(self, record: Mapping[str, Any]) -> list[Violation]:
        """Take in one record; returns what is wrong with it.

        Raises:
            HistoryError: it is not a record of a history.
        """
        self._books.record += 1
        try:
            found = list(self._take(record))
        except HistoryError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            kind = record.get("event", record.get("record"))
            was = f"without {error}" if isinstance(error, KeyError) else f"with: {error}"
            raise HistoryError(
                f"expected all fields of {kind!r} as they are told, was {was}"
            ) from error
        return [Violation(check, said, self._books.record) for check, said in found]

    def quote(
        self,
        symbol: str,
        *,
        amount: int | None = None,
        spend: int | None = None,
        at_us: int,
        balance: int,
    ) -> ModelOrder | str:
        """What placing must give: the order (without ids), or the refusal's code.

        `amount` in 10⁻⁸ coins or `spend` in 10⁻⁸ dollars.
        """
        return quote(self._books, symbol, amount, spend, at_us=at_us, balance=balance)

    def must_seal(self, symbol: str, at_us: int) -> bool:
        """Whether a worker looking at an asset now must seal, fail or refund something.

        Needs a policy, and price and rule records up to now.
        """
        return leaving.must_seal(self._books, symbol, at_us)

    def finish(self, at_us: int | None = None, *, drained: bool = False) -> list[Violation]:
        """What is wrong at the end. `drained`: everything had the time to end, so nothing is open.

        `at_us` tells how late it is: nobody may have waited too long by then.
        """
        return [
            Violation(check, said)
            for check, said in ending.faults(self._books, at_us, drained=drained)
        ]

    def _take(self, record: Fields) -> Findings:
        books, kind = self._books, record["record"]
        if kind == "event":
            yield from self._take_event(record)
        elif kind == "price":
            books.recorded = True
            books.asset(record["asset"]).see_price(books.record, record["price"], record["at_us"])
        elif kind == "rule":
            books.asset(record["asset"]).see_rule(books.record, record["rule"])
        elif kind == "fills":
            yield from spare_fills(books)
            books.fills = {name: record[name] for name in ("batch", "attempt", "fills")}
        elif kind == "header" and books.record == 1:
            self._take_header(record)
        else:
            raise HistoryError(f"expected another kind of record here, was {kind!r}")
        if kind not in {"event", "fills"}:
            books.commit = books.rejected = None

    def _take_header(self, record: Fields) -> None:
        if record["history"] != 1:
            raise HistoryError(f"expected version 1 of histories, was {record['history']}")
        policy, assets = record.get("policy"), record.get("assets") or ()
        signs, alone, leeway_us = self.signs, self.alone, self._books.leeway_us
        house = self._books.house if policy is None else msgspec.convert(policy, House)
        known = self._books.assets
        self._books = Books(house, assets, leeway_us)
        self._books.assets.update({s: a for s, a in known.items() if s not in self._books.assets})
        self._books.listed = bool(self._books.assets)
        self._books.record, self.signs, self.alone = 1, signs, alone

    def _take_event(self, event: Fields) -> Findings:
        books = self._books
        handler = _HANDLERS.get(event["event"])
        if handler is None:
            raise HistoryError(f"expected a known event, was {event['event']!r}")
        books.now_us = max(books.now_us, event["at_us"])
        yield from _pay(books, event)
        rejected, resolved, commit = books.rejected, books.resolved, books.commit
        if commit is not None and not _goes_on(event, commit.asset, commit.at_us):
            books.commit = None
        yield from handler(books, event)
        if event["event"] not in {"BatchSettled", "LateFillBought", "QuarantineResolved"}:
            yield from spare_fills(books)
        if books.rejected is rejected:
            books.rejected = None
        if books.resolved is resolved:
            books.resolved = None


def _goes_on(event: Fields, asset: str, at_us: int) -> bool:
    """Whether an event may be of the same commit as the ones before it."""
    same = event.get("asset") == asset and event["at_us"] == at_us
    return same and event["event"] in {"PurchaseIntended", "OrdersFailed"}


def _pay(books: Books, event: Fields) -> Findings:
    """The rest of a commit comes right after its beginning."""
    books.told = False
    if not books.owed:
        return
    for owed in books.owed:
        if owed.is_paid_by(event):
            books.owed.remove(owed)
            books.told = True
            return
    for owed in books.owed:
        yield checks.COMMIT, f"expected {owed.described()} in the same commit, was {event['event']}"
    books.owed.clear()
