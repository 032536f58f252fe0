"""The contracts of what finds signals: the store that a worker looks into, and the model that it asks."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from crypto_exchange.domain.activity import Signals
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Conflict
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.signal_store import Scorer, SignalStore
from crypto_exchange.domain.signals import (
    NEW_US,
    PLACED_US,
    SEEN_US,
    WORST,
    Observation,
    Place,
    SignalRun,
)
from crypto_exchange.domain.user import Session
from crypto_exchange.entrypoints.testing.adapters import Adapters
from crypto_exchange.entrypoints.testing.contracts.checks import Suite, given, since
from crypto_exchange.entrypoints.testing.contracts.scene import DAY_US, Scene, StoreSuite

SMALL = 10 * DOLLAR
FOUND = Signals(
    at_us=5,
    on_address=4,
    on_device=3,
    linked=2,
    linked_orders=9,
    score=9_900,
    model="hst1",
    top=("orders_in_hour", "linked_orders"),
)


class SignalStoreTests(StoreSuite):
    """Everybody's sessions and orders, counted; and what was found about each."""

    def make_signals(self, adapters: Adapters) -> SignalStore | Awaitable[SignalStore]:
        """The store over the same rows as the adapters."""
        raise NotImplementedError

    @since("2")
    async def test_accounts_of_an_address_are_counted_with_their_small_orders(self) -> None:
        scene, store = await self._scene()
        users = [await scene.register(dollars=50) for _ in range(4)]
        for user_id, device in zip(users, ("a", "a", "b", "b"), strict=True):
            await came(scene, user_id, device=device)
        await came(scene, users[3], address="192.0.2.9", device="b")
        for user_id, cents in ((users[0], 999), (users[0], 1_000), (users[1], 1), (users[2], 5)):
            await scene.place(user_id, cents)

        seen = await observe(scene, store)

        assert list(seen) == users
        assert [each.orders for each in seen.values()] == [1, 1, 1, 0]
        ours, theirs = Place(4, 3, 2, 2, 2), Place(4, 3, 2, 2, 1)
        assert [seen[user_id].places for user_id in users[:3]] == [(ours,), (ours,), (theirs,)]
        assert seen[users[3]].places == (Place(1, 0, 1, 1, 0), theirs)

    @since("2")
    async def test_an_account_counts_once_whatever_it_comes_with(self) -> None:
        scene, store = await self._scene()
        user_id, other = await scene.register(), await scene.register()
        for device in ("a", "b", "b"):
            await came(scene, user_id, device=device)
        await came(scene, other, device="c")

        seen = await observe(scene, store)

        assert seen[user_id].places == (Place(2, 0, 1, 1, 0), Place(2, 0, 1, 1, 0))
        assert seen[other].places == (Place(2, 0, 1, 1, 0),)

    @since("2")
    async def test_what_is_long_ago_or_of_no_known_address_is_not_counted(self) -> None:
        scene, store = await self._scene()
        users = [await scene.register(dollars=9) for _ in range(3)]
        await scene.place(users[0], 500)
        for user_id in users[:2]:
            await came(scene, user_id)
            await came(scene, user_id, address="")
        await came(scene, users[2], used_at_us=scene.at_us - SEEN_US)

        seen = await observe(scene, store, after_us=PLACED_US)
        late = await observe(scene, store, after_us=SEEN_US)
        old = await observe(scene, store, after_us=NEW_US - SEEN_US)

        assert list(seen) == users[:2]
        assert seen[users[0]].places == (Place(2, 0, 2, 2, 0),)
        assert late == {}
        assert old == {}

    @since("2")
    async def test_accounts_are_new_for_a_week(self) -> None:
        scene, store = await self._scene()
        users = [await scene.register() for _ in range(2)]
        at_us = scene.at_us + NEW_US
        for user_id in users:
            await came(scene, user_id, used_at_us=at_us)

        seen = await observe(scene, store, after_us=NEW_US)

        assert [each.places for each in seen.values()] == [(Place(2, 0, 2, 0, 0),)] * 2

    @since("2")
    async def test_those_whose_wallets_have_moved_are_told_with_their_activity(self) -> None:
        scene, store = await self._scene()
        idle, moved = await scene.register(dollars=5), await scene.register()
        since_us = scene.tick()
        for user_id in (idle, moved):
            await came(scene, user_id, address=f"192.0.2.{user_id}")
        await scene.deposit(moved, 100)

        seen = await observe(scene, store, moved_since_us=since_us)

        assert list(seen) == [moved]
        assert seen[moved].moved
        assert seen[moved].activity == (await scene.wallet(moved)).activity
        assert seen[moved].known == Signals()

    @since("2")
    async def test_what_was_found_is_kept_until_there_is_nothing_to_say(self) -> None:
        scene, store = await self._scene()
        user_id = await scene.register()
        session = await came(scene, user_id)
        first, second = SignalRun(at_us=1), SignalRun(at_us=2, model="hst1", memory="{}")

        await store.save({user_id: FOUND}, None, first)
        kept, wallet = await observe(scene, store), await _wallet(scene, session)
        await store.save({user_id: Signals(at_us=9)}, first, second)

        assert kept[user_id].known == FOUND
        assert wallet == FOUND
        assert await store.find_run() == second
        assert await observe(scene, store) == {}
        assert await _wallet(scene, session) is None

    @since("2")
    async def test_of_two_runs_at_once_one_is_kept_with_what_it_found(self) -> None:
        scene, store = await self._scene()
        user_id = await scene.register()
        assert await store.find_run() is None
        first = SignalRun(at_us=1)

        await store.save({}, None, first)
        with pytest.raises(Conflict):
            await store.save({user_id: FOUND}, None, SignalRun(at_us=2))
        with pytest.raises(Conflict):
            await store.save({user_id: FOUND}, SignalRun(at_us=3), SignalRun(at_us=4))

        assert await store.find_run() == first
        assert await observe(scene, store) == {}

    async def _scene(self) -> tuple[Scene, SignalStore]:
        scene = await self.scene()
        return scene, await given(self.make_signals(scene.store))


