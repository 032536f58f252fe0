"""The contract that of a commit that is refused nothing is written, whatever it was refused for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
import pytest

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.breaks import Break, BreakKind
from crypto_exchange.domain.change import Change, StoredRequest, Transition
from crypto_exchange.domain.errors import Conflict, NotFound, RequestRepeated, UsernameTaken
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.placement import PlaceOrder, cancel_order, place_order
from crypto_exchange.domain.purchase import PurchaseState
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.user import Session, User
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.testing.contracts.checks import given
from crypto_exchange.entrypoints.testing.contracts.samples import (
    HUGE,
    KEY,
    a_batch,
    a_purchase,
    an_order,
)
from crypto_exchange.entrypoints.testing.contracts.scene import (
    DAY_US,
    RULE,
    START_US,
    Scene,
    StoreSuite,
    fill,
)

_Row = TypeVar("_Row", bound=msgspec.Struct)
_Spoiled = tuple[str, Change, type[Exception]]
_replace = msgspec.structs.replace


class RefusalTests(StoreSuite, port="unit_of_work"):
    """A change that could be written is spoiled in one place after the other, then written after all."""

    async def test_of_a_refused_commit_nothing_is_written(self) -> None:
        scene = await self.scene()
        change = await _everything(scene)

        await self._spoil(scene, change, [*_stale(change), *_there_already(change)])

    async def test_of_a_users_refused_command_nothing_is_written(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=10)
        order = await scene.place(user_id, 300)
        await scene.commit(Change(request=_request(user_id, "old")))
        wallet = await scene.wallet(user_id)
        cancelled = _replace(
            cancel_order(order, wallet=wallet, at_us=scene.tick()), request=_request(user_id, "new")
        )
        await self._spoil(scene, cancelled, _spoiled_command(cancelled))
        placed = place_order(
            PlaceOrder(user_id=user_id, asset="BTC", spend=500 * CENT),
            wallet=await scene.wallet(user_id),
            asset=await scene.asset(),
            policy=scene.policy,
            order_id=await scene.store.ids.next_order_id(),
            at_us=scene.tick(),
        )
        placed = _replace(placed, request=_request(user_id, "another"))
        there = tuple(_replace(new, id=order.id) for new in placed.new_orders)
        again = "an order that is there", _replace(placed, new_orders=there), Conflict
        await self._spoil(scene, placed, [*_spoiled_command(placed), again])

    async def _spoil(self, scene: Scene, change: Change, spoiled: list[_Spoiled]) -> None:
        before = await self._look(scene, change)
        for what, refused, error in spoiled:
            for lock in (False, True):
                try:
                    await scene.commit(refused, lock=lock)
                except error:
                    assert await self._look(scene, change) == before, f"refused for {what}"
                else:
                    pytest.fail(f"{what}: expected {error.__name__}, was written")
        await scene.commit(change)
        assert await self._look(scene, change) != before

    async def _look(self, scene: Scene, change: Change) -> list[Any]:
        """All that can be seen of the store, and of what the change would write."""
        queries = scene.store.queries
        seen: list[Any] = [
            await queries.list_ledger(),
            await queries.list_assets(),
            await queries.list_breaks(),
            await queries.get_mirror(),
            await queries.find_due(START_US + 999 * DAY_US),
            await scene.book(),
        ]
        assert change.wallet is not None
        user_id = change.wallet.user_id
        seen += [
            await queries.get_wallet(user_id),
            await queries.list_holdings(user_id),
            await queries.list_orders(user_id, limit=200, after=None),
            await queries.list_transactions(user_id, limit=200, after=None),
        ]
        seen += [row async for row in _rows(scene, change)]
        if self.has("list_events"):
            seen.append(list(await given(self.list_events(scene.store))))
        return seen


async def _everything(scene: Scene) -> Change:
    """A settlement, and a new or moved row of every other kind."""
    user_id = await scene.register("owner", dollars=100)
    await scene.place(user_id, 1000)
    opened = await scene.batch(await scene.seal())
    session = Session(user_id=user_id, id=KEY, expires_at_us=START_US)
    told, asset = _break("told"), await scene.asset()
    async with scene.store.begin() as work:
        work.abandon()
        user = await work.get_user(user_id)
    await scene.commit(
        Change(new_sessions=(session,), new_breaks=(told,), request=_request(user_id, "old"))
    )
    new_id, order = await scene.store.ids.next_user_id(), await an_order(scene)
    return _replace(
        settle(opened, fill(opened, 10_000), at_us=scene.tick()),
        wallet=await scene.wallet(user_id),
        users=(User(id=new_id, username="Newcomer", password_hash="hash"),),
        moved_users=(Transition(user, _replace(user, password_hash="another", version=1)),),
        new_sessions=(Session(user_id=new_id, id=KEY, expires_at_us=START_US),),
        sessions=(Transition(session, _replace(session, generation=1)),),
        new_assets=(Asset(symbol="NEW", rule=RULE),),
        assets=(Transition(asset, _replace(asset, halted=True, version=asset.version + 1)),),
        new_orders=(_replace(order, user_id=user_id),),
        new_batches=(a_batch(),),
        new_purchases=(a_purchase(1),),
        new_breaks=(_break("new"),),
        breaks=(
            Transition(told, _replace(told, closed_at_us=START_US, evidence="none", version=1)),
        ),
        inventory=Transition(
            opened.inventory,
            _replace(
                opened.inventory, quantity=HUGE, expected=0, version=opened.inventory.version + 1
            ),
        ),
        request=_request(user_id, "new"),
    )


def _stale(change: Change) -> Iterator[_Spoiled]:
    """One row after the other as it never was."""
    yield from _spoiled_command(change)
    (purchase,), (session,) = change.purchases, change.sessions
    yield (
        "a stale purchase",
        _replace(change, purchases=(_as(purchase, state=PurchaseState.UNKNOWN),)),
        Conflict,
    )
    for field, was in (("generation", 7), ("ended_at_us", 7)):
        stale = _as(session, **{field: was})
        yield f"a session of another {field}", _replace(change, sessions=(stale,)), Conflict
    assert change.inventory is not None
    for field, moves in (
        ("moved_users", change.moved_users),
        ("batches", change.batches),
        ("assets", change.assets),
        ("breaks", change.breaks),
    ):
        row: Transition[Any] = moves[0]
        stale = _as(row, version=row.before.version + 1)
        yield f"stale {field}", _replace(change, **{field: (stale,)}), Conflict
    inventory = _as(change.inventory, version=change.inventory.before.version + 1)
    yield "a stale inventory", _replace(change, inventory=inventory), Conflict


def _spoiled_command(change: Change) -> list[_Spoiled]:
    """What can be wrong with a user's own command."""
    wallet, request = change.wallet, change.request
    assert wallet is not None
    assert request is not None
    newer = Wallet(wallet.user_id, wallet.balance, wallet.version + 1)
    spoiled: list[_Spoiled] = [
        ("a stale wallet", _replace(change, wallet=newer), Conflict),
        (
            "a repeated request",
            _replace(change, request=_replace(request, key="old")),
            RequestRepeated,
        ),
    ]
    if change.orders:
        *others, last = change.orders
        stale = _as(last, version=last.before.version + 1)
        spoiled.append(("a stale order", _replace(change, orders=(*others, stale)), Conflict))
    return spoiled


