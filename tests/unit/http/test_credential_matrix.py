"""Every call with every bad credential: what it answers, and that nothing has changed."""

import contextlib
import copy
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.adapters.security import JwtTokens
from crypto_exchange.domain.api_key import Scope, digest_of
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import currencies
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role
from crypto_exchange.entrypoints.http.app import list_operations
from crypto_exchange.entrypoints.http.operations import Operation
from crypto_exchange.entrypoints.http.problems import CHALLENGE
from tests.unit.http.api import Answer, Api
from tests.unit.http.conftest import NOW_US, asset
from tests.unit.http.credential_matrix import ENDINGS, ROWS, Row, Scene
from tests.unit.http.forgeries import HEADERS, Forgery, forge, forged
from tests.unit.http.given_keys import give_key
from tests.unit.http.second_factor_suite import Customer

pytestmark = pytest.mark.no_cover  # every call, many times: others run all of that once

KEY = "the key that signs the tokens of these tests"
STEP = NOW_US // 30_000_000
CALLS = list_operations()


def calls(chosen: Callable[[Row], object]) -> pytest.MarkDecorator:
    """The calls whose rows are chosen; one without a row fails by itself."""
    found = [call for call in CALLS if call.name in ROWS and chosen(ROWS[call.name])]
    return pytest.mark.parametrize("call", found, ids=lambda call: call.name)


def is_deed_of_officer(row: Row) -> bool:
    return row.role is not Role.USER and row.frozen == "refused"


def takes_bearer(row: Row) -> bool:
    return row.bearer != "ignored"


@pytest.fixture
def state() -> State:
    return State((asset("ABAN", "20.00"),))


@pytest.fixture
def context(clock: MemoryClock, state: State) -> Context:
    """As the service has it, with tokens that anybody can read and only we can sign."""
    listed = tuple(state.assets.values())
    context = memory_context(assets=listed, clock=clock, state=state)
    return msgspec.structs.replace(context, tokens=JwtTokens(keys=[KEY], now_us=clock.now_us))


def rows_of(state: State) -> dict[str, Any]:
    return copy.deepcopy(vars(state))


def is_refused(answer: Answer) -> bool:
    return (
        answer.status == 401
        and answer.code == "unauthenticated"
        and answer.headers["www-authenticate"] == CHALLENGE
        and answer.headers["cache-control"] == "no-store"
    )


def test_every_call_has_a_row() -> None:
    assert ROWS.keys() == {call.name for call in CALLS}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_row_agrees_with_what_the_route_says(call: Operation) -> None:
    row = ROWS[call.name]

    fields = call.request.__struct_fields__ if call.request else ()
    declared = "optional" if call.token_optional else "ignored" if call.public else "required"
    assert row.bearer == declared
    assert row.status == call.status
    assert {row.token} - {""} == {"refresh", "challenge"} & {*fields}
    assert bool(row.owner or row.subject) == ("{" in call.path)
    assert row.role is call.role
    assert row.scope is call.scope
    assert (row.frozen == "refused") == ("account_frozen" in call.codes)


@calls(lambda _: True)
async def test_a_good_request_is_answered_as_the_row_says(
    call: Operation, api: Api, context: Context
) -> None:
    scene = await Scene(api, context, call, STEP).prepare()

    answer = await scene.send([f"Bearer {scene.access}"])

    assert answer.status == ROWS[call.name].status, answer


@calls(takes_bearer)
async def test_a_bad_bearer_is_refused_and_nothing_changes(
    call: Operation, api: Api, context: Context, state: State
) -> None:
    scene = await Scene(api, context, call, STEP).prepare()
    bad = {name: make(scene.access) for name, make in HEADERS.items()}
    bad |= {name: [f"Bearer {token}"] for name, token in forged(scene.access, KEY)}
    bad["a refresh token"] = [f"Bearer {scene.refresh}"]
    before = rows_of(state)
    bad["a challenge"] = [f"Bearer {context.tokens.challenge(next(iter(state.users.values())))}"]

    answers = {name: await scene.send(headers) for name, headers in bad.items()}

    assert {name: answer for name, answer in answers.items() if not is_refused(answer)} == {}
    assert rows_of(state) == before


@calls(lambda row: row.scope)
async def test_an_api_key_with_the_scope_is_as_good_as_a_token(
    call: Operation, api: Api, context: Context
) -> None:
    scene = await Scene(api, context, call, STEP).prepare()
    scope = ROWS[call.name].scope
    assert scope is not None
    key = await give_key(context, scene.user_id, scope)

    answer = await scene.send([f"Bearer {key}"])

    assert answer.status == ROWS[call.name].status, answer


