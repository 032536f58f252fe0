"""Answers: what each use case returns, refuses, and tells the parts around the database."""

from __future__ import annotations

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import MemoryExchange, Silence
from crypto_exchange.domain.asset import Inventory, MarketRule
from crypto_exchange.domain.change import StoredRequest
from crypto_exchange.domain.errors import (
    InvalidField,
    NotFound,
    Unauthenticated,
    Unavailable,
    UsernameTaken,
)
from crypto_exchange.domain.order import OrderState
from crypto_exchange.domain.purchase import (
    Absent,
    Filled,
    Purchase,
    PurchaseState,
    Rejected,
    RejectionKind,
)
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.use_cases import (
    accounts,
    currencies,
    house,
    orders,
    reconciliation,
    trading,
)
from crypto_exchange.domain.user import TokenPair
from tests.builders import (
    NOW_US,
    a_fill,
    a_price,
    a_simulation,
    an_asset,
    an_open_batch,
    an_order,
    coins,
    usd,
)
from tests.desk import Desk

STALE_RULES = Rejected(kind=RejectionKind.RULES, code="-1013", message="Filter failure.")


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---- accounts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("username", "password"), [("a", "password"), ("alice", "short")])
async def test_nobody_registers_with_a_bad_name_or_password(
    desk: Desk, username: str, password: str
) -> None:
    before = dict(desk.state.users)

    with pytest.raises(InvalidField):
        await accounts.register(desk.context, username, password)

    assert desk.state.users == before


async def test_a_name_that_is_taken_leaves_no_session(desk: Desk) -> None:
    with pytest.raises(UsernameTaken):
        await accounts.register(desk.context, "USER", "password")

    assert desk.state.sessions == {}


async def test_a_refresh_token_that_was_used_before_says_that_the_login_has_ended(
    desk: Desk,
) -> None:
    first = await accounts.register(desk.context, "alice", "password")
    await accounts.renew(desk.context, first.refresh)

    with pytest.raises(Unauthenticated) as refused:
        await accounts.renew(desk.context, first.refresh)

    assert str(refused.value) == (
        "refresh token: expected the newest of its login, was one used before; "
        "the login has been ended, log in again"
    )
    (session,) = desk.state.sessions.values()
    assert session.revoked


async def test_a_login_is_good_for_two_weeks_from_its_last_renewal(desk: Desk) -> None:
    pair = await accounts.register(desk.context, "alice", "password")
    desk.clock.advance(7)

    await accounts.renew(desk.context, pair.refresh)

    (session,) = desk.state.sessions.values()
    assert session.expires_at_us == NOW_US + 7 + accounts.SESSION_US
    assert session.generation == 1


async def test_a_login_is_kept_and_one_that_is_gone_is_ended_without_complaint(desk: Desk) -> None:
    await accounts.register(desk.context, "alice", "password")

    pair = await accounts.log_in(desk.context, "alice", "password")

    assert isinstance(pair, TokenPair)
    assert len(desk.state.sessions) == 2
    desk.state.sessions.clear()
    await accounts.log_out(desk.context, pair.refresh)
    assert desk.state.sessions == {}


# ---- currencies ----------------------------------------------------------------------------------


async def test_an_asset_is_answered_from_near_by_and_new_rules_are_put_there(desk: Desk) -> None:
    await currencies.get_asset(desk.context, "BTC")
    desk.state.save_prices({"BTC": 1}, NOW_US + 1)

    near_by = await currencies.get_asset(desk.context, "BTC")
    desk.exchange.rules["BTC"] = an_asset(lot="0.5").rule
    await currencies.refresh_rules(desk.context)

    assert near_by.price == an_asset().price
    assert (await currencies.get_asset(desk.context, "BTC")).rule.lot_step == coins("0.5")


# ---- the house -----------------------------------------------------------------------------------


