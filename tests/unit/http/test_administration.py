"""What operators and administrators see and do, and what becomes of those they do it to."""

import json
from typing import Any

import pytest

from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.domain.audit_log import Action, LoggedEntry
from crypto_exchange.domain.state import State
from crypto_exchange.domain.totp import step_at
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role
from tests.unit.http.api import Answer, Api
from tests.unit.http.conftest import asset
from tests.unit.http.given_subjects import (
    give_market,
    give_officer,
    give_quarantined_batch,
)
from tests.unit.http.second_factor_suite import Customer
from tests.unit.http.suite import SMALL, place, register

REASON = '{"reason": "ticket 4711"}'


@pytest.fixture
def state() -> State:
    return State((asset("ABAN", "20.00"), asset("BTC", "63127.41", 1000)))


@pytest.fixture
def context(clock: MemoryClock, state: State) -> Context:
    return memory_context(assets=tuple(state.assets.values()), clock=clock, state=state)


class Desk:
    """Somebody with a role, who calls."""

    def __init__(self, api: Api, context: Context) -> None:
        self.api, self.context = api, context
        self.user_id, self.token = 0, ""

    async def open(self, role: Role) -> "Desk":
        self.user_id, self.token = await give_officer(self.context, role)
        return self

    async def get(self, path: str) -> Answer:
        return await self.api.call("GET", f"admin/{path}", token=self.token)

    async def post(self, path: str, body: str | None = None) -> Answer:
        return await self.api.call("POST", f"admin/{path}", body, token=self.token)

    def id_of(self, token: str) -> int:
        return self.context.tokens.read_access(token).user_id


@pytest.fixture
async def clerk(api: Api, context: Context) -> Desk:
    return await Desk(api, context).open(Role.OPERATOR)


@pytest.fixture
async def boss(api: Api, context: Context) -> Desk:
    return await Desk(api, context).open(Role.ADMIN)


def entry_of(state: State, action: Action) -> LoggedEntry:
    (entry,) = (each for each in state.audit if each.action is action)
    return entry


async def test_an_account_is_frozen_and_used_again(api: Api, clerk: Desk, state: State) -> None:
    token = await api.register("100.00")
    order = (await place(api, token, SMALL)).json["id"]
    path = f"users/{clerk.id_of(token)}"

    frozen = await clerk.post(f"{path}/freeze/", REASON)
    refused = [
        await place(api, token, SMALL),
        await api.call("POST", f"orders/{order}/cancel/", token=token),
        await api.call("PATCH", "accounts/wallet/deposit", '{"amount": 1}', token=token),
        await api.call("PATCH", "accounts/wallet/withdraw", '{"amount": 1}', token=token),
    ]
    seen = await api.call("GET", f"orders/{order}/", token=token)
    unfrozen = await clerk.post(f"{path}/unfreeze/", REASON)

    assert frozen.json["status"] == "frozen"
    assert {answer.code for answer in refused} == {"account_frozen"}
    assert seen.json["state"] == "aggregated"
    assert unfrozen.json["status"] == "active"
    assert (await place(api, token, SMALL)).status == 201
    entry = entry_of(state, Action.ACCOUNT_FROZEN)
    assert (entry.actor_id, entry.user_id) == (clerk.user_id, clerk.id_of(token))
    assert entry.details == {"reason": "ticket 4711", "ended": 0}
    assert (entry.address, entry.request_id) == ("testclient", frozen.headers["x-request-id"])


async def test_an_account_is_shown_with_what_belongs_to_it(api: Api, clerk: Desk) -> None:
    token = await api.register("100.00")
    await place(api, token, SMALL)

    shown = (await clerk.get(f"users/{clerk.id_of(token)}/")).json

    assert shown.pop("username").startswith("user-")
    assert shown.pop("created_at").startswith("2026-01-01T")
    assert shown == {
        "id": str(clerk.id_of(token)),
        "role": "user",
        "status": "active",
        "balance": "98.50",
        "held": "1.50",
        "currency": "USD",
        "second_factor": False,
        "sessions": "1",
    }