@calls(takes_bearer)
async def test_an_api_key_without_the_scope_is_forbidden_and_nothing_changes(
    call: Operation, api: Api, context: Context, state: State
) -> None:
    row, scene = ROWS[call.name], await Scene(api, context, call, STEP).prepare()
    key = await give_key(context, scene.user_id, *(each for each in Scope if each != row.scope))
    before = rows_of(state)

    answer = await scene.send([f"Bearer {key}"])

    if row.bearer == "optional":
        assert is_refused(answer)
    else:
        assert (answer.status, answer.code) == (403, "forbidden")
    assert rows_of(state) == before


@calls(takes_bearer)
async def test_a_bad_api_key_is_refused_and_nothing_changes(
    call: Operation, api: Api, context: Context, state: State
) -> None:
    scene = await Scene(api, context, call, STEP).prepare()
    stranger = Customer(api, STEP)
    await stranger.register()
    good = await give_key(context, scene.user_id)
    other = await give_key(context, context.tokens.read_access(stranger.token).user_id)
    bad = {
        "ended": await give_key(context, scene.user_id, ended_at_us=NOW_US),
        "expired": await give_key(context, scene.user_id, expires_at_us=NOW_US),
        **bad_keys(good, other),
    }
    before = rows_of(state)

    answers = {name: await scene.send([f"Bearer {key}"]) for name, key in bad.items()}

    assert {name: answer for name, answer in answers.items() if not is_refused(answer)} == {}
    assert rows_of(state) == before


def bad_keys(good: str, other: str) -> dict[str, str]:
    """What somebody may make of two good keys of different users."""
    prefix, user_id, key_id, secret = good.split("_")
    _, another, _, secret_of_another = other.split("_")
    return {
        "no secret": f"{prefix}_{user_id}_{key_id}_",
        "a wrong secret": f"{prefix}_{user_id}_{key_id}_{secret[::-1]}",
        "another's secret": f"{prefix}_{user_id}_{key_id}_{secret_of_another}",
        "another user's id": f"{prefix}_{another}_{key_id}_{secret}",
        "nobody's id": f"{prefix}_{2**53 - 1}_{key_id}_{secret}",
        "an id beyond all": f"{prefix}_{'9' * 16}_{key_id}_{secret}",
        "the house's id": f"{prefix}_0_{key_id}_{secret}",
        "a zero before the id": f"{prefix}_0{user_id}_{key_id}_{secret}",
        "another row": f"{prefix}_{user_id}_{key_id[::-1]}_{secret}",
        "in capitals": good.upper(),
        "another prefix": f"xc_{user_id}_{key_id}_{secret}",
        "too short": good[:-1],
        "too long": f"{good}0",
        "spaces within": good.replace("_", " "),
        "its digest": digest_of(good),
    }


@calls(lambda row: not takes_bearer(row))
async def test_a_call_that_takes_no_bearer_looks_at_none(
    call: Operation, api: Api, context: Context
) -> None:
    for name in ("anonymous", "Basic", "nonsense", "two headers"):
        scene = await Scene(api, context, call, STEP).prepare()
        answer = await scene.send(HEADERS[name](scene.access))
        assert answer.status == ROWS[call.name].status, (name, answer)


@calls(lambda row: row.token)
async def test_a_bad_token_in_the_body_is_refused_and_nothing_changes(
    call: Operation, api: Api, context: Context, state: State
) -> None:
    kind = ROWS[call.name].token
    scene = await Scene(api, context, call, STEP).prepare()
    user = state.users[context.tokens.read_access(scene.access).user_id]
    tokens = {
        "access": scene.access,
        "refresh": scene.refresh,
        "challenge": context.tokens.challenge(user),
    }
    good = tokens.pop(kind)
    bad = {**tokens, **dict(forged(good, KEY)), "nothing": "", "nonsense": "nonsense"}
    rest = {"code": scene.customer.code()} if kind == "challenge" else {}
    before = rows_of(state)

    answers = {name: await scene.send([], **rest, **{kind: text}) for name, text in bad.items()}

    assert {name: answer for name, answer in answers.items() if not is_refused(answer)} == {}
    assert rows_of(state) == before
    assert (await scene.send([], **rest, **{kind: good})).status == ROWS[call.name].status


@pytest.mark.parametrize("ending", ENDINGS)
@calls(takes_bearer)
async def test_the_access_token_of_a_login_that_has_ended_is_refused_and_nothing_changes(
    call: Operation, ending: str, api: Api, context: Context, state: State
) -> None:
    scene = await Scene(api, context, call, STEP).prepare()
    end, status = ENDINGS[ending]
    assert await end(scene) == status
    before = rows_of(state)

    answer = await scene.send([f"Bearer {scene.access}"])

    assert is_refused(answer), answer
    assert rows_of(state) == before


