"""The contract of the order in which a store's events are read."""

from __future__ import annotations

from crypto_exchange.domain import access
from crypto_exchange.domain.user import User
from crypto_exchange.entrypoints.testing.contracts.checks import given, requires, since
from crypto_exchange.entrypoints.testing.contracts.scene import StoreSuite


class EventOrderTests(StoreSuite, port="unit_of_work"):
    """Who has read the events so far, and goes on from there, misses none."""

    @requires("list_events", "held_back")
    @since("2")
    async def test_no_event_is_ever_read_before_one_that_still_comes(self) -> None:
        scene = await self.scene()
        slow = User(id=await scene.store.ids.next_user_id(), username="slow", password_hash="hash")
        change = access.register(slow, None, at_us=scene.tick())

        async with self.held_back(scene.store, change):
            await scene.register("quick")
            so_far = list(await given(self.list_events(scene.store)))
        later = list(await given(self.list_events(scene.store)))

        assert later[: len(so_far)] == so_far
        assert {event.at_us for event in later} == {
            event.at_us for event in (*change.events, *scene.events)
        }
