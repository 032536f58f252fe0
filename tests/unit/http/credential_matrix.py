"""Who may make which call: a row for each call of the API, and what a good request of it is.

`ROWS` is all there is to say of a new call; `BODIES` says what it is sent, where that is not its example.
"""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, NamedTuple

import httpx

from crypto_exchange.domain.api_key import Scope
from crypto_exchange.domain.audit_log import TERMINAL
from crypto_exchange.domain.use_cases import administration, trading
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role
from crypto_exchange.entrypoints.http.operations import Operation
from tests.unit.http.api import Answer, Api
from tests.unit.http.given_adjustments import give_user
from tests.unit.http.given_keys import give_key
from tests.unit.http.given_subjects import MAKERS, give_market
from tests.unit.http.second_factor_suite import PASSWORD, Customer
from tests.unit.http.suite import place

LARGE = '{"crypto": "ABAN", "spend": 20.00}'
SMALL = '{"crypto": "ABAN", "spend": 1.50}'


class Row(NamedTuple):
    """What a call takes.

    `bearer`: an access token is required, has a use, or is not looked at. `status` is that of a good
    request. `token` is what else is taken in the body. `owner` names what in the path is the bearer's own,
    `subject` what is not (`SUBJECTS` makes it), `factor` the state of the second factor that the call is
    for. `role` is the least that the bearer must have, `scope` what an API key must have been given (none:
    people only), `frozen` what becomes of the call while their account is frozen. The bearer has so many `dollars`.
    """

    bearer: Literal["required", "optional", "ignored"]
    status: int
    token: Literal["", "refresh", "challenge"] = ""
    owner: Literal["", "order", "settled order", "transaction", "session", "api key"] = ""
    factor: Literal["", "pending", "active"] = ""
    role: Role = Role.USER
    scope: Scope | None = None
    subject: str = ""
    frozen: Literal["served", "refused"] = "served"
    dollars: str | None = "100.00"


ROWS = {
    "register": Row("ignored", 201),
    "login": Row("ignored", 200),
    "refresh": Row("ignored", 200, token="refresh"),
    "logout": Row("ignored", 204, token="refresh"),
    "enroll_second_factor": Row("required", 200, frozen="refused"),
    "confirm_second_factor": Row("required", 200, factor="pending", frozen="refused"),
    "verify_second_factor": Row("optional", 200, token="challenge", factor="active"),
    "disable_second_factor": Row("required", 204, factor="active", frozen="refused"),
    "list_sessions": Row("required", 200),
    "end_session": Row("required", 204, owner="session"),
    "create_api_key": Row("required", 201, frozen="refused"),
    "list_api_keys": Row("required", 200),
    "end_api_key": Row("required", 204, owner="api key"),
    "logout_all": Row("required", 204),
    "change_password": Row("required", 200, frozen="refused"),
    "export_account": Row("required", 200),
    "close_account": Row("required", 200, frozen="refused", dollars=None),
    "get_wallet": Row("required", 200, scope=Scope.READ),
    "deposit": Row("required", 200, scope=Scope.TRADE, frozen="refused"),
    "withdraw": Row("required", 200, scope=Scope.WITHDRAW, frozen="refused"),
    "list_holdings": Row("required", 200, scope=Scope.READ),
    "place_order": Row("required", 201, scope=Scope.TRADE, frozen="refused"),
    "list_orders": Row("required", 200, scope=Scope.READ),
    "get_order": Row("required", 200, scope=Scope.READ, owner="order"),
    "cancel_order": Row("required", 200, scope=Scope.TRADE, owner="order", frozen="refused"),
    "get_receipt": Row("required", 200, scope=Scope.READ, owner="settled order"),
    "list_transactions": Row("required", 200, scope=Scope.READ),
    "get_transaction": Row("required", 200, scope=Scope.READ, owner="transaction"),
    "list_users": Row("required", 200, role=Role.OPERATOR),
    "get_user": Row("required", 200, role=Role.OPERATOR, subject="user"),
    "freeze_user": Row("required", 200, role=Role.OPERATOR, subject="user", frozen="refused"),
    "unfreeze_user": Row(
        "required", 200, role=Role.OPERATOR, subject="frozen user", frozen="refused"
    ),
    "end_sessions_of_user": Row(
        "required", 200, role=Role.OPERATOR, subject="user", frozen="refused"
    ),
    "reset_second_factor_of_user": Row(
        "required", 200, role=Role.ADMIN, subject="user with a second factor", frozen="refused"
    ),
    "change_role_of_user": Row("required", 200, role=Role.ADMIN, subject="user", frozen="refused"),
    "list_assets": Row("required", 200, role=Role.OPERATOR),
    "list_asset": Row("required", 201, role=Role.ADMIN, frozen="refused"),
    "refresh_rules": Row("required", 200, role=Role.OPERATOR, frozen="refused"),
    "halt_asset": Row("required", 200, role=Role.OPERATOR, subject="asset", frozen="refused"),
    "resume_asset": Row("required", 200, role=Role.OPERATOR, subject="asset", frozen="refused"),
    "list_quarantined": Row("required", 200, role=Role.OPERATOR),
    "get_quarantined": Row("required", 200, role=Role.OPERATOR, subject="quarantined batch"),
    "resolve_quarantined": Row(
        "required", 200, role=Role.ADMIN, subject="quarantined batch", frozen="refused"
    ),
    "list_currencies": Row("ignored", 200),
    "propose_adjustment": Row("required", 201, role=Role.ADMIN, frozen="refused"),
    "list_adjustments": Row("required", 200, role=Role.ADMIN),
    "get_adjustment": Row("required", 200, role=Role.ADMIN, subject="adjustment"),
    "approve_adjustment": Row(
        "required", 200, role=Role.ADMIN, subject="adjustment", frozen="refused"
    ),
    "reject_adjustment": Row(
        "required", 200, role=Role.ADMIN, subject="adjustment", frozen="refused"
    ),
    "list_audit_log": Row("required", 200, role=Role.ADMIN),
    "list_reviews": Row("required", 200, role=Role.OPERATOR),
    "release_review": Row("required", 200, role=Role.OPERATOR, subject="review", frozen="refused"),
    "refuse_review": Row("required", 200, role=Role.OPERATOR, subject="review", frozen="refused"),
    "live": Row("ignored", 200),
    "ready": Row("ignored", 200),
    "openapi": Row("ignored", 200),
}