async def test_users_are_found_by_the_beginning_of_their_names_page_by_page(
    api: Api, clerk: Desk
) -> None:
    for name in ("Anna", "annika", "ann+", "bert"):
        await register(api, name.replace("+", "."))

    first = await clerk.get("users/?username=ANN&limit=2")
    link = first.headers["link"]
    rest = await api.call("GET", link[1 : link.index(">")], token=clerk.token)
    twice = await clerk.get("users/?username=a&username=b")

    assert "username=ANN&limit=2&" in link
    assert [user["username"] for user in first.json] == ["ann.", "annika"]
    assert [user["username"] for user in rest.json] == ["Anna"]
    assert "link" not in rest.headers
    assert (twice.code, twice.json["field"]) == ("invalid_field", "username")
    assert len((await clerk.get("users/")).json) == 5


async def test_another_role_ends_all_logins_so_that_no_token_tells_the_old_one(
    api: Api, boss: Desk, context: Context, state: State
) -> None:
    other = await Desk(api, context).open(Role.ADMIN)
    path = f"users/{other.user_id}"
    assert (await other.get("users/")).status == 200

    changed = await boss.post(f"{path}/role/", '{"role": "user"}')

    assert (changed.json["role"], changed.json["sessions"]) == ("user", "0")
    for answer in (await other.get("users/"), await other.post(f"{path}/freeze/", REASON)):
        assert answer.code == "unauthenticated"
    details = entry_of(state, Action.ROLE_CHANGED).details
    assert details == {"was": "admin", "role": "user", "ended": 1}
    wrong = await boss.post(f"{path}/role/", '{"role": "emperor"}')
    assert (wrong.code, wrong.json["field"]) == ("invalid_field", "role")


async def test_the_logins_of_an_officer_end_at_once_when_they_are_frozen(
    api: Api, boss: Desk, context: Context
) -> None:
    officer = await Desk(api, context).open(Role.OPERATOR)
    alice = await api.register()

    frozen = await boss.post(f"users/{officer.user_id}/freeze/", REASON)
    await boss.post(f"users/{boss.id_of(alice)}/freeze/", REASON)

    assert (frozen.json["status"], frozen.json["sessions"]) == ("frozen", "0")
    assert (await officer.get("users/")).code == "unauthenticated"
    assert (await api.call("GET", "accounts/wallet/", token=alice)).status == 200


async def test_nobody_does_so_to_themselves_or_to_a_higher_role(clerk: Desk, boss: Desk) -> None:
    answers = [
        await clerk.post(f"users/{boss.user_id}/freeze/", REASON),
        await clerk.post(f"users/{boss.user_id}/end-sessions/"),
        await boss.post(f"users/{boss.user_id}/freeze/", REASON),
        await boss.post(f"users/{boss.user_id}/role/", '{"role": "user"}'),
        await boss.post(f"users/{boss.user_id}/reset-second-factor/"),
    ]

    assert [(answer.status, answer.code) for answer in answers] == [(403, "forbidden")] * 5


async def test_all_logins_of_a_user_are_ended(
    api: Api, clerk: Desk, clock: MemoryClock, state: State
) -> None:
    alice = Customer(api, step_at(clock.now_us()))
    await alice.register()
    pair = (await alice.log_in()).json

    ended = await clerk.post(f"users/{clerk.id_of(alice.token)}/end-sessions/")

    assert ended.json["sessions"] == "0"
    for token in (alice.token, pair["access"]):
        answer = await api.call("GET", "accounts/wallet/", token=token)
        assert answer.code == "unauthenticated"
    assert (await alice.post("refresh/", {"refresh": pair["refresh"]})).code == "unauthenticated"
    assert (await alice.log_in()).status == 200
    assert entry_of(state, Action.SESSIONS_ENDED).details == {"ended": 2}


async def test_a_lost_second_factor_is_taken_away(
    api: Api, boss: Desk, clock: MemoryClock, state: State
) -> None:
    alice = await Customer(api, step_at(clock.now_us())).enrolled()
    path = f"users/{boss.id_of(alice.token)}/reset-second-factor/"

    answer = await boss.post(path)

    assert answer.json["second_factor"] is False
    assert (await alice.log_in()).json.keys() == {"access", "refresh"}
    assert (await boss.post(path)).code == "not_found"
    assert entry_of(state, Action.SECOND_FACTOR_RESET).actor_id == boss.user_id


