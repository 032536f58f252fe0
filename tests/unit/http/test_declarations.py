"""`openapi.json` is true: every error that a call declares, it gives; and every code has a status."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from crypto_exchange.adapters.memory import MemoryClock
from crypto_exchange.domain.api_key import MAX_KEYS, Scope
from crypto_exchange.domain.audit_log import TERMINAL
from crypto_exchange.domain.errors import DomainError, Unavailable
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.risk_policy import RiskMode, RiskPolicy
from crypto_exchange.domain.totp import step_at
from crypto_exchange.domain.use_cases import accounts, administration, currencies
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role, Session, TokenPair
from crypto_exchange.entrypoints.http.app import list_operations
from crypto_exchange.entrypoints.http.config import HttpConfig
from crypto_exchange.entrypoints.http.operations import Operation
from crypto_exchange.entrypoints.http.problems import PROBLEMS
from tests.unit.http.api import Answer, Api
from tests.unit.http.application import app_over, client_of
from tests.unit.http.credential_matrix import ROWS
from tests.unit.http.given_adjustments import (
    EXAMPLE_USER,
    close,
    give_adjustment,
    give_users_up_to,
)
from tests.unit.http.given_keys import give_key
from tests.unit.http.given_subjects import MAKERS, give_market, give_officer, settle_factor
from tests.unit.http.second_factor_suite import PASSWORD, Customer
from tests.unit.http.suite import SMALL, place, register

DECLARED = [(call, code) for call in list_operations() for code in call.codes]
ROUTING_CODES = {"method_not_allowed", "invalid_request"}
"""What is refused before it is known which call is meant."""
TAKE_CODES_TOO = {"change_password", "close_account"}
"""A code is asked for beside the password."""
TESTED_ELSEWHERE = {"internal_error", "unavailable", "rate_limited"}


def errors_of(kind: type[DomainError]) -> list[type[DomainError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in errors_of(child))]


def test_every_refusal_of_the_domain_has_a_status_and_is_declared_by_some_call() -> None:
    codes = {error.code for error in errors_of(DomainError)[1:]}

    assert codes <= PROBLEMS.keys()
    assert codes <= {code for _, code in DECLARED}


def test_every_code_in_the_table_is_declared_by_some_call() -> None:
    assert PROBLEMS.keys() - {code for _, code in DECLARED} == ROUTING_CODES


def test_codes_have_the_statuses_of_the_specification() -> None:
    specified = """
        400 malformed_json invalid_cursor
        401 unauthenticated invalid_credentials
        403 forbidden step_up_required account_frozen denied
        404 not_found
        409 insufficient_funds asset_halted too_late username_taken
        413 body_too_large
        415 unsupported_media_type
        422 invalid_field invalid_amount amount_too_small amount_too_large unknown_asset
        429 rate_limited
        503 price_stale unavailable
    """
    for line in specified.strip().splitlines():
        status, *codes = line.split()
        assert {PROBLEMS[code].status for code in codes} == {int(status)}
    assert PROBLEMS["idempotency_key_reused"].status == 422


class Situation:
    """A call, and the means to bring about whatever it may have to refuse."""

    def __init__(self, call: Operation, api: Api, context: Context, clock: MemoryClock) -> None:
        self.call, self.api, self.context, self.clock = call, api, context, clock
        self.token: str | None = None
        self.session_id, self.ident = "", "1"
        self.headers: dict[str, str] = {}

    async def prepare(self) -> None:
        """What makes the call succeed, or nearly."""
        if not self.call.public:
            dollars = None if self.call.name == "close_account" else "100.00"
            self.token = await self.api.register(dollars)
            self.session_id = self.context.tokens.read_access(self.token).session_id
        if self.call.role is not Role.USER:
            _, self.token = await give_officer(self.context, self.call.role)
        subject = ROWS[self.call.name].subject
        if subject in MAKERS:
            self.ident = await MAKERS[subject](self.api, self.context)
        if self.call.name == "propose_adjustment":
            await give_users_up_to(self.context, EXAMPLE_USER)
        if self.call.name == "cancel_order":
            assert self.token is not None
            self.order = (await place(self.api, self.token, SMALL)).json["id"]

    async def send(
        self, body: str | bytes | None = None, *, query: str = "", ident: str = ""
    ) -> Answer:
        if body is None and self.call.request is not None:
            body = self.call.example
        path = re.sub(r"\{(id|symbol|batch):str\}", ident or self.ident, self.call.path)
        path = re.sub(r"\{(session|key)_id:str\}", self.session_id, path)
        path += query
        return await self.api.call(
            self.call.method, path, body, token=self.token, headers=self.headers
        )

    async def malformed_json(self) -> Answer:
        return await self.send("{")

    async def body_too_large(self) -> Answer:
        return await self.send(b" " * 65_537)

    async def unsupported_media_type(self) -> Answer:
        self.headers["Content-Type"] = "text/plain"
        return await self.send()

    async def invalid_field(self) -> Answer:
        return await self.send('{"unheard_of": 1}' if self.call.request else None, query="?limit=0")

    async def invalid_cursor(self) -> Answer:
        return await self.send(query="?cursor=x")

    async def invalid_host(self) -> Answer:
        self.headers["Host"] = "a b"
        return await self.send()

    async def unauthenticated(self) -> Answer:
        self.token = None
        return await self.send()

    async def invalid_credentials(self) -> Answer:
        wrong = {"password": "another horse"} if self.call.name in TAKE_CODES_TOO else {}
        return await self.send(json.dumps(json.loads(self.call.example or "{}") | wrong))

    async def username_taken(self) -> Answer:
        await self.send()
        return await self.send()

    async def not_found(self) -> Answer:
        """A token outlives its user when the database is replaced; an order is not there at all."""
        if self.call.name in {"end_session", "end_api_key"}:
            self.session_id = "f" * 24
            return await self.send()
        if self.call.token_optional:
            self.token = await self.api.register()
            return await self.send('{"code": "287082"}')
        if self.call.name == "propose_adjustment":
            body = json.loads(self.call.example or "{}") | {"user_id": 99}
            return await self.send(json.dumps(body))
        if self.call.role is not Role.USER:
            return await self.send(ident="999999")
        session = Session(user_id=999_999, id="gone", expires_at_us=2**60)
        self.token = self.context.tokens.issue(Role.USER, session).access
        return await self.send()

    async def account_frozen(self) -> Answer:
        assert self.token is not None
        user_id = self.context.tokens.read_access(self.token).user_id
        user = await administration.freeze(self.context, user_id, "a test", actor=TERMINAL)
        if user.role is not Role.USER:
            pair = await accounts.log_in(self.context, user.username, PASSWORD)
            assert isinstance(pair, TokenPair)
            self.token = pair.access
        return await self.send()

    async def wrong_state(self) -> Answer:
        """What can be done once is done twice."""
        if self.call.name == "propose_adjustment":
            await close(self.context, EXAMPLE_USER)
        if self.call.name == "list_asset":
            give_market(self.context, "DOGE")
        await self.send()
        return await self.send()

    async def invalid_code(self) -> Answer:
        customer = await self.customer()
        await customer.enroll()
        if self.call.name != "confirm_second_factor":
            await customer.confirm(customer.code())
        example = json.loads(self.call.example or "{}")
        rest = example if self.call.name in TAKE_CODES_TOO else {}
        return await self.send(json.dumps(rest | {"code": customer.wrong_code()}))

    async def second_factor_active(self) -> Answer:
        customer = await self.customer()
        await customer.enroll()
        await customer.confirm(customer.code())
        return await self.send()

    async def step_up_required(self) -> Answer:
        if self.call.name == "enroll_second_factor":
            await self.use_an_old_login()
            return await self.send()
        if self.call.name == "place_order":
            self.enforce(RiskPolicy(mode=RiskMode.ENFORCE, dollars_per_day=31 * DOLLAR))
            customer = await self.customer()
            await customer.enroll()
            await customer.confirm(customer.code())
            await settle_factor(
                self.context, self.context.tokens.read_access(customer.token).user_id
            )
            return await self.send()
        answer = await self.second_factor_active()
        if self.call.name in TAKE_CODES_TOO or self.call.by_officer:
            return answer
        amount = None if self.call.name == "create_api_key" else self.with_amount("1000.01")
        return await self.send(amount)

    async def denied(self) -> Answer:
        self.enforce(RiskPolicy(mode=RiskMode.ENFORCE, orders_per_minute=0, withdrawals_per_day=0))
        return await self.send()

    async def forbidden(self) -> Answer:
        """An API key with all scopes but the one that is needed."""
        assert self.token is not None
        user_id = self.context.tokens.read_access(self.token).user_id
        scopes = [scope for scope in Scope if scope is not self.call.scope]
        self.token = await give_key(self.context, user_id, *scopes)
        return await self.send()

    async def too_many_keys(self) -> Answer:
        for _ in range(MAX_KEYS):
            assert (await self.send()).status == 201
        return await self.send()

    async def account_not_empty(self) -> Answer:
        self.token = await self.api.register("100.00")
        return await self.send()

    async def insufficient_funds(self) -> Answer:
        if self.call.name == "approve_adjustment":
            return await self.send(ident=await give_adjustment(self.context, "-1.00"))
        self.token = await self.api.register()
        return await self.send()

    async def invalid_amount(self) -> Answer:
        return await self.send(self.with_amount("0"))

    async def amount_too_large(self) -> Answer:
        return await self.send(self.with_amount("1000000001"))

    async def amount_too_small(self) -> Answer:
        await self.context.market.save_prices({"ABAN": 10**19}, self.clock.now_us())
        return await self.send('{"crypto": "ABAN", "spend": 0.01}')

    async def unknown_asset(self) -> Answer:
        if self.call.role is not Role.USER:
            return await self.send(ident="NOPE")
        return await self.send('{"crypto": "NOPE", "amount": 1}')

    async def asset_halted(self) -> Answer:
        await currencies.halt_asset(self.context, "ABAN", halted=True)
        return await self.send()

    async def price_stale(self) -> Answer:
        self.clock.advance(10**10)
        return await self.send()

    async def too_late(self) -> Answer:
        await self.send(ident=self.order)
        return await self.send(ident=self.order)

    async def idempotency_key_reused(self) -> Answer:
        assert self.token is not None
        self.headers["Idempotency-Key"] = "k"
        if self.call.name == "withdraw":
            await self.send(self.with_amount("0.02"))
        await self.send(self.with_amount("0.01"))
        return await self.send()

    def enforce(self, risk: RiskPolicy) -> None:
        """Put fraud rules in force."""
        policy = msgspec.structs.replace(self.context.policy, risk=risk)
        msgspec.structs.force_setattr(self.context, "policy", policy)

    async def use_an_old_login(self) -> None:
        """With an access token that is new."""
        assert self.token is not None
        bearer = self.context.tokens.read_access(self.token)
        self.clock.advance(16 * 60 * 10**6)
        session = Session(user_id=bearer.user_id, id=bearer.session_id, expires_at_us=2**60)
        self.token = self.context.tokens.issue(Role.USER, session).access

    async def customer(self) -> Customer:
        """Whoever makes the call, with an authenticator at hand."""
        self.token = self.token or await self.api.register()
        customer = Customer(self.api, step_at(self.clock.now_us()))
        customer.token = self.token
        return customer

    def with_amount(self, amount: str) -> str:
        body: dict[str, Any] = json.loads(self.call.example or "{}")
        return json.dumps(body | {"amount": amount})


@pytest.mark.parametrize(
    ("call", "code"),
    [pair for pair in DECLARED if pair[1] not in TESTED_ELSEWHERE],
    ids=lambda value: getattr(value, "name", value),
)
async def test_a_call_gives_every_error_that_it_declares(
    call: Operation, code: str, api: Api, context: Context, clock: MemoryClock
) -> None:
    situation = Situation(call, api, context, clock)
    await situation.prepare()
    provoke: Callable[[], Awaitable[Answer]] = getattr(situation, code)

    answer = await provoke()

    assert (answer.status, answer.code) == (PROBLEMS[code].status, code)
    assert re.search(r"expected .*\bwas ", answer.json["detail"])


class Broken:
    """A port of which everything fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        raise self._error

    def __call__(self, *, lock: bool = False) -> Any:
        raise self._error


