"""The audit log: whatever needs a right or guards one is entered, and administrators read it."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import crypto_exchange
from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.domain.audit_log import Action, LoggedEntry, Via
from crypto_exchange.domain.ids import HOUSE
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role
from crypto_exchange.entrypoints.http.app import list_operations
from tests.unit.http.api import Answer, Api
from tests.unit.http.audit_matrix import BY_CALL, OTHERWISE
from tests.unit.http.conftest import NOW_US, asset
from tests.unit.http.credential_matrix import ROWS, Scene
from tests.unit.http.given_subjects import give_officer
from tests.unit.http.second_factor_suite import Customer

STEP = NOW_US // 30_000_000
CALLS = {call.name: call for call in list_operations()}
ENTRYPOINTS = Path(crypto_exchange.__file__).parent / "entrypoints"


@pytest.fixture
def state() -> State:
    return State((asset("ABAN", "20.00"),))


@pytest.fixture
def context(clock: MemoryClock, state: State) -> Context:
    return memory_context(clock=clock, state=state)


def test_every_action_has_a_row() -> None:
    assert not BY_CALL.keys() & OTHERWISE.keys()
    assert {*BY_CALL, *OTHERWISE} == set(Action)


@pytest.mark.parametrize("action", BY_CALL, ids=lambda action: action.value)
async def test_a_call_enters_who_did_it_and_from_where(
    action: Action, api: Api, context: Context, state: State
) -> None:
    call = CALLS[BY_CALL[action]]
    scene = await Scene(api, context, call, STEP).prepare()
    bearer_id = scene.user_id
    before = len(state.audit)

    answer = await scene.send([f"Bearer {scene.access}"])

    entry = only(action, state.audit[before:])
    assert answer.status == call.status
    check_request(entry, answer)
    assert entry.actor_id == (HOUSE if call.public else bearer_id)
    if ROWS[call.name].role is Role.USER and call.name != "register":
        assert entry.user_id == bearer_id
    assert entry.at_us == NOW_US


@pytest.mark.parametrize("action", OTHERWISE, ids=lambda action: action.value)
async def test_what_takes_more_than_a_good_request_is_entered_too(
    action: Action, api: Api, context: Context, state: State
) -> None:
    alice = Customer(api, STEP)
    await alice.register()

    done = await OTHERWISE[action](api, context, alice)

    entry = next(each for each in reversed(state.audit) if each.action is action)
    if done.answer is not None:
        check_request(entry, done.answer)
    assert entry.via is done.via
    assert (entry.address != "") == (done.via is Via.API)


async def test_a_failed_login_says_neither_the_name_nor_the_password(
    api: Api, state: State
) -> None:
    alice = Customer(api, STEP)
    await alice.register()
    user_id = state.audit[-1].user_id

    for name in (alice.name.upper(), "nobody-at-all"):
        await alice.post("login/", {"username": name, "password": "a secret of mine"})

    known, unknown = state.audit[-2:]
    assert (known.action, known.user_id) == (Action.LOGIN_FAILED, user_id)
    assert (unknown.action, unknown.user_id) == (Action.LOGIN_FAILED, HOUSE)
    assert known.details == unknown.details
    told = repr((known, unknown)).lower()
    assert not any(word in told for word in (alice.name, "nobody-at-all", "a secret of mine"))


async def test_wrong_codes_and_a_wrong_password_at_a_change_are_failed_logins(
    api: Api, state: State
) -> None:
    alice = await Customer(api, STEP).enrolled()
    challenge = await alice.challenge()
    before = len(state.audit)

    await alice.verify(challenge, alice.wrong_code())
    await alice.disable(alice.wrong_code())
    await alice.change_password("battery staple", alice.wrong_code())
    body = {"password": "no horse", "new_password": "battery staple"}
    await alice.post("change-password/", body, token=alice.token)

    entries = state.audit[before:]
    assert [entry.action for entry in entries] == [Action.LOGIN_FAILED] * 4
    assert [entry.details["step"] for entry in entries] == ["code", "code", "code", "password"]
    assert [entry.actor_id == HOUSE for entry in entries] == [True, False, False, False]
    assert len({entry.user_id for entry in entries} - {HOUSE}) == 1


async def test_orders_and_movements_are_not_entered(api: Api, state: State) -> None:
    token = await api.register()
    before = len(state.audit)

    await api.call("PATCH", "accounts/wallet/deposit", '{"amount": 9}', token=token)
    await api.call("POST", "orders/", '{"crypto": "ABAN", "spend": 1.50}', token=token)
    await api.call("PATCH", "accounts/wallet/withdraw", '{"amount": 1}', token=token)

    assert len(state.audit) == before
    assert len(state.transfers) == 3


async def test_administrators_read_it_in_pages_and_by_user_and_action(
    api: Api, context: Context
) -> None:
    _, token = await give_officer(context, Role.ADMIN)
    alice = Customer(api, STEP)
    await alice.register()
    for password in ("correct horse", "wrong horse", "wrong horse"):
        await alice.post("login/", {"username": alice.name, "password": password})
    user_id = context.tokens.read_access(alice.token).user_id
    path: str | None = f"admin/audit-log/?user={user_id}&limit=3"
    pages = []
    while path is not None:
        answer = await api.call("GET", path, token=token)
        pages.append([entry["action"] for entry in answer.json])
        link = answer.headers.get("link", "")
        path = link.partition(">")[0][1:] or None

    failed = await read(api, token, f"user={user_id}&action=login_failed")

    assert pages == [["login_failed", "login_failed", "logged_in"], ["registered"]]
    assert [entry["action"] for entry in failed.json] == ["login_failed"] * 2
    newest = failed.json[0]
    assert newest["actor_id"] is None
    assert newest["user_id"] == str(user_id)
    assert newest["details"] == {"step": "password", "device": "testclient"}
    for query in ("user=0", "user=alice", "action=nothing", "user=1&user=2", "limit=0"):
        refused = await read(api, token, query)
        assert (refused.status, refused.code) == (422, "invalid_field"), query


async def test_what_nobody_of_this_version_would_write_is_shown_with_the_rest(
    api: Api, context: Context, state: State
) -> None:
    _, token = await give_officer(context, Role.ADMIN)
    strange = msgspec.structs.replace(state.audit[-1], action="no_such", via="no", at_us=2**62)
    state.audit[-1] = strange

    answer = await read(api, token, "limit=1")

    assert answer.status == 200
    (shown,) = answer.json
    assert (shown["action"], shown["via"]) == ("no_such", "no")
    assert shown["at"] == "9999-12-31T23:59:59.999999Z"


def test_every_way_in_says_who_asks() -> None:
    """Each call of a use case that takes an actor is given one."""
    silent = [
        f"{path.relative_to(ENTRYPOINTS)}:{call.lineno} {ast.unparse(call.func)}"
        for folder in ("http", "cli")
        for path in sorted((ENTRYPOINTS / folder).glob("*.py"))
        for call in calls_with_an_actor(path)
        if "actor" not in {keyword.arg for keyword in call.keywords}
    ]

    assert silent == []
    assert len([*calls_with_an_actor(ENTRYPOINTS / "http" / "accounts.py")]) == 4


def calls_with_an_actor(path: Path) -> Iterator[ast.Call]:
    tree = ast.parse(path.read_text())
    modules = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("domain.use_cases")
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value
        if isinstance(owner, ast.Name) and owner.id in modules:
            called = getattr(importlib.import_module(modules[owner.id]), node.func.attr)
            if "actor" in inspect.signature(called).parameters:
                yield node


def check_request(entry: LoggedEntry, answer: Answer) -> None:
    assert entry.via is Via.API
    assert entry.request_id == answer.headers["x-request-id"]
    assert entry.address == "testclient"


def only(action: Action, entries: list[LoggedEntry]) -> LoggedEntry:
    (found,) = [entry for entry in entries if entry.action is action]
    return found


async def read(api: Api, token: str, query: str) -> Answer:
    return await api.call("GET", f"admin/audit-log/?{query}", token=token)
