"""Sealing: members are bound, coins reserved, and what will be bought is fixed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import convert

from crypto_exchange.entrypoints.testing.model import checks
from crypto_exchange.entrypoints.testing.model.books import Books, Commit, Fields, Findings, idents
from crypto_exchange.entrypoints.testing.model.looks import Look, looks, terms_seen
from crypto_exchange.entrypoints.testing.model.market import Rule, is_fresh, passes
from crypto_exchange.entrypoints.testing.model.planning import (
    Terms,
    choose,
    is_overdue,
    may_seal,
    must_leave,
    take_along,
    together,
)
from crypto_exchange.entrypoints.testing.model.rows import ModelAttempt, ModelBatch, ModelOrder


def intended(books: Books, event: Fields) -> Findings:
    """A first attempt of a new batch, or the next one of a batch whose last one is over."""
    members, wrong = books.find_orders(event, event["orders"])
    faults = [*wrong, *_member_faults(books, event, members)]
    yield from faults
    if faults:
        return
    seal = _seal_again if event["attempt"] > 1 else _seal
    yield from _common_faults(books, event, members)
    yield from seal(books, event, members)


def _member_faults(books: Books, event: Fields, members: list[ModelOrder]) -> Findings:
    """What makes the members no batch at all."""
    key, attempt = event["batch"], event["attempt"]
    batch = books.batches.get(key)
    if attempt == 1 and batch is not None:
        yield checks.ATTEMPT, f"expected a new batch key for a first attempt, was {key} again"
        return
    if attempt != 1 and (batch is None or batch.state != "sealed" or batch.live):
        was = "unknown" if batch is None else "under way" if batch.live else batch.state
        yield checks.ATTEMPT, f"expected attempt {attempt} of a batch between two, was {key} {was}"
        return
    if batch is not None and (attempt != len(batch.attempts) + 1 or batch.asset != event["asset"]):
        expected = f"attempt {len(batch.attempts) + 1} of {batch.asset}"
        yield checks.ATTEMPT, f"expected {expected}, was attempt {attempt} of {event['asset']}"
    if not members:
        yield checks.MEMBERS, f"expected members in batch {key}, was none"
    for order in members:
        if order.batch != (None if attempt == 1 else key):
            said = f"expected order {order.id} to be free for batch {key}, was in {order.batch}"
            yield checks.OUTCOME, said
    if len({o.pricing for o in members}) > 1 or sum(o.direct for o in members) > 1:
        said = f"expected one pricing and at most one large order in batch {key}"
        yield checks.MEMBERS, f"{said}, was {[(o.id, o.pricing, o.direct) for o in members]}"


def _common_faults(books: Books, event: Fields, members: list[ModelOrder]) -> Findings:
    """Price, guard, and what can be said of the amounts without knowing the exchange's rules."""
    house = books.house
    if house is not None:
        for order in members:
            if order.pricing == "quoted" and not passes(order.unit_price, event["price"], house):
                at = f"{event['price']}, quoted at {order.unit_price}"
                yield (
                    checks.GUARD,
                    f"expected order {order.id} to pass the guard, was bought at {at}",
                )
        if event["window_ms"] != house.window_ms:
            said = f"expected a window of {house.window_ms} ms, was {event['window_ms']}"
            yield checks.ATTEMPT, said
    need = sum(o.quantity for o in members) - event["used"]
    average = members[0].pricing == "average"
    if average and event["used"]:
        yield checks.PLAN, f"expected no coins used at average prices, was {event['used']}"
    free = books.inventory[event["asset"]].free
    if not 0 <= event["used"] <= free:
        yield checks.RESERVED, f"expected 0 to {free} coins reserved, was {event['used']}"
    if not average and not need <= event["quantity"] <= max(need, 0) + event["quantity"] * (
        need > 0
    ):
        said = f"expected at least {need} units bought, or none if none are needed"
        yield checks.PLAN, f"{said}, was {event['quantity']}"


