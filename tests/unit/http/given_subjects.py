"""What operators and administrators act on: each makes one, and returns what stands for it in a path."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

from msgspec.structs import replace

from crypto_exchange.adapters.memory import MemoryExchange
from crypto_exchange.domain import screening
from crypto_exchange.domain.activity import Signals
from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.audit_log import TERMINAL
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.placement import PlaceOrder, place_order
from crypto_exchange.domain.quarantine import quarantine
from crypto_exchange.domain.risk import Assessment, Verdict
from crypto_exchange.domain.totp import step_at
from crypto_exchange.domain.use_cases import accounts, administration, trading
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role
from tests.unit.http.api import Api
from tests.unit.http.given_adjustments import give_adjustment
from tests.unit.http.second_factor_suite import Customer
from tests.unit.http.suite import place


async def give_officer(context: Context, role: Role) -> tuple[int, str]:
    """A new user with a role; returns their id and an access token."""
    name = f"officer-{uuid4().hex[:20]}"
    pair = await accounts.register(context, name, "correct horse", role=role)
    return context.tokens.read_access(pair.access).user_id, pair.access


async def give_user(api: Api, context: Context) -> str:
    token = await api.register("100.00")
    return str(context.tokens.read_access(token).user_id)


async def give_frozen_user(api: Api, context: Context) -> str:
    user_id = await give_user(api, context)
    await administration.freeze(context, int(user_id), "a test", actor=TERMINAL)
    return user_id


async def give_user_with_second_factor(api: Api, context: Context) -> str:
    customer = await Customer(api, step_at(context.clock.now_us())).enrolled()
    return str(context.tokens.read_access(customer.token).user_id)


async def settle_factor(context: Context, user_id: int) -> None:
    """Make a second factor one that was confirmed long ago."""
    async with context.begin() as work:
        factor = await work.find_second_factor(user_id)
        assert factor is not None
        after = replace(factor, confirmed_at_us=0, version=factor.version + 1)
        await work.commit(Change(factors=(Transition(factor, after),)))


async def give_asset(_api: Api, _context: Context) -> str:
    return "ABAN"


async def give_quarantined_batch(api: Api, context: Context) -> str:
    """A purchase that was sent, and of which nobody knows any more."""
    await place(api, await api.register("100.00"), '{"crypto": "ABAN", "spend": 20.00}')
    ((key, _purchase),) = await trading.seal_due(context, "ABAN")
    async with context.begin() as work:
        opened = await work.get_batch(key)
        await work.commit(quarantine(opened, at_us=context.clock.now_us()))
    return key


def give_market(context: Context, symbol: str) -> None:
    """Let the exchange trade something."""
    assert isinstance(context.exchange, MemoryExchange)
    context.exchange.rules[symbol] = MarketRule(lot_step=10**5, min_notional=5 * 10**8)


async def give_review(api: Api, context: Context) -> str:
    """A held order of somebody's."""
    token = await api.register("100.00")
    return await hold_order(context, context.tokens.read_access(token).user_id)


async def hold_order(context: Context, user_id: int) -> str:
    """Let the fraud rules hold an order of a user's; returns the review."""
    async with context.begin() as work:
        change = place_order(
            PlaceOrder(user_id=user_id, asset="ABAN", spend=20 * DOLLAR),
            wallet=await work.get_wallet(user_id),
            asset=await work.get_asset("ABAN"),
            policy=context.policy,
            order_id=await context.ids.next_order_id(),
            at_us=context.clock.now_us(),
        )
        found = Signals(
            linked=4, linked_orders=300, score=9_870, model="hst1", top=("linked_orders",)
        )
        assessment = Assessment(verdict=Verdict.HOLD, reasons=("linked_orders",), signals=found)
        review_id = context.ids.new_key()
        noted = screening.note_risk(change, assessment.text)
        await work.commit(screening.hold_order(noted, review_id))
    return f"{user_id}-{review_id}"


MAKERS: dict[str, Callable[[Api, Context], Awaitable[str]]] = {
    "user": give_user,
    "frozen user": give_frozen_user,
    "user with a second factor": give_user_with_second_factor,
    "asset": give_asset,
    "review": give_review,
    "quarantined batch": give_quarantined_batch,
    "adjustment": lambda _api, context: give_adjustment(context),
}