async def test_capital_that_was_found_is_booked_under_a_key_of_its_own(desk: Desk) -> None:
    desk.exchange.balances.update({"USD": usd("100"), "BTC": 0})

    assert await house.book_capital(desk.context) == {"USD": usd("100")}

    stored = StoredRequest(0, "book_capital", "first", "", 0)
    assert desk.state.requests[0, "book_capital", "first"] == stored


async def test_an_asset_that_the_exchange_does_not_trade_gets_a_rule_that_forbids_nothing(
    desk: Desk,
) -> None:
    await house.list_new_assets(desk.context, {"NONE": 4})

    listed = desk.state.get_asset("NONE")
    assert listed.rule == MarketRule(lot_step=1, min_notional=0)
    assert (listed.scale, listed.trading, listed.halted) == (4, False, False)


# ---- orders --------------------------------------------------------------------------------------


async def test_a_cancelled_order_is_the_answer(desk: Desk) -> None:
    order = await desk.place("9")

    cancelled = await orders.cancel(desk.context, 1, order.id)

    assert cancelled == desk.now(order)
    assert (cancelled.state, cancelled.refunded) == (OrderState.CANCELLED, usd("9"))


async def test_an_order_that_no_batch_has_settled_has_no_receipt_and_says_why(desk: Desk) -> None:
    order = await desk.place("9")

    with pytest.raises(NotFound) as refused:
        await orders.get_receipt(desk.context, 1, order.id)

    was = f"order {order.id}, aggregated and not settled by a batch"
    assert str(refused.value) == f"expected an existing receipt, was {was}"


async def test_the_receipt_of_a_settled_order_is_the_answer(desk: Desk) -> None:
    order = await desk.place("10")
    await desk.work()

    receipt = await orders.get_receipt(desk.context, 1, order.id)

    assert (receipt.order_id, receipt.charged) == (order.id, usd("10"))
    assert receipt.statement.bought == coins("0.0002")


# ---- trading -------------------------------------------------------------------------------------


async def test_a_sender_without_an_answer_notes_that_at_once(desk: Desk) -> None:
    _, purchase = await desk.lose("10")

    assert desk.state.get_purchase(purchase.batch, 1).state is PurchaseState.UNKNOWN


async def test_without_fresh_rules_a_counted_attempt_is_not_made_again(desk: Desk) -> None:
    await desk.place("10")
    desk.exchange.script.append(STALE_RULES)
    await desk.work()
    sent = len(desk.exchange.received)
    await desk.pass_time(2)
    desk.exchange.down = True

    await desk.work()

    (batch,) = desk.state.batches.values()
    assert not batch.live
    assert (len(desk.exchange.received), batch.attempt) == (sent, 1)


async def test_the_tally_keeps_what_still_waits_after_a_seal(desk: Desk) -> None:
    await desk.place("20")
    desk.state.save_prices({"BTC": a_price("50000")}, desk.clock.now_us())
    await desk.place("6")
    policy = msgspec.structs.replace(desk.context.policy, take_along=False)
    desk.context = msgspec.structs.replace(desk.context, policy=policy)

    await trading.seal_due(desk.context, "BTC")
    quiet = len(desk.tally.wake_ups)
    await desk.place("3.99")
    still = len(desk.tally.wake_ups)
    await desk.place("0.01")

    assert (still, len(desk.tally.wake_ups)) == (quiet, quiet + 1)


async def test_the_tally_forgets_what_a_seal_took(desk: Desk) -> None:
    await desk.place("6")
    await desk.place("6")

    await trading.seal_due(desk.context, "BTC")
    woken = len(desk.tally.wake_ups)
    await desk.place("9.99")

    assert len(desk.tally.wake_ups) == woken


def test_a_simulation_signs_with_its_own_clock_and_registers_without_a_password() -> None:
    simulation, (user_id,) = a_simulation()
    simulation.advance(1_234_567)
    simulation.place(user_id, "BTC", spend=usd("20"))

    simulation.run()

    (purchase,) = simulation.state.purchases.values()
    assert purchase.timestamp_ms == (NOW_US + 1_234_567) // 1_000
    assert simulation.state.get_user(user_id).password_hash == ""


