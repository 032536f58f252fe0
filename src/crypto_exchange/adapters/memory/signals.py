"""Signals over a `State`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from crypto_exchange.domain.activity import Signals
from crypto_exchange.domain.errors import Conflict
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.ledger import USD, user_account
from crypto_exchange.domain.signals import (
    PLACED_US,
    SEEN_US,
    Observation,
    Place,
    SignalRun,
    is_new,
    say_nothing,
)
from crypto_exchange.domain.state import State


class MemorySignals:
    """Implements `SignalStore`; walks through all rows."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._run: SignalRun | None = None

    async def find_run(self) -> SignalRun | None:
        return self._run

    async def observe(
        self, *, at_us: int, moved_since_us: int, small: int
    ) -> tuple[Observation, ...]:
        state, places = self._state, self._places(at_us, small)
        orders = self._orders(at_us, small)
        moved = {
            transfer.user_id
            for transfer in state.transfers
            if transfer.at_us >= moved_since_us
            and user_account(transfer.user_id, USD) in {transfer.debit, transfer.credit}
        }
        shared = {user_id for user_id, own in places.items() if any(p.accounts > 1 for p in own)}
        told = shared | (moved & places.keys()) | state.signals.keys()
        return tuple(
            Observation(
                user_id=user_id,
                orders=orders.get(user_id, 0) if user_id in places else 0,
                places=tuple(sorted(places.get(user_id, ()), key=_in_order)),
                activity=state.wallets[user_id].activity,
                moved=user_id in moved,
                known=state.signals.get(user_id, Signals()),
            )
            for user_id in sorted(told)
        )

    async def save(
        self, found: Mapping[UserId, Signals], before: SignalRun | None, after: SignalRun
    ) -> None:
        if self._run != before:
            raise Conflict("somebody else has looked for signals")
        self._run = after
        for user_id, signals in found.items():
            if say_nothing(signals):
                self._state.signals.pop(user_id, None)
            else:
                self._state.signals[user_id] = signals

    def _places(self, at_us: int, small: int) -> dict[UserId, list[Place]]:
        here: dict[str, set[UserId]] = defaultdict(set)
        alike: dict[tuple[str, str], set[UserId]] = defaultdict(set)
        for session in self._state.sessions.values():
            if session.address and session.used_at_us > at_us - SEEN_US:
                here[session.address].add(session.user_id)
                alike[session.address, session.device].add(session.user_id)
        orders, wallets = self._orders(at_us, small), self._state.wallets
        places: dict[UserId, list[Place]] = defaultdict(list)
        for (address, _), same in alike.items():
            fresh = {user_id for user_id in same if is_new(wallets[user_id].activity, at_us)}
            place = Place(
                accounts=len(here[address]),
                orders=sum(orders.get(user_id, 0) for user_id in here[address]),
                alike=len(same),
                fresh=len(fresh),
                fresh_orders=sum(orders.get(user_id, 0) for user_id in fresh),
            )
            for user_id in same:
                places[user_id].append(place)
        return places

    def _orders(self, at_us: int, small: int) -> dict[UserId, int]:
        """How many small orders everybody placed within an hour."""
        counts: dict[UserId, int] = defaultdict(int)
        for order in self._state.orders.values():
            if order.created_at_us > at_us - PLACED_US and order.total < small:
                counts[order.user_id] += 1
        return counts


def _in_order(place: Place) -> tuple[int, ...]:
    return place.accounts, place.orders, place.alike, place.fresh, place.fresh_orders
