"""Rate limits of the API: what counts for which, what is told, and what is never counted."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from ipaddress import ip_network

import httpx
import msgspec
import pytest
from litestar import Litestar

from crypto_exchange.adapters.memory import MemoryClock
from crypto_exchange.domain.limits import Grant, Limit
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.http.app import list_operations
from crypto_exchange.entrypoints.http.config import HttpConfig
from crypto_exchange.entrypoints.http.limits import (
    COUNTED,
    Told,
    limit_headers,
    retry_after_s,
    tell_refusal,
)
from crypto_exchange.entrypoints.http.operations import Operation
from tests.unit.http.api import Answer, Api
from tests.unit.http.application import transport_to
from tests.unit.http.conftest import NOW_US
from tests.unit.http.given_keys import give_key
from tests.unit.http.suite import SMALL, move, place

HOUR_US, MINUTE_US = 3_600 * 10**6, 60 * 10**6
IP = Limit("ip", 3_000, HOUR_US)
USER = Limit("user", 1_000, HOUR_US)
LOGIN = Limit("login", 3, MINUTE_US)
REGISTER = Limit("register", 3, MINUTE_US)
ORDERS = Limit("orders", 5, MINUTE_US)
WITHDRAWALS = Limit("withdrawals", 2, MINUTE_US)
WRONG = '{"username": "nobody", "password": "correct horse"}'

_CLOCK = MemoryClock()

Open = Callable[[str], "Api"]


class TestHeaders:
    def test_the_tightest_limit_is_told_and_the_policy_names_all(self) -> None:
        told = [Told(IP, Grant(1, 2_999, HOUR_US)), Told(USER, Grant(1, 999, 59_000_001))]

        assert limit_headers(told) == [
            (b"ratelimit", b'"user";r=999;t=60'),
            (b"ratelimit-policy", b'"ip";q=3000;w=3600, "user";q=1000;w=3600'),
        ]

    def test_of_two_as_tight_the_one_that_lasts_longer_is_told(self) -> None:
        told = [Told(ORDERS, Grant(1, 0, MINUTE_US)), Told(USER, Grant(1, 0, HOUR_US))]

        assert limit_headers(told)[0] == (b"ratelimit", b'"user";r=0;t=3600')

    @pytest.mark.parametrize(
        ("reset_us", "wait_s"), [(0, 1), (999_999, 1), (1_000_000, 2), (41_000_001, 42)]
    )
    def test_whoever_waits_as_told_is_not_too_early(self, reset_us: int, wait_s: int) -> None:
        assert retry_after_s(reset_us) == wait_s

    def test_a_refusal_says_which_limit_and_when_to_try_again(self) -> None:
        assert tell_refusal(LOGIN, 41_500_000) == (
            "expected at most 3 log-ins from one address in 60 s, was one more; try again in 42 s"
        )


def test_every_call_but_the_probes_is_counted_and_every_limit_counts_some_call() -> None:
    counted = {call.name: call.counted for call in list_operations()}

    assert counted.pop("live") == counted.pop("ready") == ()
    assert all(names[0] == "ip" for names in counted.values())
    assert {name for names in counted.values() for name in names} == COUNTED.keys()
    assert counted["login"] == ("ip", "login")
    assert counted["place_order"] == ("ip", "user", "orders")
    assert counted["list_orders"] == ("ip", "user")


@pytest.fixture
def clock() -> MemoryClock:
    """The same one for all, so that they may have the same application."""
    _CLOCK.at_us = NOW_US
    return _CLOCK


@pytest.fixture
def limits() -> tuple[Limit, ...]:
    return (IP, USER, LOGIN, REGISTER, ORDERS, WITHDRAWALS)


@pytest.fixture
def config(config: HttpConfig, clock: MemoryClock, limits: tuple[Limit, ...]) -> HttpConfig:
    return msgspec.structs.replace(
        config,
        limits=limits,
        monotonic_us=clock.now_us,
        trusted_proxies=(ip_network("10.0.0.0/8"),),
    )


@pytest.fixture
async def open_from(api: Api, app: Litestar) -> AsyncIterator[Open]:
    """A client with an address of its own."""
    async with AsyncExitStack() as stack:

        def open_api(address: str) -> Api:
            transport = transport_to(app, address)
            client = httpx.AsyncClient(transport=transport, base_url="http://testserver.local")
            stack.push_async_callback(client.aclose)
            return Api(client, api.document)

        yield open_api


async def log_in(api: Api, forwarded: str | None = None) -> Answer:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return await api.call("POST", "accounts/auth/login/", WRONG, headers=headers)


async def test_an_answer_tells_what_is_left(api: Api) -> None:
    token = await api.register("100.00")

    wallet = await api.call("GET", "accounts/wallet/", token=token)
    order = await place(api, token, SMALL)

    assert wallet.headers["ratelimit"] == '"user";r=998;t=3600'
    assert wallet.headers["ratelimit-policy"] == '"ip";q=3000;w=3600, "user";q=1000;w=3600'
    assert order.headers["ratelimit"] == '"orders";r=4;t=60'
    assert order.headers["ratelimit-policy"].endswith(', "orders";q=5;w=60')


async def test_a_refusal_is_a_problem_that_says_when_to_try_again(
    api: Api, clock: MemoryClock
) -> None:
    for _ in range(3):
        assert (await log_in(api)).status == 401

    refused = await log_in(api)
    clock.advance(MINUTE_US)
    later = await log_in(api)

    assert (refused.status, refused.code) == (429, "rate_limited")
    assert refused.headers["retry-after"] == "61"
    assert refused.headers["ratelimit"] == '"login";r=0;t=60'
    assert refused.json["detail"] == tell_refusal(LOGIN, MINUTE_US)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["x-request-id"]
    assert later.status == 401


async def test_a_refused_command_does_nothing(api: Api) -> None:
    token = await api.register("100.00")

    answers = [await move(api, token, "withdraw", "10") for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert await api.balance(token) == "80.00"


async def test_orders_of_one_user_do_not_count_for_another_nor_for_other_calls(api: Api) -> None:
    one, other = await api.register("500.00"), await api.register("500.00")

    answers = [await place(api, one, SMALL) for _ in range(6)]

    assert [answer.status for answer in answers] == [201] * 5 + [429]
    assert (await place(api, other, SMALL)).status == 201
    assert (await api.call("GET", "orders/", token=one)).status == 200


async def test_calls_with_an_api_key_count_as_its_users(api: Api, context: Context) -> None:
    token = await api.register("500.00")
    key = await give_key(context, context.tokens.read_access(token).user_id)

    answers = [await place(api, bearer, SMALL) for bearer in (token, key, token, key, key, key)]

    assert [answer.status for answer in answers] == [201] * 5 + [429]
    assert (await place(api, token, SMALL)).status == 429


async def test_log_ins_and_registrations_are_counted_by_address_and_apart(
    open_from: Open,
) -> None:
    here, there = open_from("192.0.2.1"), open_from("192.0.2.2")

    assert [(await log_in(here)).status for _ in range(4)] == [401] * 3 + [429]

    assert (await log_in(there)).status == 401
    assert await here.register()


async def test_a_caller_behind_a_proxy_is_counted_for_itself_whatever_it_invents(
    open_from: Open,
) -> None:
    proxy = open_from("10.0.0.1")

    flood = [await log_in(proxy, f"198.51.100.{n}, 203.0.113.9") for n in range(5)]
    other = await log_in(proxy, "203.0.113.10")

    assert [answer.status for answer in flood] == [401] * 3 + [429] * 2
    assert other.status == 401


async def test_a_stranger_is_counted_for_itself_whomever_it_names(open_from: Open) -> None:
    stranger = open_from("203.0.113.9")

    flood = [await log_in(stranger, f"198.51.100.{n}") for n in range(5)]

    assert [answer.status for answer in flood] == [401] * 3 + [429] * 2


async def test_a_network_of_ipv6_is_one_address(open_from: Open) -> None:
    answers = [await log_in(open_from(f"2001:db8::{n}")) for n in range(4)]
    neighbour = await log_in(open_from("2001:db8:0:1::1"))

    assert [answer.status for answer in answers] == [401] * 3 + [429]
    assert neighbour.status == 401


class TestAddresses:
    @pytest.fixture
    def limits(self) -> tuple[Limit, ...]:
        return (Limit("ip", 5, HOUR_US), USER)

    @pytest.mark.parametrize(
        "path",
        [
            "accounts/wallet/",
            "no/such/path",
            "exchanges/crypto-currencies/",
            "redoc/",
            "openapi.json",
        ],
    )
    async def test_whatever_is_asked_for_counts(self, open_from: Open, path: str) -> None:
        api = open_from("192.0.2.1")

        answers = [await api.client.get(f"/api/v1/{path}") for _ in range(7)]

        assert [answer.status_code == 429 for answer in answers] == [False] * 5 + [True] * 2
        assert answers[0].headers["ratelimit"] == '"ip";r=4;t=3600'
        assert answers[0].headers["ratelimit-policy"] == '"ip";q=5;w=3600'

    async def test_a_flood_without_a_token_is_refused_before_the_token_is_looked_at(
        self, open_from: Open
    ) -> None:
        api, other = open_from("192.0.2.1"), open_from("192.0.2.2")
        token = await other.register()

        flood = [await api.call("GET", "accounts/wallet/") for _ in range(6)]
        user = await api.call("GET", "accounts/wallet/", token=token)

        assert [answer.status for answer in flood] == [401] * 5 + [429]
        assert user.status == 429
        assert (await other.call("GET", "accounts/wallet/", token=token)).status == 200

    async def test_a_flood_of_wrong_api_keys_is_refused_before_they_are_looked_at(
        self, open_from: Open, context: Context
    ) -> None:
        token = await open_from("192.0.2.2").register()
        key = await give_key(context, context.tokens.read_access(token).user_id)
        api = open_from("192.0.2.1")

        wrong = [f"{key[:-64]}{number:064x}" for number in range(6)]
        flood = [await api.call("GET", "orders/", token=each) for each in wrong]

        assert [answer.status for answer in flood] == [401] * 5 + [429]

    async def test_probes_of_health_are_never_counted(self, open_from: Open) -> None:
        api = open_from("192.0.2.1")

        answers = [await api.call("GET", "/health/ready") for _ in range(9)]

        assert {answer.status for answer in answers} == {200}
        assert "ratelimit" not in answers[0].headers
        assert (await api.call("GET", "accounts/wallet/")).status == 401

    async def test_a_user_is_counted_wherever_it_calls_from(self, open_from: Open) -> None:
        token = await open_from("192.0.2.1").register()

        told = [
            (await open_from(f"192.0.2.{n}").call("GET", "orders/", token=token)).headers
            for n in (7, 8)
        ]

        assert [each["ratelimit"] for each in told] == ['"ip";r=4;t=3600'] * 2
        assert {each["ratelimit-policy"] for each in told} == {
            '"ip";q=5;w=3600, "user";q=1000;w=3600'
        }


class TestUsers:
    @pytest.fixture
    def limits(self) -> tuple[Limit, ...]:
        return (Limit("user", 3, HOUR_US),)

    async def test_a_user_over_the_limit_is_refused_everywhere_others_are_not(
        self, open_from: Open
    ) -> None:
        here, there = open_from("192.0.2.1"), open_from("192.0.2.2")
        token, other = await here.register(), await here.register()

        answers = [await here.call("GET", "orders/", token=token) for _ in range(4)]

        assert [answer.status for answer in answers] == [200] * 3 + [429]
        assert (await there.call("GET", "accounts/wallet/", token=token)).status == 429
        assert (await here.call("GET", "orders/", token=other)).status == 200

    async def test_what_is_public_does_not_count_for_a_user(self, api: Api) -> None:
        token = await api.register()

        answers = [
            await api.call("GET", "exchanges/crypto-currencies/", token=token) for _ in range(5)
        ]

        assert {answer.status for answer in answers} == {200}
        assert "ratelimit" not in answers[0].headers


class TestOff:
    @pytest.fixture
    def limits(self) -> tuple[Limit, ...]:
        return ()

    async def test_without_limits_nothing_is_counted_or_told(self, api: Api) -> None:
        answers = [await log_in(api) for _ in range(9)]

        assert {answer.status for answer in answers} == {401}
        assert "ratelimit" not in answers[0].headers


class TestEveryCall:
    @pytest.fixture
    def limits(self) -> tuple[Limit, ...]:
        return (Limit("ip", 50, HOUR_US),)

    @pytest.mark.parametrize(
        "call", [call for call in list_operations() if call.counted], ids=lambda call: call.name
    )
    async def test_every_call_that_is_counted_may_be_refused_as_it_declares(
        self, call: Operation, api: Api, context: Context, limits: tuple[Limit, ...]
    ) -> None:
        await context.limiter.take("testclient", limits[0], 50)

        path = call.path.replace("{id:str}", "1")
        answer = await api.call(call.method, path, call.example)

        assert (answer.status, answer.code) == (429, "rate_limited")
        assert re.search(r"expected .*\bwas ", answer.json["detail"])


async def test_the_description_tells_the_limits_of_each_call(api: Api) -> None:
    responses = api.document["paths"]["/api/v1/orders/"]["post"]["responses"]

    assert set(responses["429"]["headers"]) >= {"Retry-After", "RateLimit", "RateLimit-Policy"}
    policy = responses["201"]["headers"]["RateLimit-Policy"]["description"]
    assert policy == 'The limits that counted the call, of "ip", "user", "orders".'
    assert "429" not in api.document["paths"]["/health/live"]["get"]["responses"]


async def test_a_request_is_counted_once_with_and_without_its_last_slash_and_by_any_method(
    client: httpx.AsyncClient,
) -> None:
    left = []
    for method, path in [
        ("GET", "redoc/"),
        ("GET", "redoc"),
        ("HEAD", "redoc"),
        ("OPTIONS", "redoc"),
    ]:
        answer = await client.request(method, f"/api/v1/{path}")
        left.append(answer.headers["ratelimit"].split(";")[1])

    assert left == ["r=2999", "r=2998", "r=2997", "r=2996"]
