"""API keys over HTTP and in the memory of a process: made, listed, used, and gone."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from litestar import Litestar

from crypto_exchange.adapters.memory import MemoryClock
from crypto_exchange.domain.api_key import Scope
from crypto_exchange.domain.audit_log import TERMINAL, Action
from crypto_exchange.domain.errors import Unauthenticated, Unavailable
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import administration, api_keys
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import ACCESS_S, Role, Session
from crypto_exchange.entrypoints.http import known_keys
from crypto_exchange.entrypoints.http.known_keys import KnownKeys, noting_uses
from tests.unit.http.api import Answer, Api
from tests.unit.http.conftest import NOW_US
from tests.unit.http.given_keys import DAY_US, give_key
from tests.unit.http.second_factor_suite import PASSWORD, Customer
from tests.unit.http.suite import move

PATH = "accounts/api-keys/"
STEP = NOW_US // 30_000_000


@pytest.fixture
def state(context: Context) -> State:
    state: State = context.begin._state  # type: ignore[attr-defined]  # memory's own
    return state


async def create(api: Api, token: str, **body: Any) -> Answer:
    wanted = {"name": "bot", "scopes": ["read", "trade"], **body}
    return await api.call("POST", PATH, json.dumps(wanted), token=token)


async def listed(api: Api, token: str) -> Any:
    return (await api.call("GET", PATH, token=token)).json


async def end(api: Api, token: str, key_id: str) -> Answer:
    return await api.call("POST", f"{PATH}{key_id}/end/", token=token)


def user_of(context: Context, token: str) -> int:
    return context.tokens.read_access(token).user_id


async def test_a_key_is_shown_once_used_and_ended(api: Api, context: Context, state: State) -> None:
    token = await api.register("10.00")

    created = await create(api, token, name="ボット", expires_in_days=1)
    key = created.json.pop("key")
    (shown,) = await listed(api, token)
    bought = await move(api, key, "deposit", "1.00")
    gone = await end(api, token, shown["id"])

    assert (created.status, shown) == (201, {k: v for k, v in created.json.items() if k != "key"})
    assert (shown["name"], shown["scopes"], shown["last_used_at"]) == (
        "ボット",
        ["read", "trade"],
        None,
    )
    assert shown["expires_at"][:10] == "2026-01-02"
    assert (bought.status, gone.status, await listed(api, token)) == (200, 204, [])
    assert (await api.call("GET", "accounts/wallet/", token=key)).code == "unauthenticated"
    assert (await move(api, key, "deposit", "1.00")).code == "unauthenticated"
    assert (await end(api, token, shown["id"])).code == "not_found"
    told = [(e.action, e.subject) for e in state.audit if e.subject == shown["id"]]
    assert told == [(Action.API_KEY_CREATED, shown["id"]), (Action.API_KEY_ENDED, shown["id"])]
    secret = key.rpartition("_")[2]
    assert secret not in repr(vars(state))


async def test_keys_are_listed_oldest_first_without_those_that_have_expired(
    api: Api, clock: MemoryClock
) -> None:
    token = await api.register()
    for name, days in (("first", 90), ("second", 1), ("third", 365)):
        await create(api, token, name=name, expires_in_days=days)
        clock.advance(SECOND_US)

    before = await listed(api, token)
    clock.advance(DAY_US)

    assert [key["name"] for key in before] == ["first", "second", "third"]
    assert [key["name"] for key in await listed(api, token)] == ["first", "third"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": 5}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["read", "admin"]}, "scopes"),
        ({"scopes": "read"}, "scopes"),
        ({"scopes": [1]}, "scopes"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 366}, "expires_in_days"),
        ({"expires_in_days": 1.5}, "expires_in_days"),
        ({"expires_in_days": "90"}, "expires_in_days"),
        ({"user_id": 1}, "user_id"),
    ],
)
async def test_a_key_that_is_described_badly_is_refused(
    api: Api, body: dict[str, Any], field: str
) -> None:
    token = await api.register()

    answer = await create(api, token, **body)

    assert (answer.status, answer.code, answer.json["field"]) == (422, "invalid_field", field)
    assert await listed(api, token) == []


async def test_a_number_beyond_all_limits_is_refused(api: Api) -> None:
    token = await api.register()
    for digits in ("9" * 4_000, "9" * 5_000, "1e999"):
        body = f'{{"name": "bot", "scopes": ["read"], "expires_in_days": {digits}}}'

        answer = await api.call("POST", PATH, body, token=token)

        assert (answer.code, answer.json["field"]) == ("invalid_field", "expires_in_days")


async def test_whoever_has_a_second_factor_needs_a_code_and_their_keys_give_none(
    api: Api,
) -> None:
    alice = await Customer(api, STEP).enrolled("5000.00")

    early = await create(api, alice.token)
    alice.token = (await alice.step_up(alice.code())).json["access"]
    key = (await create(api, alice.token, scopes=["withdraw"])).json["key"]

    assert (early.status, early.code) == (403, "step_up_required")
    assert (await move(api, key, "withdraw", "1000.01")).code == "step_up_required"
    assert (await move(api, key, "withdraw", "1000.00")).status == 200


async def test_without_a_second_factor_a_key_is_made_within_fifteen_minutes_of_a_login(
    api: Api, clock: MemoryClock
) -> None:
    token = await api.register()

    clock.advance(15 * 60 * SECOND_US)
    early = await create(api, token)
    clock.advance(1)
    late = await create(api, token)

    assert (early.status, late.status, late.code) == (201, 403, "step_up_required")
    assert "log in again" in late.json["detail"]


async def test_logging_out_leaves_keys_and_a_new_password_ends_them(
    api: Api, context: Context, state: State
) -> None:
    alice = Customer(api, STEP)
    await alice.register()
    key = (await create(api, alice.token)).json["key"]
    assert (await alice.post("logout-all/", None, token=alice.token)).status == 204
    kept = await api.call("GET", "accounts/wallet/", token=key)
    alice.token = (await alice.log_in()).json["access"]

    changed = await alice.change_password("battery staple")

    assert (kept.status, changed.status) == (200, 200)
    assert (await api.call("GET", "accounts/wallet/", token=key)).code == "unauthenticated"
    (ended,) = [e for e in state.audit if e.action is Action.API_KEY_ENDED]
    assert ended.actor_id == ended.user_id == user_of(context, changed.json["access"])


async def test_closing_the_account_ends_its_keys(api: Api, context: Context) -> None:
    alice = Customer(api, STEP)
    await alice.register()
    key = await give_key(context, user_of(context, alice.token))
    assert (await api.call("GET", "accounts/wallet/", token=key)).status == 200

    body = json.dumps({"password": PASSWORD})
    closed = await api.call("POST", "accounts/close/", body, token=alice.token)

    assert closed.status == 200, closed
    assert (await api.call("GET", "accounts/wallet/", token=key)).code == "unauthenticated"
    assert (await move(api, key, "deposit", "1.00")).code == "unauthenticated"


async def test_a_key_of_a_frozen_account_may_still_read(api: Api, context: Context) -> None:
    token = await api.register("10.00")
    user_id = user_of(context, token)
    key = await give_key(context, user_id)

    await administration.freeze(context, user_id, "a test", actor=TERMINAL)

    assert await api.balance(key) == "10.00"
    assert (await move(api, key, "withdraw", "1.00")).code == "account_frozen"
    assert (await create(api, token)).code == "account_frozen"


async def test_neither_a_key_nor_a_login_that_has_ended_makes_another_key(
    api: Api, context: Context
) -> None:
    alice = Customer(api, STEP)
    await alice.register()
    key = await give_key(context, user_of(context, alice.token))
    pair = (await alice.log_in()).json
    await alice.post("logout/", {"refresh": pair["refresh"]})

    assert (await create(api, key)).code == "forbidden"
    assert (await create(api, pair["access"])).code == "unauthenticated"


async def test_when_a_key_was_used_is_written_now_and_then_and_never_set_back(
    api: Api,
    context: Context,
    clock: MemoryClock,
    app: Litestar,
) -> None:
    token = await api.register()
    key = await give_key(context, user_of(context, token))
    known: KnownKeys = app.state.known_keys

    await api.call("GET", "accounts/wallet/", token=key)
    clock.advance(SECOND_US)
    await api.call("GET", "accounts/wallet/", token=key)
    before = (await listed(api, token))[0]["last_used_at"]
    await known.write_uses()
    after = (await listed(api, token))[0]["last_used_at"]
    await known.write_uses()  # nothing: it has been written

    assert (before, after) == (None, "2026-01-01T00:00:01.000001Z")


async def test_what_was_used_is_written_again_and_again(
    api: Api, context: Context, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await give_key(context, user_of(context, await api.register()))
    monkeypatch.setattr(known_keys, "NOTED_EVERY_S", 0)

    async with noting_uses(context) as known:
        await known.find(key)
        async with asyncio.timeout(10):
            while not any(each.used_at_us for each in state.keys.values()):
                await asyncio.sleep(0)


async def test_a_token_of_nobody_makes_no_key_and_no_key_is_read_out_of_nonsense(
    api: Api, context: Context
) -> None:
    session = Session(user_id=999_999, id="gone", expires_at_us=2**60)
    token = context.tokens.issue(Role.USER, session).access

    assert (await create(api, token)).code == "unauthenticated"
    with pytest.raises(Unauthenticated):
        await api_keys.verify(context, "nonsense")


class Counted:
    """A context whose units of work are counted, and fail while they are told to."""

    def __init__(self, context: Context) -> None:
        self._begin, self.count = context.begin, 0
        self.error: Exception | None = None
        self.context = msgspec.structs.replace(context, begin=self)

    def __call__(self, *, lock: bool = False) -> Any:
        self.count += 1
        if self.error is not None:
            raise self.error
        return self._begin(lock=lock)

    @contextmanager
    def failing(self) -> Iterator[None]:
        self.error = Unavailable("postgres")
        yield
        self.error = None


async def test_a_key_costs_one_question_for_as_long_as_an_access_token_lives(
    api: Api, context: Context, clock: MemoryClock
) -> None:
    key = await give_key(context, user_of(context, await api.register()), Scope.READ)
    counted = Counted(context)
    known = KnownKeys(counted.context)

    for _ in range(3):
        claims = await known.find(key)
        assert claims is not None
        assert claims.scopes == frozenset({Scope.READ})
    once = counted.count
    clock.advance(ACCESS_S * SECOND_US)
    await known.find(key)

    assert (once, counted.count) == (1, 2)


async def test_a_key_that_is_known_expires_to_the_moment(
    api: Api, context: Context, clock: MemoryClock
) -> None:
    user_id = user_of(context, await api.register())
    key = await give_key(context, user_id, expires_at_us=clock.now_us() + SECOND_US)
    known = KnownKeys(context)

    clock.advance(SECOND_US - 1)
    assert await known.find(key) is not None
    clock.advance(1)

    with pytest.raises(Unauthenticated):
        await known.find(key)


async def test_wrong_keys_are_not_remembered_and_no_more_good_ones_than_there_is_room_for(
    api: Api, context: Context
) -> None:
    user_id = user_of(context, await api.register())
    keys = [await give_key(context, user_id) for _ in range(5)]
    counted = Counted(context)
    known = KnownKeys(counted.context, most=2)

    for key in keys:
        with pytest.raises(Unauthenticated):
            await known.find(key[:-4] + "0000")
        assert await known.find(key) is not None
    asked = counted.count
    await known.find(keys[-1])

    assert (asked, counted.count, len(known._known)) == (10, 10, 2)
    assert await known.find("no key at all") is None


async def test_uses_that_cannot_be_written_are_kept_and_those_at_the_end_are_written(
    api: Api, context: Context, state: State, caplog: pytest.LogCaptureFixture
) -> None:
    key = await give_key(context, user_of(context, await api.register()))
    counted = Counted(context)

    with caplog.at_level(logging.WARNING):
        async with noting_uses(counted.context) as known:
            await known.find(key)
            with counted.failing():
                await known.write_uses()

    assert [k.used_at_us for k in state.keys.values()] == [NOW_US]
    assert "could not be written" in caplog.text
    assert key not in caplog.text
