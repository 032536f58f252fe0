"""Fraud rules in force, as customers and operators see them."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.domain.risk_policy import RiskMode, RiskPolicy
from crypto_exchange.domain.use_cases import trading
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role
from tests.unit.http.api import Answer, Api
from tests.unit.http.given_subjects import give_officer

HOLD_ALL = RiskPolicy(mode=RiskMode.ENFORCE, dollars_per_day=0, new_account_withdrawal=0)


@pytest.fixture
def context(context: Context) -> Context:
    policy = msgspec.structs.replace(context.policy, risk=HOLD_ALL)
    return msgspec.structs.replace(context, policy=policy)


class Operator:
    """Decides on what waits."""

    def __init__(self, api: Api, token: str) -> None:
        self.api, self.token = api, token

    async def queue(self) -> list[dict[str, str]]:
        found = await self.api.call("GET", "admin/reviews/", token=self.token)
        return [*found.json]

    async def decide(self, act: str, order: Answer | None = None) -> None:
        """On an order, or on the withdrawal."""
        order_id = None if order is None else order.json["id"]
        (ident,) = [each["id"] for each in await self.queue() if each["order_id"] == order_id]
        path = f"admin/reviews/{ident}/{act}/"
        answer = await self.api.call("POST", path, "{}", token=self.token)
        assert answer.status == 200


@pytest.fixture
async def operator(api: Api, context: Context) -> Operator:
    _, token = await give_officer(context, Role.OPERATOR)
    return Operator(api, token)


async def buy(api: Api, token: str, dollars: str) -> Answer:
    answer = await api.call(
        "POST", "orders/", f'{{"crypto": "ABAN", "spend": {dollars}}}', token=token
    )
    assert answer.status == 201
    return answer


async def show(api: Api, token: str, order: Answer) -> tuple[str, str | None, str]:
    now = (await api.call("GET", f"orders/{order.json['id']}/", token=token)).json
    return now["state"], now["reason"], now["refunded"]


async def work(context: Context) -> None:
    for symbol in (await trading.list_due(context))[0]:
        for key, purchase in await trading.seal_due(context, symbol):
            await trading.execute(context, key, purchase)


async def withdraw(api: Api, token: str, dollars: str) -> Answer:
    body = f'{{"amount": {dollars}}}'
    return await api.call("PATCH", "accounts/wallet/withdraw", body, token=token)


async def test_a_held_order_waits_under_review_until_it_is_released_and_bought(
    api: Api, context: Context, operator: Operator
) -> None:
    token = await api.register("50.00")

    large, small = await buy(api, token, "20.00"), await buy(api, token, "3.00")
    await work(context)

    for order in (large, small):
        assert (order.json["state"], order.json["reason"]) == ("pending", "under_review")
        assert (await show(api, token, order))[:2] == ("pending", "under_review")
        cancelled = await api.call("POST", f"orders/{order.json['id']}/cancel/", token=token)
        assert cancelled.code == "too_late"
    assert (await api.call("GET", "accounts/wallet/", token=token)).json["balance"] == "27.00"

    await operator.decide("release", large)
    assert (await show(api, token, large))[:2] == ("pending", None)
    await work(context)
    assert (await show(api, token, large))[:2] == ("completed", None)

    await operator.decide("release", small)
    assert (await show(api, token, small))[:2] == ("aggregated", None)
    assert await operator.queue() == []


async def test_a_refused_order_has_failed_and_is_paid_back(api: Api, operator: Operator) -> None:
    token = await api.register("50.00")
    order = await buy(api, token, "20.00")

    await operator.decide("refuse", order)

    assert await show(api, token, order) == ("failed", "refused", "20.00")
    assert (await api.call("GET", "accounts/wallet/", token=token)).json["balance"] == "50.00"


async def test_a_held_withdrawal_is_denied_and_passes_once_after_a_release(
    api: Api, operator: Operator
) -> None:
    token = await api.register("50.00")
    for _ in range(2):
        denied = await withdraw(api, token, "30.00")
        assert (denied.status, denied.code) == (403, "denied")
    (waiting,) = await operator.queue()
    assert (waiting["kind"], waiting["amount"]) == ("withdrawal", "30.00")

    await operator.decide("release")

    assert (await withdraw(api, token, "30.00")).json["balance"] == "20.00"
    assert (await withdraw(api, token, "1.00")).code == "denied"


async def test_a_held_order_asked_for_again_with_its_key_is_the_same(
    api: Api, operator: Operator
) -> None:
    token = await api.register("50.00")
    body, headers = '{"crypto": "ABAN", "spend": 20.00}', {"Idempotency-Key": "k"}

    first, second = [
        await api.call("POST", "orders/", body, token=token, headers=headers) for _ in range(2)
    ]

    assert first.json == second.json
    assert len(await operator.queue()) == 1
