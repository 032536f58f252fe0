"""The contract of the audit log and its chain: what is written of them, and what is asked about them."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.domain.audit_chain import BEGINNING, Link, LinkedEntry, extend
from crypto_exchange.domain.audit_log import (
    SERVICE,
    Action,
    Actor,
    AuditEntry,
    LoggedEntry,
    Via,
    record,
)
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Conflict
from crypto_exchange.domain.ids import HOUSE
from crypto_exchange.entrypoints.testing.contracts.checks import since
from crypto_exchange.entrypoints.testing.contracts.samples import FOREIGN
from crypto_exchange.entrypoints.testing.contracts.scene import START_US, Scene, StoreSuite

_PERSON = Actor(user_id=7, via=Via.API, address="192.0.2.1", request_id="request-1")


class AuditLogTests(StoreSuite, port="read_models"):
    """Entries are kept as they were written, with their commit or not at all, and chained once."""

    @since("2")
    async def test_every_field_of_an_entry_is_kept(self) -> None:
        scene = await self.scene()
        entry = record(
            _PERSON,
            Action.QUARANTINE_RESOLVED,
            at_us=START_US + 5,
            user_id=8,
            subject=FOREIGN,
            words=FOREIGN,
            text="5",
            number=-5,
        )

        await scene.commit(Change(audit=(entry, record(SERVICE, Action.REGISTERED, at_us=0))))

        second, first = await _list(scene)
        assert first == LoggedEntry(**msgspec.structs.asdict(entry), id=first.id)
        assert list(first.details) == ["words", "text", "number"]
        assert (second.actor_id, second.user_id, second.details) == (HOUSE, HOUSE, {})
        assert 0 < first.id < second.id < 2**53

    @since("2")
    async def test_entries_are_listed_by_user_and_action_in_pages(self) -> None:
        scene = await self.scene()
        rows = [(1, 2, "a"), (2, 1, "b"), (1, 1, "a"), (3, 3, "a"), (2, 3, "a")]
        kinds = {"a": Action.LOGGED_IN, "b": Action.LOGGED_OUT}
        for actor_id, user_id, kind in rows:
            await scene.commit(Change(audit=(_entry(kinds[kind], actor_id, user_id),)))
        everything = await _list(scene)
        queries = scene.store.queries

        of_1 = await queries.list_audit(limit=9, after=None, user_id=1)
        logins = await queries.list_audit(limit=9, after=None, user_id=1, action=Action.LOGGED_IN)
        page = await queries.list_audit(limit=2, after=everything[1].id, action=Action.LOGGED_IN)

        assert [(e.actor_id, e.user_id) for e in everything] == [r[:2] for r in reversed(rows)]
        assert of_1 == everything[2:]
        assert logins == (everything[2], everything[4])
        assert page == (everything[2], everything[4])
        assert await queries.list_audit(limit=9, after=everything[-1].id) == ()

    @since("2")
    async def test_an_entry_of_a_refused_commit_is_not_written(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=5)
        wallet = await scene.wallet(user_id)
        stale = msgspec.structs.replace(wallet, version=wallet.version - 1)

        with pytest.raises(Conflict):
            await scene.commit(Change(wallet=stale, audit=(_entry(Action.LOGGED_IN, 1, 1),)))
        await scene.commit(Change(wallet=wallet, audit=(_entry(Action.LOGGED_OUT, 1, 1),)))

        assert [entry.action for entry in await _list(scene)] == [Action.LOGGED_OUT]

    @since("2")
    async def test_what_is_not_chained_is_listed_and_counted_until_it_is(self) -> None:
        scene = await self.scene()
        queries = scene.store.queries
        assert await queries.find_last_link() is None
        await scene.commit(Change(audit=tuple(_entry(Action.LOGGED_IN, 1, n) for n in range(4))))
        entries = (await _list(scene))[::-1]

        late, links = entries[1], list(extend(BEGINNING, (entries[0], *entries[2:])))
        await scene.commit(Change(links=tuple(links)))

        assert await queries.count_unchained() == 1
        assert await queries.count_unchained(START_US) == 1
        assert await queries.count_unchained(START_US - 1) == 0
        assert await queries.list_unchained(0, limit=9) == (late,)
        assert await queries.list_unchained(late.id, limit=9) == ()
        assert await queries.find_last_link() == links[-1]
        links += extend(links[-1], [late])
        await scene.commit(Change(links=(links[-1],)))
        assert await queries.count_unchained() == 0
        chained = [entries[0], *entries[2:], late]
        linked = tuple(LinkedEntry(*pair) for pair in zip(links, chained, strict=True))
        assert await queries.list_links(0, limit=9) == linked
        assert await queries.list_links(1, limit=2) == linked[1:3]

    @since("2")
    async def test_a_position_is_taken_once_and_an_entry_chained_once(self) -> None:
        scene = await self.scene()
        await scene.commit(Change(audit=tuple(_entry(Action.LOGGED_IN, 1, n) for n in range(2))))
        second, first = await _list(scene)
        link = Link(position=1, entry_id=first.id, hash="a")
        await scene.commit(Change(links=(link,)))

        for position, entry_id in ((1, second.id), (2, first.id)):
            rival = Link(position=position, entry_id=entry_id, hash="b")
            with pytest.raises(Conflict):
                await scene.commit(Change(links=(rival,), audit=(_entry(Action.REGISTERED, 1, 1),)))

        assert await scene.store.queries.find_last_link() == link
        assert len(await _list(scene)) == 2


def _entry(action: Action, actor_id: int, user_id: int) -> AuditEntry:
    actor = Actor(user_id=actor_id)
    return record(actor, action, at_us=START_US, user_id=user_id)


async def _list(scene: Scene) -> tuple[LoggedEntry, ...]:
    return await scene.store.queries.list_audit(limit=9, after=None)
