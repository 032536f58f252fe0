"""What is entered into the audit log: a row for each action, and how somebody makes it happen.

`BY_CALL` is all there is to say of an action that a good request of a call records; `OTHERWISE` has those
that need more than one request, or another way in than the API.
"""

import json
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from crypto_exchange.adapters.memory import MemoryClock, MemoryExchange
from crypto_exchange.domain.audit import open_breaks
from crypto_exchange.domain.audit_log import TERMINAL, Action, Via
from crypto_exchange.domain.breaks import BreakKind, Difference
from crypto_exchange.domain.errors import Denied
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.risk_policy import RiskMode, RiskPolicy
from crypto_exchange.domain.use_cases import accounts, house, orders, reconciliation, reviews
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role
from tests.unit.http.api import Answer, Api
from tests.unit.http.given_subjects import give_officer, give_review
from tests.unit.http.second_factor_suite import Customer

BY_CALL = {
    Action.REGISTERED: "register",
    Action.LOGGED_IN: "login",
    Action.LOGGED_OUT: "logout",
    Action.SESSIONS_ENDED: "logout_all",
    Action.PASSWORD_CHANGED: "change_password",
    Action.SECOND_FACTOR_ENROLLED: "confirm_second_factor",
    Action.SECOND_FACTOR_DISABLED: "disable_second_factor",
    Action.SECOND_FACTOR_RESET: "reset_second_factor_of_user",
    Action.API_KEY_CREATED: "create_api_key",
    Action.API_KEY_ENDED: "end_api_key",
    Action.ACCOUNT_FROZEN: "freeze_user",
    Action.ACCOUNT_UNFROZEN: "unfreeze_user",
    Action.ACCOUNT_EXPORTED: "export_account",
    Action.ACCOUNT_CLOSED: "close_account",
    Action.ROLE_CHANGED: "change_role_of_user",
    Action.ASSET_LISTED: "list_asset",
    Action.ASSET_HALTED: "halt_asset",
    Action.RULES_REFRESHED: "refresh_rules",
    Action.QUARANTINE_RESOLVED: "resolve_quarantined",
    Action.ADJUSTMENT_PROPOSED: "propose_adjustment",
    Action.ADJUSTMENT_APPROVED: "approve_adjustment",
    Action.ADJUSTMENT_REJECTED: "reject_adjustment",
    Action.REVIEW_RELEASED: "release_review",
    Action.REVIEW_REFUSED: "refuse_review",
}


class Done(NamedTuple):
    """What an entry must say of who did it: an answer's request, or no API."""

    answer: Answer | None = None
    via: Via = Via.API


Deed = Callable[[Api, Context, Customer], Awaitable[Done]]


async def _wrong_password(_api: Api, _context: Context, alice: Customer) -> Done:
    body = {"username": alice.name, "password": "wrong horse"}
    return Done(await alice.post("login/", body))


async def _token_used_twice(_api: Api, _context: Context, alice: Customer) -> Done:
    pair = await alice.post("login/", {"username": alice.name, "password": "correct horse"})
    body = {"refresh": pair.json["refresh"]}
    await alice.post("refresh/", body)
    return Done(await alice.post("refresh/", body))


async def _five_wrong_codes(_api: Api, _context: Context, alice: Customer) -> Done:
    await alice.enroll()
    await alice.confirm(alice.code(-1))
    answers = [await alice.step_up(alice.wrong_code()) for _ in range(5)]
    return Done(answers[-1])


async def _recovery_code(_api: Api, _context: Context, alice: Customer) -> Done:
    await alice.enroll()
    codes = (await alice.confirm(alice.code(-1))).json["recovery_codes"]
    return Done(await alice.step_up(codes[0]))


async def _resumed(api: Api, context: Context, _alice: Customer) -> Done:
    _, token = await give_officer(context, Role.OPERATOR)
    reason = json.dumps({"reason": "a test"})
    await api.call("POST", "admin/assets/ABAN/halt/", reason, token=token)
    return Done(await api.call("POST", "admin/assets/ABAN/resume/", reason, token=token))


async def _administrator(_api: Api, context: Context, _alice: Customer) -> Done:
    await accounts.register(context, "root", "correct horse", role=Role.ADMIN, actor=TERMINAL)
    return Done(via=Via.TERMINAL)


async def _capital(_api: Api, context: Context, _alice: Customer) -> Done:
    assert isinstance(context.exchange, MemoryExchange)
    context.exchange.balances = {"USD": 10**10}
    await house.book_capital(context, actor=TERMINAL)
    return Done(via=Via.TERMINAL)


async def _explained(_api: Api, context: Context, _alice: Customer) -> Done:
    found = Difference(kind=BreakKind.VENUE, subject="venue:USD", expected=0, found=1)
    change = open_breaks([found], [], keys=context.keys(), at_us=1)
    assert change is not None
    async with context.begin() as work:
        await work.commit(change)
    await reconciliation.close_break(context, change.new_breaks[0].key, "seen", actor=TERMINAL)
    return Done(via=Via.TERMINAL)


async def _held(api: Api, context: Context, _alice: Customer) -> Done:
    await give_review(api, context)
    return Done(via=Via.SERVICE)


async def _held_too_long(api: Api, context: Context, _alice: Customer) -> Done:
    await give_review(api, context)
    assert isinstance(context.clock, MemoryClock)
    context.clock.advance(365 * 24 * 3600 * SECOND_US)
    assert await reviews.expire_due(context) == 1
    return Done(via=Via.SERVICE)


async def _denied(_api: Api, context: Context, alice: Customer) -> Done:
    await alice.move("deposit", "50.00")
    risk = RiskPolicy(mode=RiskMode.ENFORCE, orders_per_minute=0)
    strict = replace(context, policy=replace(context.policy, risk=risk))
    user_id = context.tokens.read_access(alice.token).user_id
    with pytest.raises(Denied):
        await orders.place(strict, PlaceOrder(user_id=user_id, asset="ABAN", spend=20 * DOLLAR))
    return Done(via=Via.SERVICE)


OTHERWISE: dict[Action, Deed] = {
    Action.LOGIN_FAILED: _wrong_password,
    Action.TOKEN_REUSED: _token_used_twice,
    Action.SECOND_FACTOR_LOCKED: _five_wrong_codes,
    Action.RECOVERY_CODE_USED: _recovery_code,
    Action.ASSET_RESUMED: _resumed,
    Action.ADMINISTRATOR_CREATED: _administrator,
    Action.CAPITAL_BOOKED: _capital,
    Action.BREAK_CLOSED: _explained,
    Action.REVIEW_OPENED: _held,
    Action.REVIEW_EXPIRED: _held_too_long,
    Action.RISK_DENIED: _denied,
}
