"""Signals: what is found from everybody's sessions and orders, in memory, and by a learned score."""

from __future__ import annotations

import sys
from hashlib import sha256

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.fraud import HalfSpaceScorer
from crypto_exchange.adapters.memory import MemoryBegin, MemorySignals
from crypto_exchange.bootstrap.fraud import make_scorer
from crypto_exchange.domain.activity import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NO_ACTIVITY,
    Activity,
    Signals,
    Window,
    after_order,
)
from crypto_exchange.domain.cashier import Deposit
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.risk_policy import RiskPolicy
from crypto_exchange.domain.signal_store import Scorer, SignalStore
from crypto_exchange.domain.signals import (
    HOUSEHOLD,
    SURE_US,
    Observation,
    Place,
    SignalRun,
    features,
    find_signals,
)
from crypto_exchange.domain.use_cases import orders, signals, wallets
from crypto_exchange.entrypoints.cli.main import run
from crypto_exchange.entrypoints.testing.adapters import Adapters, Sim, memory_adapters
from crypto_exchange.entrypoints.testing.contracts import scene as scenes
from crypto_exchange.entrypoints.testing.contracts.scene import START_US, Scene
from crypto_exchange.entrypoints.testing.contracts.signals import (
    ScorerTests,
    SignalStoreTests,
    came,
)
from crypto_exchange.settings import Settings
from tests.integration.postgres_store import context_over

POLICY = msgspec.structs.replace(scenes.POLICY, risk=RiskPolicy())
NOW_US = 100 * DAY_US
YOUNG = msgspec.structs.replace(NO_ACTIVITY, registered_at_us=NOW_US - DAY_US)
OLD = msgspec.structs.replace(NO_ACTIVITY, registered_at_us=1)


class TestMemory(SignalStoreTests):
    @override
    def make_adapters(self, sim: Sim) -> Adapters:
        return memory_adapters(sim)

    @override
    def make_signals(self, adapters: Adapters) -> SignalStore:
        return memory_signals(adapters)


class TestHalfSpaceTrees(ScorerTests):
    @override
    def make_scorer(self) -> Scorer:
        return HalfSpaceScorer()


def memory_signals(adapters: Adapters) -> MemorySignals:
    assert isinstance(adapters.begin, MemoryBegin)
    return MemorySignals(adapters.begin._state)


def found(*places: Place, orders: int = 0, activity: Activity = OLD) -> tuple[int, int, int, int]:
    seen = Observation(user_id=1, orders=orders, places=places, activity=activity)
    one = find_signals(seen, model="", at_us=NOW_US)
    return one.on_address, one.on_device, one.linked, one.linked_orders


class TestLinks:
    def test_all_who_live_together_are_linked(self) -> None:
        assert found(Place(4, 9, 2, 1, 1), orders=2) == (4, 2, 3, 7)

    @pytest.mark.parametrize(("activity", "linked"), [(YOUNG, (5, 4, 30)), (OLD, (0, 0, 0))])
    def test_in_a_crowd_only_new_accounts_of_one_device_are(
        self, activity: Activity, linked: tuple[int, int, int]
    ) -> None:
        crowd = Place(HOUSEHOLD + 1, 90, 9, 5, 33)

        assert found(crowd, orders=3, activity=activity) == (HOUSEHOLD + 1, *linked)

    def test_of_several_addresses_the_one_with_most_links_counts(self) -> None:
        assert found(Place(2, 50, 2, 0, 0), Place(4, 5, 1, 1, 0), Place(1, 0, 1, 0, 0)) == (
            4,
            1,
            3,
            5,
        )

    def test_who_was_not_seen_is_linked_to_nobody(self) -> None:
        assert found() == (0, 0, 0, 0)


class TestFeatures:
    def test_activity_becomes_numbers_none_of_which_is_negative(self) -> None:
        activity = msgspec.structs.replace(
            YOUNG, deposited=50 * DOLLAR, deposited_at_us=NOW_US - HOUR_US, withdrawn=5 * DOLLAR
        )
        for total, at_us in ((10, NOW_US - HOUR_US + 1), (30, NOW_US - 1), (20, NOW_US)):
            activity = after_order(activity, total * DOLLAR, under=True, waits=False, at_us=at_us)

        seen = features(activity, Signals(on_address=3, linked_orders=8), at_us=NOW_US)

        assert seen == {
            "account_age_hours": 24,
            "minutes_since_deposit": 60,
            "orders_in_minute": 2,
            "orders_in_hour": 3,
            "orders_in_day": 3,
            "dollars_in_day": 60,
            "largest_to_usual_percent": 150,
            "orders_under_threshold": 3,
            "withdrawals_in_day": 0,
            "withdrawn_percent": 10,
            "untraded_percent": 0,
            "accounts_on_address": 3,
            "linked_orders": 8,
        }

    def test_nothing_is_known_of_whoever_has_done_nothing(self) -> None:
        assert set(features(NO_ACTIVITY, Signals(), at_us=NOW_US).values()) == {0}

    def test_windows_that_are_over_count_nothing(self) -> None:
        activity = msgspec.structs.replace(OLD, minute=Window(NOW_US - MINUTE_US, 9, 9))

        assert features(activity, Signals(), at_us=NOW_US)["orders_in_minute"] == 0


