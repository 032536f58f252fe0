"""What shows only when time passes, prices move, or the service behind the API fails."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
import pytest
from litestar import Request
from litestar.types import Message
from typing_extensions import override

from crypto_exchange.adapters.memory import InsecureHasher, MemoryClock
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.receipt import list_faults
from crypto_exchange.domain.use_cases import currencies, trading
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.http.app import create_app
from crypto_exchange.entrypoints.http.bodies import decode_body
from crypto_exchange.entrypoints.http.config import HttpConfig
from crypto_exchange.entrypoints.http.operations import ApiRequest
from crypto_exchange.entrypoints.http.problems import RequestError
from crypto_exchange.entrypoints.http.receipts import read_receipt
from crypto_exchange.entrypoints.http.schemas import AmountRequest
from tests.unit.http.api import Api
from tests.unit.http.application import app_over, client_of
from tests.unit.http.suite import move, place

DIRECT = '{"crypto": "ABAN", "amount": 3}'


async def test_a_direct_order_completes_and_becomes_a_holding(api: Api, context: Context) -> None:
    token = await api.register("100.00")
    placed = (await place(api, token, DIRECT)).json

    await trade(context)

    order = (await api.call("GET", f"orders/{placed['id']}", token=token)).json
    assert placed["state"] == "pending"
    assert order == {**placed, "state": "completed", "filled_amount": "3"}
    assert (order["unit_price"], order["total_price"]) == ("20.00", "60.00")
    holdings = await api.call("GET", "accounts/holdings/", token=token)
    assert holdings.text == '[{"crypto":"ABAN","amount":3,"cost":60.00,"value":60.00}]'


async def test_a_holding_is_valued_at_the_last_price_rounded_down_to_the_cent(
    api: Api, context: Context
) -> None:
    token = await api.register("100.00")
    await place(api, token, '{"crypto": "ABAN", "amount": 3.333}')
    await trade(context)

    await context.market.save_prices({"ABAN": 20_009_000_000_000}, context.clock.now_us())

    (holding,) = (await api.call("GET", "accounts/holdings/", token=token)).json
    assert (holding["amount"], holding["cost"], holding["value"]) == ("3.333", "66.66", "66.68")


async def test_a_replayed_order_is_shown_as_it_is_now(api: Api, context: Context) -> None:
    token = await api.register("100.00")
    await place(api, token, DIRECT, key="k")
    await trade(context)

    again = await place(api, token, DIRECT, key="k")

    assert (again.status, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json["state"] == "completed"


async def test_everybody_in_a_batch_has_a_receipt_that_is_right(api: Api, context: Context) -> None:
    tokens = [await api.register("100.00") for _ in range(3)]
    placed = [
        (await place(api, token, f'{{"crypto": "BTC", "spend": {spend}}}')).json
        for token, spend in zip(tokens, ("4.00", "3.00", "5.00"), strict=True)
    ]
    await trade(context)

    for token, order in zip(tokens, placed, strict=True):
        answer = await api.call("GET", f"orders/{order['id']}/receipt/", token=token)

        assert answer.status == 200
        assert list(list_faults(read_receipt(answer.text.encode()))) == []
        receipt = answer.json
        own = receipt["members"][int(receipt["index"])]
        assert (own["quantity"], own["total"]) == (order["amount"], order["total_price"])
        assert (receipt["quantity"], receipt["charge"]) == (order["amount"], order["total_price"])
        assert (receipt["refund"], receipt["pricing"]) == ("0.00", "quoted")
        assert len(receipt["members"]) == 3


async def test_an_order_under_way_can_not_be_cancelled(api: Api) -> None:
    token = await api.register("100.00")
    order = (await place(api, token, DIRECT)).json

    answer = await api.call("POST", f"orders/{order['id']}/cancel", token=token)

    assert (answer.status, answer.code) == (409, "too_late")


async def test_without_a_fresh_price_nothing_is_sold_and_the_service_is_not_ready(
    api: Api, clock: MemoryClock
) -> None:
    token = await api.register("100.00")

    clock.advance(181 * 10**6)
    order = await place(api, token, DIRECT)
    ready = await api.call("GET", "/health/ready")

    assert (order.status, order.code) == (503, "price_stale")
    assert (ready.status, ready.code) == (503, "unavailable")
    assert "ABAN, BTC, ETH" in ready.json["detail"]
    assert (await api.call("GET", "/health/live")).status == 200


async def test_a_halted_asset_is_not_sold_and_needs_no_price(
    api: Api, context: Context, clock: MemoryClock
) -> None:
    token = await api.register("100.00")
    for symbol in ("ABAN", "BTC", "ETH"):
        await currencies.halt_asset(context, symbol, halted=True)
    clock.advance(181 * 10**6)

    order = await place(api, token, DIRECT)

    assert (order.status, order.code) == (409, "asset_halted")
    assert (await api.call("GET", "/health/ready")).status == 200
    listed = (await api.call("GET", "exchanges/crypto-currencies/")).json
    assert {row["status"] for row in listed} == {"halted"}


async def test_currencies_are_answered_as_the_specification_writes_them(api: Api) -> None:
    answer = await api.call("GET", "exchanges/crypto-currencies/")

    assert answer.text.startswith(
        '[{"name":"ABAN","price":20.00,"as_of":"2026-01-01T00:00:00.000001Z","status":"active",'
        '"lot_step":0.001,"min_notional":5.00},{"name":"BTC","price":63127.41,'
    )
    assert answer.headers["cache-control"] == "public, max-age=1"


async def test_a_spend_that_buys_nothing_is_too_small(api: Api, context: Context) -> None:
    token = await api.register("100.00")
    await context.market.save_prices({"BTC": 10**7 * 10**12}, context.clock.now_us())

    answer = await place(api, token, '{"crypto": "BTC", "spend": 0.01}')

    assert (answer.status, answer.code) == (422, "amount_too_small")
    assert await api.balance(token) == "100.00"


class TestMissingMigration:
    @pytest.fixture
    def config(self) -> HttpConfig:
        async def missing() -> str | None:
            return "database: expected migration 0002, was 0001"

        return HttpConfig(find_missing=missing)

    async def test_the_service_is_not_ready_and_says_why(self, api: Api) -> None:
        answer = await api.call("GET", "/health/ready")

        assert (answer.status, answer.code) == (503, "unavailable")
        assert answer.json["detail"] == "database: expected migration 0002, was 0001"


class TestHosts:
    @pytest.fixture
    def config(self, config: HttpConfig) -> HttpConfig:
        allowed = ("testserver.local", "*.example.com", "[::1]")
        return msgspec.structs.replace(config, allowed_hosts=allowed)

    @pytest.mark.parametrize(
        ("host", "status"),
        [
            ("testserver.local", 401),
            ("TestServer.local:8000", 401),
            ("a.example.com", 401),
            ("[::1]:80", 401),
            ("example.com", 400),
            ("testserver.local.evil.com", 400),
            ("evil.com", 400),
            ("127.0.0.1", 400),
        ],
    )
    async def test_only_allowed_hosts_are_answered(self, api: Api, host: str, status: int) -> None:
        answer = await api.call("GET", "accounts/wallet/", headers={"Host": host})

        assert answer.status == status

    async def test_probes_come_by_address(self, api: Api) -> None:
        answer = await api.call("GET", "/health/live", headers={"Host": "10.0.0.7:8000"})

        assert answer.status == 200


async def test_the_access_log_tells_no_secret(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "crypto_exchange.access")
    token = await api.register("100.00")
    caplog.clear()

    await move(api, token, "deposit", "77.70", key="secret-key")
    await api.call("GET", "orders/12345?limit=1&token=secret", token=token)
    await api.call("GET", "/nope%0aGET forged 200?secret", token="secret")

    first, second, third = (r for r in caplog.records if r.name == "crypto_exchange.access")
    assert first.getMessage().startswith("PATCH /api/v1/accounts/wallet/deposit 200 ")
    assert vars(first)["user_id"] == 1
    assert vars(second)["path"] == "/api/v1/orders/{id}"
    assert vars(third)["path"] == "/nope\\nGET forged 200"
    assert vars(third)["status"] == 404
    assert vars(third)["network"] is None  # the test's client has no address
    for word in (token, "secret", "77.7", "12345"):
        assert word not in caplog.text


async def trade(context: Context) -> None:
    """Do the worker's job until nothing is left to do."""
    for symbol in ("ABAN", "BTC", "ETH"):
        for key, purchase in await trading.seal_due(context, symbol):
            await trading.execute(context, key, purchase)