def _there_already(change: Change) -> Iterator[_Spoiled]:
    """One row after the other that somebody else has written before."""
    (user,), (asset,) = change.users, change.assets
    taken = (_replace(user, username="OWNER"),)
    yield "a name that is taken", _replace(change, users=taken), UsernameTaken
    rows: list[tuple[str, object]] = [
        ("new_assets", asset.before),
        ("new_orders", change.orders[0].before),
        ("new_batches", change.batches[0].before),
        ("new_purchases", change.purchases[0].before),
        ("new_sessions", change.sessions[0].before),
        ("new_breaks", _replace(change.breaks[0].before, key="1" * 24)),
    ]
    for field, row in rows:
        # Its move would be refused too.
        there = {field: (*getattr(change, field), row), field.removeprefix("new_"): ()}
        yield f"{field} that are there", _replace(change, **there), Conflict


async def _rows(scene: Scene, change: Change) -> Any:
    """The rows that the change would write, as they are."""
    async with scene.store.begin() as work:
        work.abandon()
        for user in (*change.users, *(move.before for move in change.moved_users)):
            yield await work.find_user(user.username)
        for session in (*change.new_sessions, *(move.before for move in change.sessions)):
            yield await work.find_session(session.user_id, session.id)
        for batch in (*change.new_batches, *(move.before for move in change.batches)):
            try:
                yield await work.get_batch(batch.key)
            except NotFound:
                yield None
        for move in change.breaks:
            yield await work.get_break(move.before.key)
        for order_move in change.orders:
            yield await work.get_order(order_move.before.user_id, order_move.before.id)
        if change.request is not None:
            request = change.request
            yield await work.find_request(request.user_id, request.operation, request.key)


def _as(move: Transition[_Row], **was: object) -> Transition[_Row]:
    return Transition(_replace(move.before, **was), move.after)


def _request(user_id: UserId, key: str) -> StoredRequest:
    return StoredRequest(user_id, "do", key, "digest", 7)


def _break(subject: str) -> Break:
    return Break(
        key=f"{len(subject):024x}",
        kind=BreakKind.VENUE,
        subject=subject,
        expected=1,
        found=2,
        scale=8,
        opened_at_us=START_US,
    )
