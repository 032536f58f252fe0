"""The chain of the audit log: what was edited is found, and several may add to it at once."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import msgspec
import pytest

from crypto_exchange.adapters.memory import memory_context
from crypto_exchange.domain.audit_chain import Link, canonical_text, link_hash
from crypto_exchange.domain.audit_log import SERVICE, Action, Actor, LoggedEntry, Via, record
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import audit_log
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.worker.chain import Chain

replace = msgspec.structs.replace


class Log:
    """A service whose log somebody can edit."""

    def __init__(self) -> None:
        self.state = State()
        self.context: Context = memory_context(state=self.state)

    async def write(self, count: int = 1) -> None:
        async with self.context.begin() as work:
            entries = (record(SERVICE, Action.LOGGED_IN, at_us=n, n=n) for n in range(count))
            await work.commit(Change(audit=tuple(entries)))

    async def chain(self, since: int = 0) -> int:
        return await audit_log.extend_chain(self.context, since=since)

    async def fault(self) -> tuple[int, str] | None:
        """The only one."""
        faults = (await audit_log.verify_chain(self.context)).faults
        assert len(faults) <= 1
        return (faults[0].position, faults[0].sentence) if faults else None

    def rehash(self, first: int, entries: list[LoggedEntry]) -> None:
        """Write links from a position on as somebody would who knows how they are made."""
        last = "0" * 64 if first == 1 else self.state.links[first - 2].hash
        for position, entry in enumerate(entries, start=first):
            last = link_hash(last, entry)
            link = Link(position=position, entry_id=entry.id, hash=last)
            self.state.links[position - 1 : position] = [link]


@pytest.fixture
async def log() -> Log:
    log = Log()
    await log.write(6)
    await log.chain()
    return log


async def test_what_nobody_edited_fits(log: Log) -> None:
    found = await audit_log.verify_chain(log.context)

    assert (found.links, found.unchained, found.faults) == (6, 0, ())
    assert found.hash == log.state.links[-1].hash


async def test_an_entry_that_was_changed_is_found(log: Log) -> None:
    for name, value in (
        ("at_us", 99),
        ("actor_id", 1),
        ("via", Via.API),
        ("address", "x"),
        ("request_id", "x"),
        ("action", Action.LOGGED_OUT),
        ("user_id", 1),
        ("subject", "x"),
        ("details", {"n": "2"}),
    ):
        before = log.state.audit[2]
        log.state.audit[2] = replace(before, **{name: value})
        fault = await log.fault()
        log.state.audit[2] = before

        assert fault is not None
        assert fault[0] == 3, name
        assert "entry 3 was changed" in fault[1]
    assert await log.fault() is None


async def test_an_entry_that_was_removed_is_found(log: Log) -> None:
    del log.state.audit[2]

    assert await log.fault() == (3, "entry 3 was removed, or never there")


async def test_a_link_that_was_removed_is_found(log: Log) -> None:
    del log.state.audit[2], log.state.links[2]

    assert await log.fault() == (3, "its link was removed")


async def test_links_that_were_moved_up_after_one_was_removed_are_found(log: Log) -> None:
    del log.state.audit[2], log.state.links[2]
    moved = [replace(link, position=n) for n, link in enumerate(log.state.links, start=1)]
    log.state.links[:] = moved

    fault = await log.fault()

    assert fault is not None
    assert fault[0] == 3
    assert "entry 4 was changed, or one before it was removed from log and chain" in fault[1]


async def test_an_entry_that_was_inserted_in_between_is_found(log: Log) -> None:
    forged = replace(log.state.audit[2], id=99, user_id=7)
    log.state.audit.append(forged)
    digest = link_hash(log.state.links[2].hash, forged)
    log.state.links.insert(3, Link(position=4, entry_id=99, hash=digest))
    log.state.links[4:] = [
        replace(each, position=each.position + 1) for each in log.state.links[4:]
    ]

    assert await log.fault() == (4, "entry 99 was inserted in between")


async def test_a_second_entry_of_the_same_id_is_found(log: Log) -> None:
    """As a database would answer in which one was inserted."""
    log.state.links.insert(3, log.state.links[2])

    assert await log.fault() == (3, "entry 3 was inserted in between")


async def test_a_chain_that_was_written_anew_is_told_by_a_hash_that_was_kept(log: Log) -> None:
    kept = log.state.links[3].hash
    honest = await audit_log.verify_chain(log.context, kept=kept)
    log.state.audit[2] = replace(log.state.audit[2], user_id=7)
    log.rehash(3, log.state.audit[2:])

    forged = await audit_log.verify_chain(log.context, kept=kept)

    assert (honest.faults, honest.kept) == ((), True)
    assert (forged.faults, forged.kept, forged.links) == ((), False, 6)


async def test_a_log_that_was_cut_off_is_told_by_a_hash_that_was_kept(log: Log) -> None:
    kept = log.state.links[-1].hash
    del log.state.audit[-2:], log.state.links[-2:]

    found = await audit_log.verify_chain(log.context, kept=kept)

    assert (found.faults, found.kept) == ((), False)


async def test_entries_that_appear_late_are_chained_when_they_are_seen(log: Log) -> None:
    late = log.state.audit.pop(2)
    log.state.links.clear()
    since = await log.chain()
    log.state.audit.insert(2, late)

    await log.chain(since)

    assert [link.entry_id for link in log.state.links] == [1, 2, 4, 5, 6, 3]
    assert await log.fault() is None


async def test_no_more_than_a_thousand_are_chained_at_once_and_looks_go_on(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "LATEST", 1_000)
    await log.write(audit_log.LATEST + 1_500)
    since, lengths = 0, []

    for _ in range(4):
        since = await log.chain(since)
        lengths.append(len(log.state.links))

    assert lengths[:2] == [1_006, 2_006]
    assert lengths[-1] == len(log.state.audit)
    assert 0 < since < log.state.links[-1].entry_id - audit_log.LATEST
    assert (await audit_log.verify_chain(log.context)).links == len(log.state.audit)


async def test_what_is_wrong_after_a_forged_link_is_told_too(log: Log) -> None:
    log.state.links.append(Link(position=7, entry_id=10**12, hash="a" * 64))
    await log.write(3)
    await log.chain()
    forged = await audit_log.verify_chain(log.context, kept=log.state.links[-1].hash)

    log.state.audit[8] = replace(log.state.audit[8], address="203.0.113.66")
    edited = await audit_log.verify_chain(log.context)

    assert [fault.position for fault in forged.faults] == [7]
    assert (forged.links, forged.kept, forged.late) == (9, True, 0)
    assert [fault.position for fault in edited.faults] == [7, 10]
    assert "entry 9 was changed" in edited.faults[1].sentence


async def test_no_more_faults_are_told_than_anybody_reads_and_the_others_counted(log: Log) -> None:
    links = [Link(position=7 + n, entry_id=10**12 + n, hash="a" * 64) for n in range(150)]
    log.state.links.extend(links)

    found = await audit_log.verify_chain(log.context)

    assert (len(found.faults), found.misfits) == (audit_log.MOST_FAULTS, 150)


async def test_entries_below_a_very_high_id_are_chained_when_all_are_looked_at(log: Log) -> None:
    log.state.audit.append(replace(log.state.audit[0], id=2**53 - 1))
    chain = Chain(log.context)
    await chain.extend()
    await log.write(2)

    for _ in range(60):
        await chain.extend()

    assert (await audit_log.verify_chain(log.context)).unchained == 0


async def test_several_workers_chain_each_entry_once(log: Log) -> None:
    await log.write(20)

    await asyncio.gather(*(log.chain() for _ in range(5)))

    assert [link.position for link in log.state.links] == list(range(1, 27))
    assert sorted(link.entry_id for link in log.state.links) == list(range(1, 27))
    assert await log.fault() is None


def test_the_text_of_an_entry_can_be_made_by_anybody() -> None:
    """The guide says how; so this is written out."""
    actor = Actor(user_id=2, address="192.0.2.1", request_id="r-1")
    entry = record(actor, Action.LOGGED_OUT, at_us=9, user_id=3, subject="é", b=-1, a="x")
    logged = LoggedEntry(**msgspec.structs.asdict(entry), id=10)

    text = canonical_text(logged)

    assert text == (
        "2:10,1:9,1:2,3:api,9:192.0.2.1,3:r-1,10:logged_out,1:3,1:é,1:a,1:s,1:x,1:b,1:i,2:-1,"
    )
    assert link_hash("0" * 64, logged) == sha256(("0" * 64 + text).encode()).hexdigest()


def test_entries_that_differ_have_texts_that_differ() -> None:
    def text(subject: str, **details: str | int) -> str:
        entry = record(SERVICE, Action.LOGGED_IN, at_us=0, user_id=0, subject=subject, **details)
        return canonical_text(LoggedEntry(**msgspec.structs.asdict(entry), id=1))

    texts = [
        text("a", b="c"),
        text("a,1:b", c="c"),
        text("a", b="c,1:d"),
        text("a", b=1),
        text("a", b="1"),
        text("a"),
    ]

    assert len(set(texts)) == len(texts)