def _seal(books: Books, event: Fields, members: list[ModelOrder]) -> Findings:
    commit = _commit(books, event)
    floor = max(commit.base, *(o.since for o in members))
    yield from _market_faults(books, event, floor)
    row = books.inventory[event["asset"]]
    if row.retry_at_us > event["at_us"]:
        said = f"expected nothing sealed before the back-off ends at {row.retry_at_us}"
        yield checks.BACKOFF, f"{said}, was at {event['at_us']}"
    direct = members[0].direct or any(o.direct for o in members)
    batch = ModelBatch(
        key=event["batch"],
        asset=event["asset"],
        pricing=members[0].pricing,
        direct=direct,
        members={},
        attempts=[],
    )
    judged = [
        (faults, terms, look)
        for terms in terms_seen(books, event, commit, floor)
        for look in looks(books, terms, commit, floor)
        for faults in (list(_plan_faults(event, members, terms, look, direct=direct)),)
    ]
    right = [each for each in judged if not each[0]]
    if judged and not right:
        yield from judged[0][0]
    books.batches[batch.key] = batch
    _bind(books, batch, event, members, right[0][1] if right else None)
    commit.gone.extend(members)
    commit.price = event["price"]
    if right and not direct:
        _owe_moved(books, [look.moved(batch.pricing, terms) for _, terms, look in right])


def _seal_again(books: Books, event: Fields, members: list[ModelOrder]) -> Findings:
    batch = books.batches[event["batch"]]
    commit = books.new_commit(batch.asset, event["at_us"])
    yield from _market_faults(books, event, commit.base)
    old = list(batch.members.values())
    terms_right: Terms | None = None
    first: list[tuple[str, str]] | None = None
    for terms in terms_seen(books, event, commit, commit.base):
        faults = list(_again_faults(event, members, old, terms))
        if not faults:
            terms_right = terms
            break
        first = faults if first is None else first
    if terms_right is None:
        yield from first or ()
    batch.members = {}
    _bind(books, batch, event, members, terms_right)
    _owe_leftovers(books, event, [o for o in old if o.id not in batch.members])


def _again_faults(
    event: Fields, members: list[ModelOrder], old: list[ModelOrder], terms: Terms
) -> Findings:
    """The next attempt is a new plan: of those who are not overdue and pass the guard."""
    rest = [o for o in old if not must_leave(o, terms.house, terms.at_us)]
    passing = sorted(terms.guard(rest), key=lambda o: o.age)
    large = [o for o in passing if o.direct]
    if not large and any(o.direct for o in old):
        yield checks.MEMBERS, "expected no next attempt of a batch whose large order leaves"
    expected = passing
    if large:
        expected, _ = take_along(large[0], [o for o in passing if not o.direct], terms)
    yield from _membership(checks.MEMBERS, expected, members)
    yield from _amount_faults(event, members, terms, direct=bool(large))
    total = sum(o.total for o in members)
    if not large and len(members) != len(old) and total < terms.house.threshold:
        said = f"expected fewer members than before to reach {terms.house.threshold} (10⁻⁸)"
        yield checks.ENOUGH, f"{said}, was {total}"


def _plan_faults(
    event: Fields, members: list[ModelOrder], terms: Terms, look: Look, *, direct: bool
) -> Findings:
    yield from _amount_faults(event, members, terms, direct=direct)
    pricing = members[0].pricing
    if direct:
        large = next(o for o in members if o.direct)
        expected, _ = take_along(large, look.candidates, terms)
    else:
        overdue = any(
            is_overdue(o, terms.house, terms.at_us) for o in look.candidates if o.pricing == pricing
        )
        if not may_seal(pricing, *together(members), terms, overdue=overdue):
            total = sum(o.total for o in members)
            said = f"expected members that total {terms.house.threshold} (10⁻⁸), or a deadline"
            yield checks.ENOUGH, f"{said} with a feasible plan; was {total}"
        expected = choose(look.candidates, pricing, terms)
    if look.sure:
        yield from _membership(checks.OLDEST, expected, members)


def _amount_faults(
    event: Fields, members: list[ModelOrder], terms: Terms, *, direct: bool
) -> Findings:
    plan = terms.plan(members[0].pricing, *together(members), direct=direct)
    if (plan.buy, plan.used) != (event["quantity"], event["used"]):
        was = f"{event['quantity']} and {event['used']}"
        yield checks.PLAN, f"expected {plan.buy} units bought and {plan.used} used, was {was}"
    elif not plan.feasible:
        said = (
            f"expected a feasible plan, was {plan.buy} units bought with {plan.surplus} left over"
        )
        yield checks.PLAN, f"{said} (free {terms.free}, expected {terms.expected})"


