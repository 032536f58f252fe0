"""Adjustments over the API: two administrators, one transfer."""

from __future__ import annotations

import asyncio
import json

import pytest

from crypto_exchange.adapters.memory import MemoryClock
from crypto_exchange.domain.audit_log import TERMINAL, Actor
from crypto_exchange.domain.change import RequestKey
from crypto_exchange.domain.totp import step_at
from crypto_exchange.domain.use_cases import adjustments, administration
from crypto_exchange.domain.use_cases.adjustments import Propose
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role
from tests.unit.http.api import Answer, Api
from tests.unit.http.given_adjustments import give_user
from tests.unit.http.second_factor_suite import Customer

BASE = "admin/adjustments/"


class House:
    """Three administrators, by their tokens, and a user."""

    def __init__(self, api: Api, context: Context) -> None:
        self.api, self.context = api, context

    async def prepare(self) -> House:
        self.admins = [(await give_user(self.context, Role.ADMIN)) for _ in range(3)]
        self.ann, self.ben, self.cat = (token for _, token in self.admins)
        self.user_id, self.user = await give_user(self.context)
        return self

    async def propose(
        self, amount: str, direction: str = "credit", *, token: str = "", key: str = ""
    ) -> Answer:
        body = {"user_id": self.user_id, "direction": direction, "reason": "a fee charged twice"}
        text = json.dumps(body | {"amount": amount})
        headers = {"Idempotency-Key": key} if key else {}
        return await self.api.call("POST", BASE, text, token=token or self.ann, headers=headers)

    async def proposed(self, amount: str, direction: str = "credit") -> str:
        answer = await self.propose(amount, direction)
        assert answer.status == 201, answer
        return str(answer.json["id"])

    async def log_in_again(self, number: int) -> str:
        """Officers write by a login of the last 15 minutes."""
        async with self.context.begin() as work:
            work.abandon()
            user = await work.get_user(self.admins[number][0])
        body = json.dumps({"username": user.username, "password": "correct horse"})
        answer = await self.api.call("POST", "accounts/auth/login/", body)
        return str(answer.json["access"])

    async def decide(self, key: str, how: str, *, token: str = "") -> Answer:
        return await self.api.call("POST", f"{BASE}{key}/{how}/", token=token or self.ben)


@pytest.fixture
async def house(api: Api, context: Context) -> House:
    return await House(api, context).prepare()


async def test_money_moves_when_a_second_administrator_says_so_and_the_user_sees_it(
    house: House,
) -> None:
    (ann, _), (ben, _), _ = house.admins
    key = await house.proposed("12.50")
    assert await house.api.balance(house.user) == "0.00"

    approved = await house.decide(key, "approve")

    assert approved.status == 200
    assert approved.text.startswith(
        f'{{"id":"{key}","user_id":{house.user_id},"direction":"credit","amount":12.50,'
        f'"currency":"USD","reason":"a fee charged twice","state":"approved","proposed_by":{ann},'
    )
    assert approved.json["decided_by"] == str(ben)
    assert await house.api.balance(house.user) == "12.50"
    (shown,) = (await house.api.call("GET", "transactions/", token=house.user)).json
    assert (shown["type"], shown["amount"], shown["order_id"]) == ("deposit", "12.50", None)
    assert (await house.decide(await house.proposed("0.50", "debit"), "approve")).status == 200
    shown, _ = (await house.api.call("GET", "transactions/", token=house.user)).json
    assert (shown["type"], shown["amount"]) == ("withdrawal", "0.50")
    assert await house.api.balance(house.user) == "12.00"
    assert await house.context.queries.list_differences() == ()


async def test_nobody_is_their_own_second_pair_of_eyes(house: House) -> None:
    key = await house.proposed("12.50")
    own = {"user_id": house.admins[0][0], "direction": "credit", "amount": 1, "reason": "mine"}

    answers = [
        await house.decide(key, "approve", token=house.ann),
        await house.decide(key, "approve", token=house.user),
        await house.api.call("POST", BASE, json.dumps(own), token=house.ann),
    ]

    assert [answer.code for answer in answers] == ["forbidden"] * 3
    await administration.change_role(house.context, house.admins[0][0], Role.USER, actor=TERMINAL)
    late = await house.decide(key, "approve")
    assert (late.status, late.code) == (409, "wrong_state")
    assert await house.api.balance(house.user) == "0.00"


async def test_of_many_decisions_at_the_same_time_one_passes(house: House) -> None:
    key = await house.proposed("12.50")
    decisions = [("approve", house.ben), ("approve", house.cat), ("reject", house.ann)] * 2

    answers = await asyncio.gather(*(house.decide(key, how, token=who) for how, who in decisions))

    assert sorted(answer.status for answer in answers) == [200] + [409] * 5
    state = (await house.api.call("GET", f"{BASE}{key}", token=house.cat)).json["state"]
    paid = "12.50" if state == "approved" else "0.00"
    assert await house.api.balance(house.user) == paid
    for how in ("approve", "reject"):
        assert (await house.decide(key, how)).code == "wrong_state"
    assert await house.api.balance(house.user) == paid