class ScorerTests(Suite):
    """The same cases always get the same scores, in however many pieces they come."""

    warm = 400
    """After so many cases it knows what is usual."""

    def make_scorer(self) -> Scorer | Awaitable[Scorer]:
        """A model, as a worker asks it."""
        raise NotImplementedError

    @since("2")
    async def test_what_nobody_does_is_stranger_than_what_everybody_does(self) -> None:
        scorer = await given(self.make_scorer())
        _, memory = await scorer.score("", [_case(number) for number in range(self.warm)])

        (usual, strange), _ = await scorer.score(memory, [_case(3), _case(3) | {"b": 10_000}])

        assert 0 <= usual.value < strange.value <= WORST
        assert strange.top[:1] == ("b",)

    @since("2")
    async def test_who_knows_nothing_finds_nothing_strange(self) -> None:
        scorer = await given(self.make_scorer())

        (score,), memory = await scorer.score("", [_case(1)])

        assert (score.value, score.top) == (0, ())
        assert await scorer.score(memory, []) == ((), memory)

    @since("2")
    async def test_it_goes_on_from_what_it_knew(self) -> None:
        scorer, other = await given(self.make_scorer()), await given(self.make_scorer())
        cases = [_case(number) for number in range(self.warm)]
        first, memory = await scorer.score("", cases[: self.warm - 7])

        rest, end = await other.score(memory, cases[self.warm - 7 :])

        assert (first + rest, end) == await scorer.score("", cases)
        assert other.version == scorer.version
        assert set(scorer.version) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


async def came(
    scene: Scene,
    user_id: UserId,
    *,
    address: str = "192.0.2.1",
    device: str = "a",
    used_at_us: int | None = None,
) -> Session:
    """A login of a user from an address, written."""
    session = Session(
        user_id=user_id,
        id=scene.store.ids.new_key(),
        used_at_us=scene.at_us if used_at_us is None else used_at_us,
        expires_at_us=scene.at_us + 30 * DAY_US,
        device=device,
        address=address,
    )
    await scene.commit(Change(new_sessions=(session,)))
    return session


async def observe(
    scene: Scene, store: SignalStore, *, after_us: int = 0, moved_since_us: int | None = None
) -> dict[UserId, Observation]:
    """What is seen of whom, after a while; nobody has moved since now if no time is given."""
    at_us = scene.tick() + after_us
    since_us = scene.tick() if moved_since_us is None else moved_since_us
    seen = await store.observe(at_us=at_us, moved_since_us=since_us, small=SMALL)
    return {each.user_id: each for each in seen}


async def _wallet(scene: Scene, session: Session) -> Signals | None:
    """What comes with the wallet that a session asks for."""
    async with scene.store.begin() as work:
        work.abandon()
        return (await work.get_wallet_of_session(session.user_id, session.id)).signals


def _case(number: int) -> dict[str, int]:
    """Something usual: all like each other, none like another."""
    return {"a": 20 + number * 7 % 10, "b": number * 3 % 5, "c": 100 + number * 13 % 50}