def _membership(
    check: str, expected: Sequence[ModelOrder], members: Sequence[ModelOrder]
) -> Iterator[tuple[str, str]]:
    ours, theirs = sorted(o.id for o in expected), sorted(o.id for o in members)
    if ours != theirs:
        yield check, f"expected orders {ours} as members, was {theirs}"


def _market_faults(books: Books, event: Fields, floor: int) -> Findings:
    """Nothing is sealed of a halted asset or at a price that is stale or was never told."""
    asset, at_us = books.asset(event["asset"]), event["at_us"]
    if not books.signs:
        yield checks.ATTEMPT, "expected nothing signed while the exchange's clock is not known"
    if not any(asset.active.since(floor)):
        yield checks.PRICE, f"expected nothing bought of {asset.symbol} while it is halted"
    told, known = event.get("rule"), list(asset.rules.since(floor))
    if told is not None and known and convert(told, Rule) not in known:
        yield checks.PLAN, f"expected a plan by the rule told last, {known[0]}, was by {told}"
    if not asset.prices or books.house is None:
        return
    seen = [p for p in books.prices_seen(asset.symbol, floor, at_us) if p.price == event["price"]]
    if not seen:
        now = asset.prices.now
        told = "none" if now is None else now.price
        yield checks.PRICE, f"expected the price told last, {told}, was {event['price']} (10⁻¹²)"
    elif not any(is_fresh(p, books.house, at_us) for p in seen):
        age = at_us - seen[0].at_us
        yield (
            checks.PRICE,
            f"expected a price of at most {books.house.price_max_age_us} µs, was {age}",
        )


def _commit(books: Books, event: Fields) -> Commit:
    """The commit that a first attempt belongs to: the one before, if it may go on."""
    symbol, at_us = event["asset"], event["at_us"]
    now = books.commit
    if now is None or now.retried or (now.asset, now.at_us) != (symbol, at_us):
        now = books.commit = books.new_commit(symbol, at_us)
    return now


def _bind(
    books: Books, batch: ModelBatch, event: Fields, members: list[ModelOrder], terms: Terms | None
) -> None:
    """Reserve what is used, expect what will be left over, and bind the members."""
    plan = None
    if terms is not None:
        plan = terms.plan(batch.pricing, *together(members), direct=batch.direct)
    attempt = ModelAttempt(
        quantity=event["quantity"],
        timestamp_ms=event["timestamp_ms"],
        window_ms=event["window_ms"],
        state="submitting" if event["quantity"] else "none",
    )
    batch.attempts.append(attempt)
    batch.live, batch.used = True, event["used"]
    batch.surplus = 0 if plan is None else plan.surplus
    batch.members = {o.id: o for o in members}
    for order in members:
        books.bind(order, batch.key)
    row = books.inventory[batch.asset]
    row.reserved += batch.used
    row.expected += batch.surplus
    books.touch(batch.asset)


def _owe_moved(books: Books, moved: list[list[ModelOrder]]) -> None:
    """Who does not pass the guard leaves in the commit of the intent, if all looks agree on who."""
    if moved[0] and all(idents(each) == idents(moved[0]) for each in moved):
        books.owe("OrdersFailed", reason="price_moved", orders=idents(moved[0]))


def _owe_leftovers(books: Books, event: Fields, left: list[ModelOrder]) -> None:
    """Members of before: overdue ones leave, so do those whom the price has left behind; the others
    wait again.
    """
    house = books.house
    if house is None:
        return
    late = [o for o in left if must_leave(o, house, event["at_us"])]
    rest = [o for o in left if o not in late]
    moved = [
        o for o in rest if o.pricing == "quoted" and not passes(o.unit_price, event["price"], house)
    ]
    freed = [o for o in rest if o not in moved]
    if freed:
        books.owe("OrdersReturned", asset=event["asset"], orders=idents(freed))
    for reason, orders in (("deadline", late), ("price_moved", moved)):
        if orders:
            books.owe("OrdersFailed", reason=reason, orders=idents(orders))
