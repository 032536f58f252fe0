"""The contract that every field comes back as it was written: people, orders, assets, the inventory."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.asset import Asset, Inventory, MarketRule
from crypto_exchange.domain.change import Change, StoredRequest, Transition
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import OrderState, Reason
from crypto_exchange.domain.user import Role, Session, User
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.testing.contracts.checks import given, requires
from crypto_exchange.entrypoints.testing.contracts.samples import (
    HUGE,
    KEY,
    an_order,
)
from crypto_exchange.entrypoints.testing.contracts.scene import START_US, Scene, StoreSuite


class FieldTests(StoreSuite, port="unit_of_work"):
    """Rows are written field by field here, as no decision would, so that no two look alike."""

    async def test_every_field_of_a_new_order_is_kept(self) -> None:
        scene = await self.scene()
        for order in (await an_order(scene), await an_order(scene, reason=None, batch=None)):
            await scene.commit(Change(new_orders=(order,)))

            assert await scene.order(order) == order
            view = await scene.store.queries.get_order(order.user_id, order.id)
            assert (view.order, view.scale) == (order, 8)

    async def test_every_field_of_an_order_placed_by_a_command_is_kept(self) -> None:
        scene = await self.scene()
        order = await an_order(scene)

        await scene.commit(Change(wallet=Wallet(order.user_id), new_orders=(order,)))

        assert await scene.order(order) == order

    async def test_everything_that_an_order_can_become_is_kept(self) -> None:
        scene = await self.scene()
        reasons = [reason for reason in (*Reason, None) if reason is not Reason.UNDER_REVIEW]
        states = [(state, reason) for state in OrderState for reason in reasons]
        order = await an_order(scene)
        await scene.commit(Change(new_orders=(order,)))

        for number, (state, reason) in enumerate(states, start=1):
            after = msgspec.structs.replace(
                order,
                state=state,
                reason=reason,
                batch=None if number % 3 == 0 else f"{number:024x}",
                filled=HUGE - number,
                charged=number * CENT,
                version=order.version + number,
            )
            wallet = Wallet(order.user_id) if number % 2 else None
            await scene.commit(Change(wallet=wallet, orders=(Transition(order, after),)))
            assert await scene.order(order) == after
            order = after

    async def test_every_field_of_a_session_is_kept(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        session = Session(
            user_id=user_id,
            id=KEY,
            generation=5,
            created_at_us=1,
            used_at_us=2,
            expires_at_us=START_US,
            ended_at_us=3,
            device="a device",
            retry="digest",
            address="2001:db8::/64",
        )
        after = msgspec.structs.replace(
            session,
            generation=9,
            used_at_us=4,
            expires_at_us=START_US + 1,
            ended_at_us=0,
            retry="another",
        )
        others = tuple(
            msgspec.structs.replace(session, user_id=owner, id=key)
            for owner, key in ((user_id, "f" * 24), (await scene.register(), KEY))
        )
        await scene.commit(Change(new_sessions=(session, *others)))
        assert await _session(scene, session) == session

        await scene.commit(Change(sessions=(Transition(session, after),)))

        assert await _session(scene, session) == after
        for other in others:
            assert await _session(scene, other) == other

    async def test_every_field_of_a_user_is_kept(self) -> None:
        scene = await self.scene()
        for role in Role:
            user_id = await scene.store.ids.next_user_id()
            user = User(
                id=user_id,
                username=f"A.user_{role.value}@-",
                password_hash="$x$",
                role=role,
                version=7,
            )
            await scene.commit(Change(users=(user,)))

            async with scene.store.begin() as work:
                work.abandon()
                assert await work.get_user(user_id) == user
                assert await work.find_user(user.username) == user

    async def test_every_field_of_an_asset_is_kept(self) -> None:
        scene = await self.scene()
        asset = Asset(
            symbol="1INCH",
            rule=MarketRule(
                lot_step=HUGE, min_notional=3, min_quantity=5, max_quantity=7 * HUGE, fee_ppm=11
            ),
            scale=18,
            price=HUGE,
            priced_at_us=START_US + 1,
            halted=True,
            trading=False,
            version=13,
        )
        await scene.commit(Change(new_assets=(asset,)))
        assert await scene.asset("1INCH") == asset

        after = msgspec.structs.replace(
            asset,
            rule=MarketRule(
                lot_step=17, min_notional=19, min_quantity=23, max_quantity=29, fee_ppm=31
            ),
            halted=False,
            trading=True,
            version=14,
        )
        await scene.commit(Change(assets=(Transition(asset, after),)))

        assert await scene.asset("1INCH") == after
        assert (await scene.store.queries.list_assets())[0] == after

    async def test_every_field_of_an_inventory_is_kept(self) -> None:
        scene = await self.scene()
        before = (await scene.book()).inventory
        assert before == Inventory(asset="BTC")

        for number in (1, 2):
            after = Inventory(
                asset="BTC",
                quantity=HUGE + number,
                reserved=HUGE - number,
                expected=3 * number,
                failures=5 * number,
                retry_at_us=START_US + number,
                version=before.version + 1,
            )
            await scene.commit(Change(inventory=Transition(before, after)))
            assert (await scene.book()).inventory == after
            before = after

    async def test_every_field_of_a_request_is_kept_by_a_command_and_by_any_other_commit(
        self,
    ) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        key = "".join(chr(code) for code in range(0x20, 0x7F))
        for number, wallet in enumerate([Wallet(user_id), None]):
            request = StoredRequest(user_id, f"do:{number}", key, f"digest {number}", 2**53 - 1)
            await scene.commit(Change(wallet=wallet, request=request))

            async with scene.store.begin() as work:
                work.abandon()
                assert await work.find_request(user_id, f"do:{number}", key) == request
                assert await work.find_request(user_id, f"do:{number}", key.swapcase()) is None
                assert await work.find_request(user_id, f"DO:{number}", key) is None

    @requires("list_events")
    async def test_events_are_in_the_log_in_the_order_of_their_commits(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=50)
        await scene.cancel(await scene.place(user_id, 300))
        await scene.withdraw(user_id, 100)
        await scene.place(user_id, 700)
        await scene.place(user_id, 1000)
        await scene.settle(await scene.seal(), 10_000)

        assert list(await given(self.list_events(scene.store))) == scene.events
        assert len(scene.events) >= 8


async def _session(scene: Scene, session: Session) -> Session | None:
    async with scene.store.begin() as work:
        work.abandon()
        return await work.find_session(session.user_id, session.id)