class Scene:
    """Somebody with money, orders, two logins, and role and second factor as the call wants it; or with
    another role.
    """

    def __init__(
        self, api: Api, context: Context, call: Operation, step: int, role: Role | None = None
    ) -> None:
        self.api, self.context, self.call = api, context, call
        self.role = role or ROWS[call.name].role
        self.customer = Customer(api, step)
        self.access = self.refresh = self.owned = ""

    async def prepare(self) -> "Scene":
        customer, row = self.customer, ROWS[self.call.name]
        await customer.register(row.dollars)
        if row.role is not Role.USER:
            self.other, _ = await give_user(self.context)
        if self.role is not Role.USER:
            await self.give_role(self.role)
            customer.token = (await customer.log_in()).json["access"]
        pair = (await customer.log_in()).json
        self.access, self.refresh = pair["access"], pair["refresh"]
        if row.owner:
            self.owned = await self._make(row.owner)
        if row.subject:
            self.owned = await SUBJECTS[row.subject](self)
        if row.factor:
            await customer.enroll()
        if row.factor == "active":
            assert (await customer.confirm(customer.code(-1))).status == 200
        return self

    async def send(self, authorization: Sequence[str], *, owned: str = "", **body: str) -> Answer:
        """A good request, but for the headers, and for what the body is told to hold instead."""
        path = re.sub(r"\{\w+:str\}", owned or self.owned, self.call.path)
        headers = [("Authorization", value) for value in authorization]
        content: bytes | None = None
        if self.call.request is not None:
            headers.append(("Content-Type", "application/json"))
            good = await BODIES.get(self.call.name, example)(self)
            content = json.dumps(body or good).encode()
        response: httpx.Response = await self.api.client.request(
            self.call.method, path, content=content, headers=headers
        )
        answer = Answer(response.status_code, response.headers, response.text)
        self.api.check(self.call.method, path, answer)
        return answer

    @property
    def user_id(self) -> int:
        return self.context.tokens.read_access(self.access).user_id

    async def other_login(self) -> dict[str, Any]:
        return dict((await self.customer.log_in()).json)

    async def give_role(self, role: Role) -> None:
        """Give them another role, which ends all their logins."""
        user_id = self.context.tokens.read_access(self.customer.token).user_id
        await administration.change_role(self.context, user_id, role, actor=TERMINAL)

    async def demote(self) -> None:
        """Take their role; somebody else is an administrator, for there must be one."""
        await give_user(self.context, Role.ADMIN)
        await administration.change_role(self.context, self.user_id, Role.USER, actor=TERMINAL)

    async def freeze(self, *, log_in: bool = True) -> None:
        """Freeze them; the logins of officers end with it, so they log in again."""
        user_id = self.context.tokens.read_access(self.access).user_id
        await administration.freeze(self.context, user_id, "a test", actor=TERMINAL)
        if log_in and self.role is not Role.USER:
            self.access = (await self.customer.log_in()).json["access"]

    async def _make(self, what: str) -> str:
        """Something of theirs; returns its id."""
        api, token = self.api, self.access
        if what == "api key":
            text = await give_key(self.context, self.user_id)
            return text.split("_")[2]
        if what == "session":
            listed = (await api.call("GET", "accounts/sessions/", token=token)).json
            return str(next(each["id"] for each in listed if not each["current"]))
        order = (await place(api, token, LARGE if what == "settled order" else SMALL)).json["id"]
        if what == "settled order":
            for key, purchase in await trading.seal_due(self.context, "ABAN"):
                await trading.execute(self.context, key, purchase)
        if what == "transaction":
            return str((await api.call("GET", "transactions/", token=token)).json[0]["id"])
        return str(order)


