"""Every call with every bad credential: what it answers, and that nothing has changed."""

import copy
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.adapters.security import JwtTokens
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.http.app import list_operations
from crypto_exchange.entrypoints.http.operations import Operation
from crypto_exchange.entrypoints.http.problems import CHALLENGE
from tests.unit.http.api import Answer, Api
from tests.unit.http.conftest import NOW_US, asset
from tests.unit.http.credential_matrix import ENDINGS, ROWS, Row, Scene
from tests.unit.http.forgeries import HEADERS, Forgery, forge, forged
from tests.unit.http.second_factor_suite import Customer

KEY = "the key that signs the tokens of these tests"
STEP = NOW_US // 30_000_000
CALLS = list_operations()


def calls(chosen: Callable[[Row], object]) -> pytest.MarkDecorator:
    """The calls whose rows are chosen; one without a row fails by itself."""
    found = [call for call in CALLS if call.name in ROWS and chosen(ROWS[call.name])]
    return pytest.mark.parametrize("call", found, ids=lambda call: call.name)


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
    assert bool(row.owner) == ("{" in call.path)


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


async def test_a_forgery_that_changes_nothing_is_taken(api: Api, context: Context) -> None:
    """What refuses a forged token is its forgery, not how these tests make it."""
    token = await api.register()

    assert await api.balance(forge(token, KEY, Forgery())) == "0.00"