@calls(lambda row: row.owner)
async def test_what_is_anothers_is_not_there_and_nothing_changes(
    call: Operation, api: Api, context: Context, state: State
) -> None:
    owner = await Scene(api, context, call, STEP).prepare()
    stranger = Customer(api, STEP)
    await stranger.register()
    unknown = "9" * len(owner.owned)
    before = rows_of(state)

    hidden = await owner.send([f"Bearer {stranger.token}"])
    missing = await owner.send([f"Bearer {stranger.token}"], owned=unknown)

    assert (hidden.status, hidden.code) == (404, "not_found")
    assert re.sub(owner.owned, "", hidden.text) == re.sub(unknown, "", missing.text)
    assert rows_of(state) == before
    assert (await owner.send([f"Bearer {owner.access}"])).status == ROWS[call.name].status


@pytest.mark.parametrize("role", [Role.USER, Role.OPERATOR], ids=lambda role: role.value)
@calls(lambda row: row.role is not Role.USER)
async def test_a_lesser_role_is_forbidden_and_nothing_changes(
    call: Operation, role: Role, api: Api, context: Context, state: State
) -> None:
    if role.covers(ROWS[call.name].role):
        return
    scene = await Scene(api, context, call, STEP, role).prepare()
    before = rows_of(state)

    answer = await scene.send([f"Bearer {scene.access}"])

    assert (answer.status, answer.code) == (403, "forbidden")
    assert rows_of(state) == before


@calls(lambda _: True)
async def test_while_an_account_is_frozen_it_is_looked_at_and_not_used(
    call: Operation, api: Api, context: Context, state: State
) -> None:
    row = ROWS[call.name]
    scene = await Scene(api, context, call, STEP).prepare()
    await scene.freeze()
    before = rows_of(state)

    answer = await scene.send([f"Bearer {scene.access}"])

    if row.frozen == "served":
        assert answer.status == row.status, answer
        return
    assert (answer.status, answer.code) == (403, "account_frozen")
    assert rows_of(state) == before


def test_what_only_protects_is_left_to_a_token_that_somebody_found() -> None:
    assert {call.name for call in CALLS if call.protects} == {"freeze_user", "end_sessions_of_user"}


@calls(is_deed_of_officer)
async def test_an_officers_login_of_before_is_not_enough_and_nothing_changes(
    call: Operation, api: Api, context: Context, clock: MemoryClock, state: State
) -> None:
    scene = await Scene(api, context, call, STEP).prepare()
    clock.advance(15 * 60 * 10**6 + 1)
    renewed = await scene.customer.post("refresh/", {"refresh": scene.refresh})
    before = rows_of(state)

    answer = await scene.send([f"Bearer {renewed.json['access']}"])

    if call.protects:
        assert answer.status == ROWS[call.name].status, answer
        return
    assert (answer.status, answer.code) == (403, "step_up_required")
    assert rows_of(state) == before


@calls(is_deed_of_officer)
async def test_an_officer_with_a_second_factor_gives_a_code_lately(
    call: Operation, api: Api, context: Context, state: State
) -> None:
    scene = await Scene(api, context, call, STEP).prepare()
    customer = scene.customer
    customer.token = scene.access
    await customer.enroll()
    assert (await customer.confirm(customer.code(-1))).status == 200
    before = rows_of(state)

    if not call.protects:
        early = await scene.send([f"Bearer {scene.access}"])
        assert (early.status, early.code) == (403, "step_up_required")
        assert rows_of(state) == before
        scene.access = (await customer.step_up(customer.code())).json["access"]
    answer = await scene.send([f"Bearer {scene.access}"])

    assert answer.status == ROWS[call.name].status, answer


@pytest.mark.parametrize("how", ["frozen", "demoted"])
@calls(is_deed_of_officer)
async def test_an_officer_who_is_stopped_between_look_and_write_writes_nothing(
    call: Operation, how: str, api: Api, context: Context, state: State
) -> None:
    scene, begin = await Scene(api, context, call, STEP).prepare(), context.begin
    await currencies.halt_asset(context, "ABAN", halted=call.name == "resume_asset")
    after_stop: dict[str, Any] = {}

    @contextlib.asynccontextmanager
    async def stopped(*, lock: bool = False) -> AsyncIterator[UnitOfWork]:
        async with begin(lock=lock) as work:
            commit = work.commit

            async def commit_late(change: Change) -> None:
                msgspec.structs.force_setattr(context, "begin", begin)
                await (scene.freeze(log_in=False) if how == "frozen" else scene.demote())
                after_stop.update(rows_of(state))
                await commit(change)

            vars(work)["commit"] = commit_late
            yield work

    msgspec.structs.force_setattr(context, "begin", stopped)
    answer = await scene.send([f"Bearer {scene.access}"])

    code = "account_frozen" if how == "frozen" else "forbidden"
    assert (answer.status, answer.code) == (403, code)
    assert rows_of(state) == after_stop


async def test_a_forgery_that_changes_nothing_is_taken(api: Api, context: Context) -> None:
    """What refuses a forged token is its forgery, not how these tests make it."""
    token = await api.register()

    assert await api.balance(forge(token, KEY, Forgery())) == "0.00"