class Looks:
    """A worker's looks at a scene of three accounts of one address, a minute apart."""

    def __init__(self, scene: Scene, scorer: Scorer | None = None) -> None:
        self.scene, self.scorer = scene, scorer
        self.store = memory_signals(scene.store)

    async def look(self, after_us: int = MINUTE_US) -> int:
        self.scene.tick(after_us)
        context = context_over(self.scene)
        return await signals.find(context, self.store, self.scorer, interval_us=MINUTE_US)

    async def teach(self, users: list[int]) -> None:
        """Two pay in a little, again and again; then one of them begins to buy."""
        for _ in range(20):
            context = context_over(self.scene)
            for user_id in users[:2]:
                await wallets.deposit(context, Deposit(user_id=user_id, amount=DOLLAR))
            await self.look()
        for dollars in (9, 50, 400):
            context = context_over(self.scene)
            order = PlaceOrder(user_id=users[0], asset="BTC", spend=dollars * DOLLAR)
            await orders.place(context, order)
        await self.look()

    async def known(self) -> dict[int, Signals]:
        seen = await self.store.observe(at_us=self.scene.at_us, moved_since_us=2**60, small=1)
        return {each.user_id: each.known for each in seen}


async def three(scorer: Scorer | None = None) -> tuple[Looks, list[int]]:
    scene = Scene(memory_adapters(Sim()), POLICY)
    await scene.list_asset()
    users = [await scene.register(dollars=500) for _ in range(3)]
    for user_id in users:
        await came(scene, user_id, used_at_us=START_US + HOUR_US)
    return Looks(scene, scorer), users


async def test_only_what_has_changed_is_written_and_an_hour_later_all_of_it() -> None:
    looks, users = await three()

    assert [await looks.look(), await looks.look()] == [3, 0]
    await looks.scene.place(users[0], 500)

    assert await looks.look() == 2
    assert await looks.look(SURE_US) == 3
    linked = {user_id: each.linked for user_id, each in (await looks.known()).items()}
    assert linked == dict.fromkeys(users, 2)


async def test_what_another_worker_has_just_done_is_not_done_again() -> None:
    looks, _ = await three()
    other = Looks(looks.scene)
    other.store = looks.store
    await looks.look()

    await looks.scene.register()

    assert await other.look(MINUTE_US // 3) == 0
    assert (await looks.store.find_run()) is not None


async def test_of_two_workers_at_the_same_time_one_writes() -> None:
    looks, _ = await three()
    await looks.look()
    looks.scene.tick(2 * SURE_US)
    stale = await looks.store.find_run()
    await looks.look()

    class Late(MemorySignals):
        @override
        async def find_run(self) -> SignalRun | None:
            return stale

    looks.store = Late(looks.store._state)
    assert await looks.look() == 0


async def test_whoever_moves_money_is_scored_and_keeps_the_score_while_they_are_seen() -> None:
    looks, users = await three(HalfSpaceScorer(trees=5, height=6, window=20))
    await looks.teach(users)
    before = await looks.known()

    await looks.look()
    after = await looks.known()

    assert {each.model for each in before.values()} == {"hst1-5x6-20-1", ""}
    assert before[users[2]].score == 0
    assert [after[u].score for u in users] == [before[u].score for u in users]
    assert before[users[0]].score > 9_000
    assert before[users[0]].top


async def test_without_a_model_scores_are_forgotten() -> None:
    looks, users = await three(HalfSpaceScorer(trees=5, height=6, window=20))
    await looks.teach(users)

    looks.scorer = None
    await looks.look()

    assert {(each.score, each.model) for each in (await looks.known()).values()} == {(0, "")}


async def test_who_is_seen_no_more_is_forgotten() -> None:
    looks, _ = await three()
    await looks.look()

    assert await looks.look(2 * DAY_US) == 3
    assert await looks.known() == {}


class TestWhichScore:
    def test_by_default_there_is_none(self) -> None:
        assert make_scorer(Settings.from_env({})) is None

    def test_the_setting_switches_it_on(self) -> None:
        scorer = make_scorer(Settings.from_env({"FRAUD_SCORE": "on"}))

        assert isinstance(scorer, HalfSpaceScorer)

    def test_a_missing_extra_is_named(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("FRAUD_SCORE", "on")
        adapter = "crypto_exchange.adapters.fraud"
        for name in [each for each in sys.modules if each.startswith(adapter)]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "river.anomaly", None)

        assert run(["worker"]) == 2
        assert "pip install 'crypto-exchange[fraud]'" in capsys.readouterr().err

    def test_whatever_changes_the_features_changes_the_version(self) -> None:
        names = " ".join(features(NO_ACTIVITY, Signals(), at_us=0))

        assert HalfSpaceScorer().version == "hst1-25x8-250-1"
        assert sha256(names.encode()).hexdigest()[:8] == "b957aa35"