# ---- settlement and quarantine -------------------------------------------------------------------


@pytest.mark.parametrize("buys", [True, False])
def test_a_settlement_ends_the_back_off_only_if_the_exchange_sold(*, buys: bool) -> None:
    opened = an_open_batch(
        an_order("10", "0.0002"), buy="0.0001" if buys else None, used="0.0002", surplus="0.0001"
    )
    row = msgspec.structs.replace(opened.inventory, failures=3, retry_at_us=9, version=5)
    opened = msgspec.structs.replace(opened, inventory=row)

    change = settle(opened, a_fill("0.0001", "5") if buys else None, at_us=NOW_US)

    assert change.inventory is not None
    assert change.inventory.before == row
    assert change.new_statements[0].bought == (coins("0.0001") if buys else 0)
    assert change.inventory.after == Inventory(
        asset="BTC",
        quantity=row.quantity,
        failures=0 if buys else 3,
        retry_at_us=0 if buys else 9,
        version=6,
    )


async def test_a_batch_that_is_not_in_quarantine_is_named(desk: Desk) -> None:
    _, purchase = await desk.lose("10", Silence.BEFORE)

    with pytest.raises(NotFound) as refused:
        await reconciliation.resolve_quarantine(
            desk.context, purchase.batch, Absent(answered_ms=1), "mail"
        )

    was = f"attempt in quarantine of batch, was {purchase.batch}"
    assert str(refused.value) == f"expected an existing {was}"


async def test_a_break_that_is_closed_cannot_be_closed_again(desk: Desk) -> None:
    desk.exchange.balances["DOGE"] = 1
    found = await reconciliation.look(desk.context)
    (opened,) = await reconciliation.record(desk.context, found.differences)
    assert opened.opened_at_us == desk.clock.now_us()
    await reconciliation.close_break(desk.context, opened.key, "counted")

    with pytest.raises(NotFound, match=f"^expected an existing open break, was {opened.key}$"):
        await reconciliation.close_break(desk.context, opened.key, "counted")


async def test_what_was_executed_is_said_in_whole_coins(desk: Desk) -> None:
    _, purchase = await desk.lose("10")
    two = Filled(fills=tuple(a_fill("2", "100000").fills))
    desk.execute_late(purchase, two)
    held = msgspec.structs.replace(purchase, state=PurchaseState.QUARANTINED)
    desk.state.purchases[purchase.batch, 1] = held

    with pytest.raises(InvalidField) as refused:
        await reconciliation.resolve_quarantine(desk.context, purchase.batch, STALE_RULES, "mail")

    assert refused.value.field == "outcome"
    assert refused.value.expected == "that of an attempt that was not executed"
    assert refused.value.was.endswith(f"it sold 2 BTC under {purchase.client_order_id}")
    assert coins("2") == two.quantity


class AnswersOnce(MemoryExchange):
    """Says something of late fills only when it is asked for the fifth time."""

    def __init__(self, desk: Desk) -> None:
        super().__init__((an_asset(),), desk.context.policy, desk.exchange.now_ms)
        self.asked = 0

    @override
    async def find_late(self, purchase: Purchase) -> Filled | None:
        self.asked += 1
        if self.asked != 5:
            raise Unavailable("no answer")
        return None


async def test_an_answer_between_silences_starts_their_count_anew(desk: Desk) -> None:
    for _ in range(11):
        _, purchase = await desk.lose("10")
        await desk.pass_time(37)
        await trading.resolve(desk.context, purchase.batch)
    exchange = AnswersOnce(desk)

    context = msgspec.structs.replace(desk.context, exchange=exchange)
    assert await reconciliation.buy_late_fills(context) == 0

    assert exchange.asked == 10