async def test_white_space_is_no_token_and_no_idempotency_key(api: Api) -> None:
    token = await api.register()

    for key in (" ", "\t", "\x7f"):
        answer = await move(api, token, "deposit", "1", key=key)
        assert (answer.status, answer.code) == (422, "invalid_field")
    answer = await api.call("GET", "accounts/wallet/", headers={"Authorization": "Bearer  "})
    assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_a_request_without_a_host_is_answered_if_any_host_is_allowed(
    context: Context, config: HttpConfig
) -> None:
    async def call(allowed: tuple[str, ...]) -> int:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        app = create_app(no_context, msgspec.structs.replace(config, allowed_hosts=allowed))
        app.state.context = context
        scope = {"type": "http", "method": "GET", "path": "/api/v1/openapi.json", "headers": []}
        await app(scope | {"query_string": b""}, no_body, send)  # type: ignore[arg-type]  # enough
        return int(sent[0]["status"])  # type: ignore[typeddict-item]  # the first is the start

    assert await call(("*",)) == 200
    assert await call(("example.com",)) == 400


async def test_a_body_that_is_broken_off_is_not_obeyed() -> None:
    parts = [b'{"amount": 1}', None]

    async def receive() -> Any:
        part = parts.pop(0)
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": True}

    scope: Any = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    request: ApiRequest = Request(scope, receive=receive)
    with pytest.raises(RequestError, match="to its end"):
        await decode_body(request, AmountRequest)


async def test_a_body_without_a_length_is_limited_when_it_ends() -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": b" " * 65_537, "more_body": False}

    scope: Any = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    request: ApiRequest = Request(scope, receive=receive)
    with pytest.raises(RequestError, match="at most 65536 bytes"):
        await decode_body(request, AmountRequest)


async def test_when_too_many_passwords_wait_a_login_is_put_off(
    context: Context, config: HttpConfig
) -> None:
    crowded = msgspec.structs.replace(context, passwords=Crowded())

    async with client_of(app_over(crowded, config)) as client:
        body = '{"username": "alice", "password": "correct horse"}'
        answer = await (await Api.open(client)).call("POST", "accounts/auth/login/", body)

    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_a_lone_surrogate_is_no_text(api: Api) -> None:
    body = '{"username": "\\ud800abc", "password": "correct horse"}'

    answer = await api.call("POST", "accounts/auth/login/", body)

    assert (answer.status, answer.code) == (400, "malformed_json")


class Crowded(InsecureHasher):
    """Has no room for one more."""

    @override
    async def verify(self, password: str, hashed: str | None) -> bool:
        raise Unavailable("passwords: expected fewer than 66 under way, was as many")


def no_context() -> AbstractAsyncContextManager[Context]:
    raise AssertionError("the application is not started here")


async def no_body() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}