class TestFaults:
    """Every port fails, the application is as it is."""

    @pytest.fixture(params=[Unavailable("postgres at db:5432"), ZeroDivisionError("secret")])
    def error(self, request: pytest.FixtureRequest) -> Exception:
        assert isinstance(request.param, Exception)
        return request.param

    @pytest.fixture
    async def broken(
        self, context: Context, config: HttpConfig, error: Exception
    ) -> AsyncIterator[tuple[Api, str]]:
        ports: dict[str, Any] = dict.fromkeys(("begin", "queries", "cache", "ids"), Broken(error))
        session = Session(user_id=1, id="s", expires_at_us=2**60)
        pair = context.tokens.issue(Role.ADMIN, session)

        failing = msgspec.structs.replace(context, **ports)

        async with client_of(app_over(failing, config)) as client:
            api = await Api.open(client)
            client.headers["Authorization"] = f"Bearer {pair.access}"
            yield api, pair.refresh

    @pytest.mark.parametrize("call", list_operations(), ids=lambda call: call.name)
    async def test_a_fault_tells_nothing_of_the_inside(
        self,
        broken: tuple[Api, str],
        call: Operation,
        error: Exception,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        api, refresh = broken
        body = call.example and call.example.replace("eyJhbGciOi…", refresh)
        if call.token_optional:
            body = '{"code": "287082"}'

        answer = await api.call(call.method, call.path.replace("{id:str}", "1"), body)

        if call.static:
            assert answer.status == 200
            return
        expected = "unavailable" if isinstance(error, Unavailable) else "internal_error"
        assert (answer.status, answer.code) == (PROBLEMS[expected].status, expected)
        assert str(error) not in answer.text
        assert str(error) in caplog.text


async def test_with_debug_a_fault_is_answered_with_its_exception(
    context: Context, config: HttpConfig
) -> None:
    broken = msgspec.structs.replace(context, cache=Broken(ZeroDivisionError("here")))

    debugging = msgspec.structs.replace(config, debug=True)

    async with client_of(app_over(broken, debugging)) as client:
        answer = await (await Api.open(client)).call("GET", "exchanges/crypto-currencies/")

    assert (answer.status, answer.code) == (500, "internal_error")
    assert answer.json["detail"] == "ZeroDivisionError('here')"


async def test_the_description_names_everything(api: Api) -> None:
    document = api.document
    calls = {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }

    assert document["openapi"].startswith("3.1")
    assert len(calls) == len(list_operations())
    for (_, path), call in calls.items():
        assert call["summary"]
        assert set(call["tags"]) <= {tag["name"] for tag in document["tags"]}
        public = "auth/" in path or "currencies" in path or path.startswith("/health")
        own = ("/logout-all/", "/change-password/", "/enroll/", "/confirm/", "/disable/")
        public = public and not path.endswith(own)
        either = path.endswith("/verify/")
        without: list[object] = [{}, {"bearer": []}] if either else []
        assert (call.get("security") == without) == (public or path.endswith("openapi.json"))
        body = call.get("requestBody", {"content": {}})["content"].get("application/json")
        assert body is None or body["example"]
        names = {parameter["name"] for parameter in call["parameters"]}
        assert ("id" in names) == ("{id}" in path)
    keyed = {path for (_, path), call in calls.items() if has(call, "Idempotency-Key")}
    assert keyed == {
        "/api/v1/accounts/auth/refresh/",
        "/api/v1/orders/",
        "/api/v1/accounts/wallet/deposit",
        "/api/v1/accounts/wallet/withdraw",
        "/api/v1/admin/adjustments/",
    }
    paged = {path for (_, path), call in calls.items() if has(call, "limit", "cursor")}
    assert paged == {
        "/api/v1/orders/",
        "/api/v1/transactions/",
        "/api/v1/admin/users/",
        "/api/v1/admin/audit-log/",
        "/api/v1/admin/reviews/",
    }


async def test_amounts_are_described_as_numbers(api: Api) -> None:
    schemas = api.document["components"]["schemas"]

    order = schemas["OrderResponse"]["properties"]
    for name in ("amount", "unit_price", "total_price", "filled_amount", "refunded"):
        assert order[name]["type"] == "number"
    kinds = [option["type"] for option in schemas["AmountRequest"]["properties"]["amount"]["anyOf"]]
    assert kinds == ["number", "string"]


async def test_examples_are_shaped_as_described(api: Api) -> None:
    for call in list_operations():
        if call.answer_example is not None:
            answer = Answer(call.status, {}, call.answer_example)
            path = call.path.replace(":str", "")
            responses = api.document["paths"][path][call.method.lower()]["responses"]
            schema = responses[str(call.status)]["content"]["application/json"]["schema"]
            api.check_shape(schema, answer.json)


@pytest.mark.parametrize("call", list_operations(), ids=lambda call: call.name)
async def test_every_refusal_that_a_call_declares_has_an_example(api: Api, call: Operation) -> None:
    operation = api.document["paths"][call.path.replace(":str", "")][call.method.lower()]
    shown = {}
    for status, response in operation["responses"].items():
        for body in response.get("content", {}).values():
            for code, example in body.get("examples", {}).items():
                answer = Answer(int(status), {}, json.dumps(example["value"]))
                assert (answer.json["status"], answer.code) == (status, code)
                api.check_shape(body["schema"], answer.json)
                shown[code] = answer.json["detail"]

    assert sorted(shown) == sorted(call.codes)
    assert all(re.search(r"expected .*\bwas ", detail) for detail in shown.values())


async def test_the_document_itself_is_answered_with_and_without_registering(api: Api) -> None:
    await register(api, "somebody")

    answer = await api.call("GET", "openapi.json")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"


def has(call: dict[str, Any], *names: str) -> bool:
    return set(names) <= {parameter["name"] for parameter in call["parameters"]}