def _made_by(
    maker: Callable[[Api, Context], Awaitable[str]],
) -> Callable[[Scene], Awaitable[str]]:
    return lambda scene: maker(scene.api, scene.context)


SUBJECTS: dict[str, Callable[[Scene], Awaitable[str]]] = {
    **{name: _made_by(maker) for name, maker in MAKERS.items()},
}
"""What officers act on: each makes one, and returns what stands for it in a path."""

Body = Callable[[Scene], Awaitable[dict[str, Any]]]


async def example(scene: Scene) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(scene.call.example or "{}")
    return body


async def _somebody(scene: Scene) -> dict[str, Any]:
    return {"username": Customer(scene.api, 0).name, "password": PASSWORD}


async def _own_password(scene: Scene) -> dict[str, Any]:
    return {"username": scene.customer.name, "password": PASSWORD}


async def _refresh(scene: Scene) -> dict[str, Any]:
    return {"refresh": scene.refresh}


async def _code(scene: Scene) -> dict[str, Any]:
    return {"code": scene.customer.code()}


async def _adjustment(scene: Scene) -> dict[str, Any]:
    amount = {"direction": "credit", "amount": 12.5}
    return {"user_id": scene.other, **amount, "reason": "goodwill"}


async def _new_asset(scene: Scene) -> dict[str, Any]:
    """One that the exchange trades and nobody has listed."""
    give_market(scene.context, "DOGE")
    return await example(scene)


BODIES: dict[str, Body] = {
    "list_asset": _new_asset,
    "register": _somebody,
    "login": _own_password,
    "refresh": _refresh,
    "logout": _refresh,
    "confirm_second_factor": _code,
    "verify_second_factor": _code,
    "disable_second_factor": _code,
    "propose_adjustment": _adjustment,
}


async def _log_out(scene: Scene) -> int:
    body = {"refresh": scene.refresh}
    return (await scene.customer.post("logout/", body)).status


async def _log_out_everywhere(scene: Scene) -> int:
    return (await scene.customer.post("logout-all/", None, token=scene.access)).status


async def _end_it_from_elsewhere(scene: Scene) -> int:
    """By the other login: the one that came with registering."""
    own = scene.context.tokens.read_access(scene.access).session_id
    path = f"/api/v1/accounts/sessions/{own}/end/"
    return (await scene.api.call("POST", path, token=scene.customer.token)).status


async def _change_the_password(scene: Scene) -> int:
    """Also where there is a second factor: then with a code of it, the one that is good next."""
    customer = scene.customer
    customer.token = scene.access
    code = customer.code(1) if customer.secret else None
    return (await customer.change_password("battery staple", code)).status


async def _use_a_refresh_token_twice(scene: Scene) -> int:
    body = {"refresh": scene.refresh}
    await scene.customer.post("refresh/", body)
    return (await scene.customer.post("refresh/", body)).status


async def _close_the_account(scene: Scene) -> int:
    """After all that is in its way is gone; where there is a second factor, with a code of it."""
    api, customer, token = scene.api, scene.customer, scene.access
    await _appoint_an_administrator(scene)
    for order in (await api.call("GET", "orders/", token=token)).json:
        await api.call("POST", f"orders/{order['id']}/cancel/", token=token)
    customer.token = token
    balance = (await api.call("GET", "accounts/wallet/", token=token)).json["balance"]
    await customer.move("withdraw", balance)
    body = {"password": PASSWORD, "leave_holdings": True}
    body |= {"code": customer.code(1)} if customer.secret else {}
    return (await api.call("POST", "accounts/close/", json.dumps(body), token=token)).status


async def _get_another_role(scene: Scene) -> int:
    token = await _appoint_an_administrator(scene)
    role = Role.USER if scene.role is Role.OPERATOR else Role.OPERATOR
    path, body = f"admin/users/{scene.user_id}/role/", json.dumps({"role": role.value})
    return (await scene.api.call("POST", path, body, token=token)).status


async def _appoint_an_administrator(scene: Scene) -> str:
    """Somebody else, for there must be one; returns an access token of theirs."""
    other = Customer(scene.api, 0)
    await other.register()
    user_id = scene.context.tokens.read_access(other.token).user_id
    await administration.change_role(scene.context, user_id, Role.ADMIN, actor=TERMINAL)
    return str((await other.log_in()).json["access"])


ENDINGS: dict[str, tuple[Callable[[Scene], Awaitable[int]], int]] = {
    "logout": (_log_out, 204),
    "logout-all": (_log_out_everywhere, 204),
    "ended from elsewhere": (_end_it_from_elsewhere, 204),
    "another password": (_change_the_password, 200),
    "a refresh token used twice": (_use_a_refresh_token_twice, 401),
    "another role": (_get_another_role, 200),
    "a closed account": (_close_the_account, 200),
}
"""What ends a login, and what that itself is answered with."""