async def test_a_debit_takes_no_more_than_there_is_and_may_be_tried_again(house: House) -> None:
    key = await house.proposed("5.00", "debit")

    poor = await house.decide(key, "approve")
    paid = '{"amount": 5.00}'
    await house.api.call("PATCH", "accounts/wallet/deposit", paid, token=house.user)
    rich = await house.decide(key, "approve")

    assert (poor.status, poor.code) == (409, "insufficient_funds")
    assert (rich.status, await house.api.balance(house.user)) == (200, "0.00")


async def test_a_proposal_that_comes_again_is_made_once(house: House) -> None:
    answers = await asyncio.gather(*(house.propose("1.00", key="k") for _ in range(4)))

    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 3
    assert (await house.propose("2.00", key="k")).code == "idempotency_key_reused"
    other = await house.propose("1.00", key="k", token=house.ben)
    assert other.json["id"] != answers[0].json["id"]


async def test_those_that_wait_are_listed_first_and_a_week_ends_waiting(
    house: House, clock: MemoryClock
) -> None:
    old = await house.proposed("1.00")
    clock.advance(7 * 24 * 3_600 * 10**6 + 1)
    house.ann = await house.log_in_again(0)
    first = await house.proposed("2.00")
    clock.advance(1)
    decided = await house.proposed("3.00")
    assert (await house.decide(decided, "reject", token=house.ann)).status == 200

    listed = (await house.api.call("GET", BASE, token=house.cat)).json

    states = [(each["id"], each["state"]) for each in listed]
    assert states == [(first, "proposed"), (decided, "rejected"), (old, "expired")]
    house.ben = await house.log_in_again(1)
    for how in ("approve", "reject"):
        assert (await house.decide(old, how)).code == "wrong_state"


async def test_an_administrator_with_a_second_factor_proposes_and_approves_with_a_fresh_code(
    house: House, clock: MemoryClock
) -> None:
    ann = Customer(house.api, step_at(clock.now_us()))
    ann.token = house.ann
    await ann.enroll()
    await ann.confirm(ann.code(-1))
    (key,) = [(await house.propose("1.00", token=house.ben)).json["id"]]

    refused = [
        await house.propose("1.00"),
        await house.decide(key, "approve", token=house.ann),
        await house.decide(key, "reject", token=house.ann),
    ]
    fresh = (await ann.step_up(ann.code())).json["access"]

    assert [answer.code for answer in refused] == ["step_up_required"] * 3
    assert (await house.propose("1.00", token=fresh)).status == 201
    assert (await house.decide(key, "approve", token=fresh)).status == 200


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("amount", "0", "invalid_amount"),
        ("amount", "0.001", "invalid_amount"),
        ("amount", -1, "invalid_amount"),
        ("amount", "10000.01", "amount_too_large"),
        ("direction", "sideways", "invalid_field"),
        ("reason", "", "invalid_field"),
        ("reason", "x" * 501, "invalid_field"),
        ("reason", "a\u0000b", "invalid_field"),
        ("user_id", 0, "invalid_field"),
        ("user_id", 999_999, "not_found"),
    ],
)
async def test_what_cannot_be_proposed_is_refused(
    house: House, field: str, value: object, code: str
) -> None:
    body = {"user_id": house.user_id, "direction": "debit", "amount": 1, "reason": "goodwill"}

    answer = await house.api.call("POST", BASE, json.dumps(body | {field: value}), token=house.ann)

    assert answer.code == code
    assert (await house.api.call("GET", BASE, token=house.ann)).json == []


@pytest.mark.parametrize("key", ["f" * 24, "F" * 24, "%00", "7", "%F0%9F%AA%99"])
async def test_what_is_no_key_of_a_proposal_is_not_found(house: House, key: str) -> None:
    answers = [
        await house.api.call("GET", f"{BASE}{key}", token=house.ann),
        await house.decide(key, "approve"),
        await house.decide(key, "reject"),
    ]

    assert [answer.code for answer in answers] == ["not_found"] * 3


async def test_of_two_proposals_under_one_key_at_the_same_time_one_is_made(house: House) -> None:
    command = Propose(
        user_id=house.user_id,
        amount=100_000_000,
        reason="a fee charged twice",
        request=RequestKey("adjustments", "k", "fingerprint"),
    )
    actor = Actor(user_id=house.admins[0][0])

    (one, first), (other, second) = await asyncio.gather(
        *(adjustments.propose(house.context, command, actor=actor) for _ in range(2))
    )

    assert one == other
    assert sorted([first, second]) == [False, True]