async def test_an_asset_is_listed_halted_and_bought_again(
    api: Api, boss: Desk, context: Context, state: State
) -> None:
    give_market(context, "DOGE")
    token = await api.register("100.00")

    listed = await boss.post("assets/", '{"symbol": "DOGE"}')
    halted = await boss.post("assets/ABAN/halt/")
    refused = await place(api, token, SMALL)
    resumed = await boss.post("assets/ABAN/resume/")

    assert (listed.status, listed.json["scale"], listed.json["price"]) == (201, "8", None)
    assert listed.json["lot_step"] == "0.001"
    assert (halted.json["status"], resumed.json["status"]) == ("halted", "active")
    assert refused.code == "asset_halted"
    assert (await place(api, token, SMALL)).status == 201
    for unknown in ("NOPE", "A%00", "%FF"):
        assert (await boss.post(f"assets/{unknown}/halt/")).code == "unknown_asset"
    names = [each["symbol"] for each in (await boss.get("assets/")).json]
    assert names == ["ABAN", "BTC", "DOGE"]
    actions = [each.action for each in state.audit if each.actor_id == boss.user_id]
    assert actions == [Action.ASSET_LISTED, Action.ASSET_HALTED, Action.ASSET_RESUMED]
    for body, code in (
        ('{"symbol": "DOGE"}', "wrong_state"),
        ('{"symbol": "NOPE"}', "wrong_state"),
        ('{"symbol": "USD"}', "invalid_field"),
        ('{"symbol": "XRP", "scale": 19}', "invalid_field"),
    ):
        assert (await boss.post("assets/", body)).code == code


async def test_rules_are_brought_in_from_the_exchange(
    clerk: Desk, context: Context, state: State
) -> None:
    give_market(context, "BTC")

    refreshed = await clerk.post("assets/refresh-rules/")

    steps = {each["symbol"]: each["lot_step"] for each in refreshed.json}
    assert steps == {"ABAN": "0.001", "BTC": "0.001"}
    assert entry_of(state, Action.RULES_REFRESHED).actor_id == clerk.user_id


TRADE: dict[str, Any] = {"trade_id": "7", "quantity": "1", "cost": "20.00", "fee": "0.02"}


@pytest.mark.parametrize(
    ("said", "state_after", "balance", "held"),
    [
        ({"outcome": "filled", "trades": [TRADE]}, "filled", "80.00", "0.00"),
        ({"outcome": "filled"}, "partially_filled", "100.00", "0.00"),
        ({"outcome": "rejected"}, "rejected", "100.00", "0.00"),
        ({"outcome": "not_placed"}, "not_placed", "80.00", "20.00"),
    ],
)
async def test_a_purchase_in_quarantine_ends_as_an_administrator_says(
    *,
    said: dict[str, Any],
    state_after: str,
    balance: str,
    held: str,
    api: Api,
    boss: Desk,
    context: Context,
    state: State,
) -> None:
    batch = await give_quarantined_batch(api, context)
    (owner,) = (order.user_id for order in state.orders.values())
    (listed,) = (await boss.get("batches/")).json

    answer = await boss.post(f"batches/{batch}/resolve/", json.dumps(said | {"evidence": "e"}))

    assert (await boss.get(f"batches/{batch}/")).code == "not_found"
    assert listed["state"] == "quarantined"
    assert answer.json == {**listed, "state": state_after}
    shown = (await boss.get(f"users/{owner}/")).json
    assert (shown["balance"], shown["held"]) == (balance, held)
    assert entry_of(state, Action.QUARANTINE_RESOLVED).actor_id == boss.user_id


async def test_what_cannot_have_happened_is_refused_and_stays_in_quarantine(
    api: Api, boss: Desk, context: Context
) -> None:
    batch = await give_quarantined_batch(api, context)
    path = f"batches/{batch}/resolve/"

    for said, field in (
        ({"outcome": "lost"}, "outcome"),
        ({"outcome": "rejected", "trades": [TRADE]}, "trades"),
        ({"outcome": "filled", "trades": [TRADE, TRADE]}, "trades"),
        ({"outcome": "filled", "trades": [TRADE | {"quantity": "1e3"}]}, "quantity"),
        ({"outcome": "filled", "trades": [TRADE | {"quantity": "9"}]}, "trades"),
        ({"outcome": "filled", "evidence": " \0 "}, "evidence"),
    ):
        answer = await boss.post(path, json.dumps({"evidence": "e", **said}))
        assert (answer.code, answer.json["field"]) == ("invalid_field", field)

    assert (await boss.get(f"batches/{batch}/")).json["state"] == "quarantined"
