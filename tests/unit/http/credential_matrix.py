"""Who may make which call: a row for each call of the API, and what a good request of it is.

`ROWS` is all there is to say of a new call; `BODIES` says what it is sent, where that is not its example.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, NamedTuple

import httpx

from crypto_exchange.domain.use_cases import trading
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.http.operations import Operation
from tests.unit.http.api import Answer, Api
from tests.unit.http.second_factor_suite import PASSWORD, Customer
from tests.unit.http.suite import place

LARGE = '{"crypto": "ABAN", "spend": 20.00}'
SMALL = '{"crypto": "ABAN", "spend": 1.50}'


class Row(NamedTuple):
    """What a call takes.

    `bearer`: an access token is required, has a use, or is not looked at. `status` is that of a good
    request. `token` is what else is taken in the body. `owner` names what in the path is somebody's,
    `factor` the state of the second factor that the call is for.
    """

    bearer: Literal["required", "optional", "ignored"]
    status: int
    token: Literal["", "refresh", "challenge"] = ""
    owner: Literal["", "order", "settled order", "transaction", "session"] = ""
    factor: Literal["", "pending", "active"] = ""


ROWS = {
    "register": Row("ignored", 201),
    "login": Row("ignored", 200),
    "refresh": Row("ignored", 200, token="refresh"),
    "logout": Row("ignored", 204, token="refresh"),
    "enroll_second_factor": Row("required", 200),
    "confirm_second_factor": Row("required", 200, factor="pending"),
    "verify_second_factor": Row("optional", 200, token="challenge", factor="active"),
    "disable_second_factor": Row("required", 204, factor="active"),
    "list_sessions": Row("required", 200),
    "end_session": Row("required", 204, owner="session"),
    "logout_all": Row("required", 204),
    "change_password": Row("required", 200),
    "get_wallet": Row("required", 200),
    "deposit": Row("required", 200),
    "withdraw": Row("required", 200),
    "list_holdings": Row("required", 200),
    "place_order": Row("required", 201),
    "list_orders": Row("required", 200),
    "get_order": Row("required", 200, owner="order"),
    "cancel_order": Row("required", 200, owner="order"),
    "get_receipt": Row("required", 200, owner="settled order"),
    "list_transactions": Row("required", 200),
    "get_transaction": Row("required", 200, owner="transaction"),
    "list_currencies": Row("ignored", 200),
    "live": Row("ignored", 200),
    "ready": Row("ignored", 200),
    "openapi": Row("ignored", 200),
}


class Scene:
    """Somebody with money, orders, two logins and a second factor as the call wants it."""

    def __init__(self, api: Api, context: Context, call: Operation, step: int) -> None:
        self.api, self.context, self.call = api, context, call
        self.customer = Customer(api, step)
        self.access = self.refresh = self.owned = ""

    async def prepare(self) -> "Scene":
        customer, row = self.customer, ROWS[self.call.name]
        await customer.register("100.00")
        pair = (await customer.log_in()).json
        self.access, self.refresh = pair["access"], pair["refresh"]
        if row.owner:
            self.owned = await self._make(row.owner)
        if row.factor:
            await customer.enroll()
        if row.factor == "active":
            assert (await customer.confirm(customer.code(-1))).status == 200
        return self

    async def send(self, authorization: Sequence[str], *, owned: str = "", **body: str) -> Answer:
        """A good request, but for the headers, and for what the body is told to hold instead."""
        path, owned = self.call.path, owned or self.owned
        for name in ("{id:str}", "{session_id:str}"):
            path = path.replace(name, owned)
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

    async def other_login(self) -> dict[str, Any]:
        return dict((await self.customer.log_in()).json)

    async def _make(self, what: str) -> str:
        """Something of theirs; returns its id."""
        api, token = self.api, self.access
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


BODIES: dict[str, Body] = {
    "register": _somebody,
    "login": _own_password,
    "refresh": _refresh,
    "logout": _refresh,
    "confirm_second_factor": _code,
    "verify_second_factor": _code,
    "disable_second_factor": _code,
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
    body = {"password": PASSWORD, "new_password": "battery staple"}
    path = "change-password/"
    return (await scene.customer.post(path, body, token=scene.access)).status


async def _use_a_refresh_token_twice(scene: Scene) -> int:
    body = {"refresh": scene.refresh}
    await scene.customer.post("refresh/", body)
    return (await scene.customer.post("refresh/", body)).status


ENDINGS: dict[str, tuple[Callable[[Scene], Awaitable[int]], int]] = {
    "logout": (_log_out, 204),
    "logout-all": (_log_out_everywhere, 204),
    "ended from elsewhere": (_end_it_from_elsewhere, 204),
    "another password": (_change_the_password, 200),
    "a refresh token used twice": (_use_a_refresh_token_twice, 401),
}
"""What ends a login, and what that itself is answered with."""
