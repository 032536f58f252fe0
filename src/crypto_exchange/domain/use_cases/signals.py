"""Signals: look at everybody's sessions and orders, and keep what was found about each user."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from crypto_exchange.domain.activity import Signals
from crypto_exchange.domain.errors import Conflict
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.signal_store import Scorer, SignalStore
from crypto_exchange.domain.signals import (
    MOST_SCORED,
    Observation,
    SignalRun,
    features,
    find_signals,
    say_nothing,
    say_the_same,
    with_score,
)
from crypto_exchange.domain.use_cases.context import Context


async def find(
    context: Context, store: SignalStore, scorer: Scorer | None, *, interval_us: int
) -> int:
    """Look once, and keep what has changed; returns of how many users. Nothing is done if another
    worker did it less than half an interval ago, or at the same time.
    """
    now_us, before = context.clock.now_us(), await store.find_run()
    if before is not None and now_us < before.at_us + interval_us // 2:
        return 0
    since_us = now_us if before is None else before.at_us
    seen = await store.observe(
        at_us=now_us, moved_since_us=since_us, small=context.policy.threshold
    )
    model = "" if scorer is None else scorer.version
    found = {each.user_id: find_signals(each, model=model, at_us=now_us) for each in seen}
    after = SignalRun(at_us=now_us) if before is None else replace(before, at_us=now_us)
    if scorer is not None:
        after = await _score(scorer, seen, found, before, now_us)
    changed = {each.user_id: found[each.user_id] for each in seen if _differs(each, found)}
    try:
        await store.save(changed, before, after)
    except Conflict:
        return 0
    return len(changed)


async def _score(
    scorer: Scorer,
    seen: Sequence[Observation],
    found: dict[UserId, Signals],
    before: SignalRun | None,
    now_us: int,
) -> SignalRun:
    """Score those whose wallets have moved, and learn from them."""
    moved = sorted((each for each in seen if each.moved), key=_most_active_first)[:MOST_SCORED]
    memory = before.memory if before is not None and before.model == scorer.version else ""
    cases = [features(each.activity, found[each.user_id], at_us=now_us) for each in moved]
    scores, memory = await scorer.score(memory, cases)
    for each, score in zip(moved, scores, strict=True):
        found[each.user_id] = with_score(found[each.user_id], score, scorer.version)
    return SignalRun(at_us=now_us, model=scorer.version, memory=memory)


def _most_active_first(seen: Observation) -> tuple[int, UserId]:
    return -seen.activity.day.count, seen.user_id


def _differs(seen: Observation, found: dict[UserId, Signals]) -> bool:
    after = found[seen.user_id]
    if say_nothing(after):
        return not say_nothing(seen.known)
    return not say_the_same(seen.known, after)
