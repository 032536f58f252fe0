"""`crypto-exchange replay-risk`: what the fraud rules say today of what they were asked before."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from crypto_exchange.domain.activity import NO_ACTIVITY, Activity
from crypto_exchange.domain.events import AnyEvent, OrderPlaced, Withdrawn
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.risk import RULES, RULES_VERSION, Assessment, Verdict, parse_assessment
from crypto_exchange.domain.risk_policy import RiskPolicy
from crypto_exchange.domain.screening import replay
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.cli.history import open_file
from crypto_exchange.settings import Settings

_SHOWN = 20
"""So many differences are printed; `--json` has all of them."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that would be another one: `order_id` is 0 for a withdrawal, `rules` the version that
    decided then.
    """

    at_us: int
    rules: int
    user_id: UserId
    order_id: int
    then: str
    now: str


class RiskReplay:
    """Decisions of all users once more, in the order of the event log.

    Users of whom an order or a withdrawal was not assessed are left out from then on: what they had
    done before may not have been counted.
    """

    def __init__(self, policy: Policy) -> None:
        """Decide by the rules' numbers of a policy."""
        self._policy = policy
        self._activities: dict[UserId, Activity] = {}
        self._left_out: set[UserId] = set()
        self.decisions = 0
        self.other_versions = 0
        self.then: Counter[str] = Counter()
        self.now: Counter[str] = Counter()
        self.differences: list[Difference] = []

    @property
    def left_out(self) -> int:
        """How many users could not be replayed."""
        return len(self._left_out)

    def feed(self, event: AnyEvent) -> None:
        """Take in one event."""
        before = self._activities.get(event.user_id, NO_ACTIVITY)
        after, assessment = replay(before, event, self._policy)
        self._activities[event.user_id] = after
        if not isinstance(event, OrderPlaced | Withdrawn):
            return
        if assessment is None:
            self._left_out.add(event.user_id)
        elif event.user_id not in self._left_out:
            self._compare(event, parse_assessment(event.risk), assessment)

    def _compare(self, event: OrderPlaced | Withdrawn, then: Assessment, now: Assessment) -> None:
        self.decisions += 1
        self.other_versions += then.rules != now.rules
        for counts, each in ((self.then, then), (self.now, now)):
            counts.update((each.verdict.value, *each.reasons))
        if (then.verdict, then.reasons) != (now.verdict, now.reasons):
            order_id = event.order_id if isinstance(event, OrderPlaced) else 0
            difference = Difference(
                at_us=event.at_us,
                rules=then.rules,
                user_id=event.user_id,
                order_id=order_id,
                then=_said(then),
                now=_said(now),
            )
            self.differences.append(difference)


def replay_risk(settings: Settings, options: argparse.Namespace) -> int:
    """Decide again and compare; exit code 1 if the same rules, with the same numbers, say something else."""
    if options.file and options.database:
        raise CommandError("expected FILE or --database, was both", 2)
    done = _replay_file(options) if options.file else asyncio.run(_replay_log(settings, options))
    print(_json(done) if options.json else _table(done))
    unexplained = any(each.rules == RULES_VERSION for each in done.differences)
    return int(unexplained and not options.rules)


def read_rules(text: str, policy: RiskPolicy) -> RiskPolicy:
    """A policy with other numbers, as `--rules` names them. Raises CommandError."""
    numbers: dict[str, int] = {}
    for pair in filter(None, text.split(",")):
        name, equals, number = pair.strip().partition("=")
        known = name in RiskPolicy.__struct_fields__ and name != "mode"
        if not (known and equals and number.isascii() and number.isdecimal()):
            names = ", ".join(field for field in RiskPolicy.__struct_fields__ if field != "mode")
            raise CommandError(
                f"--rules: expected NAME=NUMBER, with a name of {names}; was {pair!r}", 2
            )
        numbers[name] = int(number)
    return msgspec.structs.replace(policy, **numbers)


def _replay_file(options: argparse.Namespace) -> RiskReplay:
    done: RiskReplay | None = None
    with open_file(options.file, "rb") as lines:
        for number, line in enumerate(lines, 1):
            where = f"{options.file}, line {number}"
            if done is None:
                done = RiskReplay(_with_rules(_policy_of(line, where), options))
            elif line.strip():
                done.feed(_event_of(line, where))
    if done is None:
        raise CommandError(f"{options.file}: expected a history, was an empty file", 2)
    return done


async def _replay_log(settings: Settings, options: argparse.Namespace) -> RiskReplay:
    from crypto_exchange import bootstrap
    from crypto_exchange.entrypoints.cli.connection import reachable

    done = RiskReplay(_with_rules(bootstrap.policy(settings), options))
    async with bootstrap.open_history(reachable(settings)) as (log, _):
        records: AsyncIterator[Any] = log.read()
        async for record in records:
            done.feed(record.event)
    return done


def _with_rules(policy: Policy, options: argparse.Namespace) -> Policy:
    rules = read_rules(options.rules, policy.risk or RiskPolicy())
    return msgspec.structs.replace(policy, risk=rules)


class _Header(msgspec.Struct):
    record: str
    policy: Policy


def _policy_of(line: bytes, where: str) -> Policy:
    try:
        return msgspec.json.decode(line, type=_Header).policy
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{where}: expected the header of an export: {error}", 2) from None


def _event_of(line: bytes, where: str) -> AnyEvent:
    try:
        event: AnyEvent = msgspec.json.decode(line, type=AnyEvent)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{where}: expected an event: {error}", 2) from None
    else:
        return event


def _said(assessment: Assessment) -> str:
    return " ".join((assessment.verdict.value, ",".join(assessment.reasons))).strip()


def _table(done: RiskReplay) -> str:
    lines = [
        f"{done.decisions:,} decisions again by version {RULES_VERSION} of the rules, "
        f"{done.other_versions:,} of them made by another version; "
        f"{done.left_out:,} users left out, who were not always assessed",
        "",
        f"{'':<22} {'then':>10} {'now':>10}",
    ]
    names = (*(verdict.value for verdict in Verdict), *RULES)
    lines += [f"{name:<22} {done.then[name]:>10,} {done.now[name]:>10,}" for name in names]
    lines += ["", f"{len(done.differences):,} decisions would be other ones"]
    for each in done.differences[:_SHOWN]:
        what = f"order {each.order_id}" if each.order_id else "withdrawal"
        lines.append(f"user {each.user_id}, {what}, at {each.at_us}: {each.then} -> {each.now}")
    return "\n".join(lines)


def _json(done: RiskReplay) -> str:
    found = {
        "rules": RULES_VERSION,
        "decisions": done.decisions,
        "other_versions": done.other_versions,
        "left_out": done.left_out,
        "then": dict(sorted(done.then.items())),
        "now": dict(sorted(done.now.items())),
        "differences": done.differences,
    }
    return msgspec.json.encode(found).decode()
