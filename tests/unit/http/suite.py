"""What any client can see of the API: run over memory here, and over real servers elsewhere.

A subclass gives the fixture `api`. The rules hold at whatever price ABAN has.
"""

import asyncio
import json
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.http.api import INSTANT, PRICE, QUANTITY, USD, Answer, Api

ORDER_KEYS = [
    "id", "crypto", "amount", "unit_price", "total_price",
    "state", "filled_amount", "refunded", "reason", "created_at",
]  # fmt: skip
SMALL = '{"crypto": "ABAN", "spend": 1.50}'
CALLS = [
    ("GET", "accounts/export/"),
    ("POST", "accounts/close/"),
    ("GET", "accounts/wallet/"),
    ("GET", "accounts/holdings/"),
    ("GET", "accounts/sessions/"),
    ("POST", "accounts/sessions/0123456789abcdef01234567/end/"),
    ("POST", "accounts/auth/logout-all/"),
    ("POST", "accounts/auth/change-password/"),
    ("POST", "accounts/auth/mfa/enroll/"),
    ("POST", "accounts/auth/mfa/confirm/"),
    ("POST", "accounts/auth/mfa/disable/"),
    ("PATCH", "accounts/wallet/deposit"),
    ("PATCH", "accounts/wallet/withdraw"),
    ("GET", "orders/"),
    ("POST", "orders/"),
    ("GET", "orders/1/"),
    ("POST", "orders/1/cancel/"),
    ("GET", "orders/1/receipt/"),
    ("GET", "transactions/"),
    ("GET", "transactions/1"),
]
PASSWORDS = '{"password": "correct horse", "new_password": "battery staple"}'
NOT_AMOUNTS = [
    "0", "0.00", "-1", "-0", "1e2", "1E2", "1.5e0", '""', '" 1"', '"1 "', '"+1"', '"-1"', '"1_000"',
    '"1,000"', '"NaN"', '"Infinity"', '"1e2"', '"1."', '".5"', '"1.2.3"', '"\uff10"', '"\uff11\uff12"', '"0x10"',
    '"one"', '"\\u0000"', '"1\\n"',
]  # fmt: skip
NOT_FIELDS = ["true", "false", "null", "[]", "{}", "[1]", '{"a": 1}']
NOT_JSON = [
    b"", b" ", b"{", b'{"amount": 1', b'{"amount": 01}', b'{"amount": +1}', b'{"amount": 1.}',
    b'{"amount": .5}', b'{"amount": NaN}', b'{"amount": Infinity}', b"{'amount': 1}",
    b'{"amount": 1} x', b'{"amount": 1, "amount": 2}', b'{"amount": 1,}', b'\xff\xfe{\x00}\x00',
    b'{"amount": "\xff"}', b'\xef\xbb\xbf{"amount": 1}', b'{"amount": "\x01"}', b"[" * 60_000,
    b'{"x": "a", "amount"', '{"amount": 1}'.encode("utf-16"),
]  # fmt: skip


class ApiSuite:
    """Everything that holds without moving the clock or the price."""

    # ---- accounts

    async def test_registering_gives_tokens_that_work_and_an_empty_wallet(self, api: Api) -> None:
        token = await api.register()

        wallet = await api.call("GET", "accounts/wallet/", token=token)

        assert wallet.text == '{"balance":0.00,"currency":"USD"}'
        assert wallet.headers["cache-control"] == "no-store"

    async def test_a_username_is_unique_without_case(self, api: Api) -> None:
        name = f"Alice.{uuid4().hex[:12]}"
        first = await register(api, name)

        second = await register(api, name.upper())

        assert first.status == 201
        assert (second.status, second.code) == (409, "username_taken")

    @pytest.mark.parametrize(
        ("username", "password", "field"),
        [
            ("ab", "correct horse", "username"),
            ("a" * 65, "correct horse", "username"),
            ("with space", "correct horse", "username"),
            ("ümlaut", "correct horse", "username"),
            ("nul\0nul", "correct horse", "username"),
            ("newline\n", "correct horse", "username"),
            ("", "correct horse", "username"),
            ("alice", "1234567", "password"),
            ("alice", "x" * 129, "password"),
        ],
    )
    async def test_registering_refuses_ill_formed_credentials(
        self, api: Api, username: str, password: str, field: str
    ) -> None:
        answer = await register(api, username, password)

        assert (answer.status, answer.code) == (422, "invalid_field")
        assert answer.json["field"] == field

    @pytest.mark.parametrize("call", ["register", "login"])
    @pytest.mark.parametrize(
        "body",
        [
            "{}", "[]", '"alice"', "1", "null", '{"username": "alice"}',
            '{"username": "alice", "password": 12345678}',
            '{"username": ["alice"], "password": "correct horse"}',
            '{"username": null, "password": "correct horse"}',
            '{"username": "alice", "password": "correct horse", "role": "admin"}',
        ],
    )  # fmt: skip
    async def test_credentials_are_exactly_two_strings(
        self, api: Api, call: str, body: str
    ) -> None:
        answer = await api.call("POST", f"accounts/auth/{call}/", body)

        assert (answer.status, answer.code) == (422, "invalid_field")

    async def test_logging_in_gives_a_new_pair(self, api: Api) -> None:
        name = f"bob-{uuid4().hex[:12]}"
        registered = await register(api, name)

        answer = await login(api, name.upper(), "correct horse")

        assert answer.status == 200
        assert list(answer.json) == ["access", "refresh"]
        assert answer.json["refresh"] != registered.json["refresh"]
        assert await api.balance(answer.json["access"]) == "0.00"

    @pytest.mark.parametrize(
        "username", ["nobody-of-that-name", "x", "", "a" * 300, "nul\0", "ümlaut", "a b"]
    )
    async def test_an_unknown_user_and_a_wrong_password_look_alike(
        self, api: Api, username: str
    ) -> None:
        name = f"bob-{uuid4().hex[:12]}"
        await register(api, name)

        wrong = await login(api, name, "wrong horse!")
        unknown = await login(api, username, "correct horse")

        assert (wrong.status, wrong.code) == (401, "invalid_credentials")
        assert unknown.text == wrong.text

    async def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_login(
        self, api: Api
    ) -> None:
        first = (await register(api, f"bob-{uuid4().hex[:12]}")).json["refresh"]

        renewed = await with_refresh(api, "refresh", first)
        reused = await with_refresh(api, "refresh", first)
        after = await with_refresh(api, "refresh", renewed.json["refresh"])

        assert renewed.status == 200
        assert list(renewed.json) == ["access", "refresh"]
        assert (reused.status, reused.code) == (401, "unauthenticated")
        assert (after.status, after.code) == (401, "unauthenticated")

    async def test_an_answer_that_was_lost_is_given_again_to_whoever_knows_the_key(
        self, api: Api
    ) -> None:
        first = (await register(api, f"bob-{uuid4().hex[:12]}")).json["refresh"]

        lost = await with_refresh(api, "refresh", first, key="k-1")
        again = await with_refresh(api, "refresh", first, key="k-1")
        renewed = await with_refresh(api, "refresh", again.json["refresh"], key="k-2")
        late = await with_refresh(api, "refresh", lost.json["refresh"], key="k-3")
        after = await with_refresh(api, "refresh", renewed.json["refresh"], key="k-4")

        assert (lost.status, again.status, renewed.status) == (200, 200, 200)
        assert again.json["refresh"] != lost.json["refresh"]
        assert [(each.status, each.code) for each in (late, after)] == [
            (401, "unauthenticated"),
            (401, "unauthenticated"),
        ]

    @pytest.mark.parametrize(("first_key", "second_key"), [("k", "l"), ("k", None), (None, "k")])
    async def test_without_the_key_of_the_first_time_a_second_time_is_a_reuse(
        self, api: Api, first_key: str | None, second_key: str | None
    ) -> None:
        first = (await register(api, f"bob-{uuid4().hex[:12]}")).json["refresh"]

        renewed = await with_refresh(api, "refresh", first, key=first_key)
        reused = await with_refresh(api, "refresh", first, key=second_key)
        after = await with_refresh(api, "refresh", renewed.json["refresh"])

        assert (renewed.status, reused.status, after.status) == (200, 401, 401)

    async def test_after_a_logout_the_access_token_is_refused_by_every_call(self, api: Api) -> None:
        pair = (await register(api, f"bob-{uuid4().hex[:12]}")).json
        await move(api, pair["access"], "deposit", "10.00")

        await with_refresh(api, "logout", pair["refresh"])

        for method, path in CALLS:
            body = {"deposit": '{"amount": 1}', "withdraw": '{"amount": 1}'}.get(path[16:])
            body = SMALL if (method, path) == ("POST", "orders/") else body
            body = PASSWORDS if path.endswith("change-password/") else body
            body = '{"password": "correct horse"}' if path.endswith("close/") else body
            answer = await api.call(method, path, body, token=pair["access"])
            assert (answer.status, answer.code) == (401, "unauthenticated"), path

    async def test_a_reuse_refuses_the_access_tokens_of_its_login_too(self, api: Api) -> None:
        first = (await register(api, f"bob-{uuid4().hex[:12]}")).json["refresh"]
        renewed = (await with_refresh(api, "refresh", first)).json

        await with_refresh(api, "refresh", first)
        moved = await move(api, renewed["access"], "deposit", "1.00")
        read = await api.call("GET", "accounts/wallet/", token=renewed["access"])

        assert (moved.status, read.status) == (401, 401)

    async def test_logins_are_listed_with_their_devices_and_ended_by_their_owner(
        self, api: Api
    ) -> None:
        name = f"bob-{uuid4().hex[:12]}"
        here = (await register(api, name)).json["access"]
        credentials = json.dumps({"username": name, "password": "correct horse"})
        device: Any = {"User-Agent": "phone \u00e9 ".encode("latin-1") + b"x" * 300}
        path = "accounts/auth/login/"
        there = (await api.call("POST", path, credentials, headers=device)).json["access"]
        other = await api.register()

        listed = (await api.call("GET", "accounts/sessions/", token=here)).json
        foreign = await end(api, other, listed[0]["id"])
        (phone,) = [each for each in listed if not each["current"]]
        ended = await end(api, here, phone["id"])
        twice = await end(api, here, phone["id"])

        assert [each["current"] for each in listed].count(True) == 1
        assert (phone["device"][:6], len(phone["device"])) == ("phone ", 120)
        assert (foreign.status, foreign.code) == (404, "not_found")
        assert (ended.status, twice.status) == (204, 404)
        assert (await api.call("GET", "accounts/wallet/", token=there)).status == 401
        assert len((await api.call("GET", "accounts/sessions/", token=here)).json) == 1

    async def test_logging_out_everywhere_ends_all_of_ones_own_logins(self, api: Api) -> None:
        name = f"bob-{uuid4().hex[:12]}"
        here = (await register(api, name)).json["access"]
        there = (await login(api, name, "correct horse")).json
        other = await api.register()

        answer = await api.call("POST", "accounts/auth/logout-all/", token=here)

        assert (answer.status, answer.text) == (204, "")
        for token in (here, there["access"]):
            assert (await move(api, token, "deposit", "1.00")).status == 401
            assert (await api.call("GET", "orders/", token=token)).status == 401
        assert (await with_refresh(api, "refresh", there["refresh"])).status == 401
        assert (await move(api, other, "deposit", "1.00")).status == 200

    async def test_a_new_password_ends_every_earlier_login(self, api: Api) -> None:
        name = f"bob-{uuid4().hex[:12]}"
        here = (await register(api, name)).json
        there = (await login(api, name, "correct horse")).json

        path = "accounts/auth/change-password/"
        changed = await api.call("POST", path, PASSWORDS, token=here["access"])

        assert (changed.status, list(changed.json)) == (200, ["access", "refresh"])
        for pair in (here, there):
            assert (await move(api, pair["access"], "deposit", "1.00")).status == 401
            assert (await with_refresh(api, "refresh", pair["refresh"])).status == 401
        assert await api.balance(changed.json["access"]) == "0.00"
        assert (await with_refresh(api, "refresh", changed.json["refresh"])).status == 200
        assert (await login(api, name, "correct horse")).status == 401
        assert (await login(api, name, "battery staple")).status == 200

    @pytest.mark.parametrize(
        ("password", "new_password", "status", "code"),
        [
            ("another horse", "battery staple", 401, "invalid_credentials"),
            ("correct horse", "short", 422, "invalid_field"),
        ],
    )
    async def test_a_password_that_is_not_changed_ends_nothing(
        self, api: Api, password: str, new_password: str, status: int, code: str
    ) -> None:
        token = await api.register()

        body = json.dumps({"password": password, "new_password": new_password})
        answer = await api.call("POST", "accounts/auth/change-password/", body, token=token)

        assert (answer.status, answer.code) == (status, code)
        assert answer.json.get("field") == (None if status == 401 else "new_password")
        assert (await move(api, token, "deposit", "1.00")).status == 200

    async def test_logging_out_revokes_and_may_be_repeated(self, api: Api) -> None:
        refresh = (await register(api, f"bob-{uuid4().hex[:12]}")).json["refresh"]

        first = await with_refresh(api, "logout", refresh)
        second = await with_refresh(api, "logout", refresh)
        renewed = await with_refresh(api, "refresh", refresh)

        assert (first.status, first.text) == (204, "")
        assert second.status == 204
        assert (renewed.status, renewed.code) == (401, "unauthenticated")

    @pytest.mark.parametrize("call", ["refresh", "logout"])
    async def test_what_is_no_refresh_token_is_refused(self, api: Api, call: str) -> None:
        access = await api.register()

        for token in ("", "nonsense", "a.b.c", "\0", access):
            answer = await with_refresh(api, call, token)
            assert (answer.status, answer.code) == (401, "unauthenticated")

    # ---- tokens

    @pytest.mark.parametrize(("method", "path"), CALLS)
    async def test_private_calls_need_a_bearer_token(
        self, api: Api, method: str, path: str
    ) -> None:
        for value in (None, "", "Bearer", "Bearer nonsense", "Basic YTpi", "Bearer a b"):
            headers = {} if value is None else {"Authorization": value}
            answer = await api.call(method, path, headers=headers)
            assert (answer.status, answer.code) == (401, "unauthenticated")

    async def test_only_the_scheme_bearer_is_taken_and_only_access_tokens(self, api: Api) -> None:
        pair = (await register(api, f"bob-{uuid4().hex[:12]}")).json

        async def status(value: str) -> int:
            headers = {"Authorization": value}
            return (await api.call("GET", "accounts/wallet/", headers=headers)).status

        assert await status(f"Bearer {pair['access']}") == 200
        assert await status(f"bearer {pair['access']}") == 200
        assert await status(f"Banana {pair['access']}") == 401
        assert await status(pair["access"]) == 401
        assert await status(f"Bearer {pair['refresh']}") == 401

    # ---- wallet

    async def test_deposits_and_withdrawals_move_the_wallet(self, api: Api) -> None:
        token = await api.register()

        deposited = await move(api, token, "deposit", "100.5")
        withdrawn = await move(api, token, "withdraw", '"0.49"')

        assert deposited.text == '{"balance":100.50,"currency":"USD"}'
        assert withdrawn.text == '{"balance":100.01,"currency":"USD"}'
        assert await api.balance(token) == "100.01"

    async def test_a_withdrawal_above_the_balance_changes_nothing(self, api: Api) -> None:
        token = await api.register("10.00")

        answer = await move(api, token, "withdraw", "10.01")

        assert (answer.status, answer.code) == (409, "insufficient_funds")
        assert await api.balance(token) == "10.00"
        assert (await move(api, token, "withdraw", "10")).status == 200

    @pytest.mark.parametrize("text", ["12.000", '"12.00000000"', '"0012"', "12", '"\\u00312"'])
    async def test_dollars_are_whole_cents_by_value(self, api: Api, text: str) -> None:
        token = await api.register()

        await move(api, token, "deposit", text)

        assert await api.balance(token) == "12.00"

    @pytest.mark.parametrize(
        "text", [*NOT_AMOUNTS, "12.001", "12.000000000", "0.001", "0.009999999999", '"1.005"']
    )
    @pytest.mark.parametrize("call", ["deposit", "withdraw"])
    async def test_what_is_no_amount_of_dollars_is_refused(
        self, api: Api, text: str, call: str
    ) -> None:
        token = await api.register("5.00")

        answer = await move(api, token, call, text)

        assert (answer.status, answer.code) == (422, "invalid_amount")
        assert answer.json["field"] == "amount"
        assert await api.balance(token) == "5.00"

    @pytest.mark.parametrize("call", ["deposit", "withdraw"])
    async def test_dollars_have_a_maximum(self, api: Api, call: str) -> None:
        token = await api.register()

        at_most = await move(api, token, "deposit", "10000000.00")

        assert at_most.status == 200
        for text in ("10000000.01", '"10000001"', "9" * 30, f'"{"9" * 6000}"', "9" * 6000):
            answer = await move(api, token, call, text)
            assert (answer.status, answer.code) == (422, "amount_too_large")

    @pytest.mark.parametrize("text", NOT_FIELDS)
    async def test_an_amount_is_a_number_or_a_string(self, api: Api, text: str) -> None:
        token = await api.register()

        deposit = await move(api, token, "deposit", text)
        order = await place(api, token, f'{{"crypto": "ABAN", "amount": {text}}}')

        assert (deposit.status, deposit.code) == (422, "invalid_field")
        assert (order.status, order.code) == (422, "invalid_field")

    @pytest.mark.parametrize(
        "body", ["[]", "1", '"1"', "null", "{}", '{"amount": 1, "currency": "USD"}', '{"sum": 1}']
    )
    async def test_a_deposit_is_an_object_of_one_field(self, api: Api, body: str) -> None:
        token = await api.register()

        answer = await api.call("PATCH", "accounts/wallet/deposit", body, token=token)

        assert (answer.status, answer.code) == (422, "invalid_field")

    # ---- bodies

    @pytest.mark.parametrize("body", NOT_JSON)
    async def test_what_is_not_json_is_refused(self, api: Api, body: bytes) -> None:
        token = await api.register()

        answer = await api.call("PATCH", "accounts/wallet/deposit", body, token=token)

        assert (answer.status, answer.code) == (400, "malformed_json")

    @pytest.mark.parametrize(
        ("content_type", "status"),
        [
            ("application/json", 200),
            ("application/json; charset=utf-8", 200),
            ("Application/JSON", 200),
            ("text/plain", 415),
            ("application/x-www-form-urlencoded", 415),
            ("multipart/form-data; boundary=x", 415),
            ("application/jsonx", 415),
            ("application/problem+json", 415),
            ("", 415),
        ],
    )
    async def test_a_body_is_application_json(
        self, api: Api, content_type: str, status: int
    ) -> None:
        token = await api.register()

        answer = await api.call(
            "PATCH",
            "accounts/wallet/deposit",
            '{"amount": 1}',
            token=token,
            headers={"Content-Type": content_type},
        )

        assert answer.status == status
        assert status == 200 or answer.code == "unsupported_media_type"

    async def test_a_body_has_at_most_64_kib(self, api: Api) -> None:
        token = await api.register()
        fitting = b'{"amount": 1}'.ljust(64 * 1024)

        taken = await api.call("PATCH", "accounts/wallet/deposit", fitting, token=token)
        refused = await api.call("PATCH", "accounts/wallet/deposit", fitting + b" ", token=token)

        assert taken.status == 200
        assert (refused.status, refused.code) == (413, "body_too_large")
        assert await api.balance(token) == "1.00"

    # ---- orders

    async def test_an_order_has_the_ten_members_and_exact_numbers(self, api: Api) -> None:
        token = await api.register("100.00")

        answer = await place(api, token, '{"crypto": "ABAN", "amount": 0.015}')

        order = answer.json
        assert answer.status == 201
        assert answer.headers["location"].endswith(f"/orders/{order['id']}/")
        assert list(order) == ORDER_KEYS
        assert (order["crypto"], order["amount"]) == ("ABAN", "0.015")
        assert (order["state"], order["reason"]) == ("aggregated", None)
        assert (order["filled_amount"], order["refunded"]) == ("0", "0.00")
        assert PRICE.fullmatch(order["unit_price"])
        assert INSTANT.fullmatch(order["created_at"])
        cents = Decimal("0.015") * order["unit_price"].value * 100
        assert order["total_price"].value * 100 == cents.to_integral_value("ROUND_CEILING")
        left = Decimal(100) - order["total_price"].value
        assert await api.balance(token) == f"{left:.2f}"

    async def test_an_order_may_name_what_to_spend(self, api: Api) -> None:
        token = await api.register("100.00")

        answer = await place(api, token, '{"crypto": "ABAN", "spend": "1.5"}')

        order = answer.json
        exact = Decimal("1.5") / order["unit_price"].value
        assert order["total_price"] == "1.50"
        assert order["amount"].value == exact.quantize(Decimal("1e-8"), "ROUND_FLOOR")
        assert QUANTITY.fullmatch(order["amount"])

    @pytest.mark.parametrize(
        "body",
        [
            "{}", "[]", '{"crypto": "ABAN"}', '{"amount": 1}', '{"spend": 1}',
            '{"crypto": "ABAN", "amount": 1, "spend": 1}', '{"crypto": 5, "amount": 1}',
            '{"crypto": null, "amount": 1}', '{"crypto": "ABAN", "amount": 1, "price": 1}',
            '{"crypto": "ABAN", "amount": 1, "spend": null}', '{"crypto": "ABAN", "spend": true}',
        ],
    )  # fmt: skip
    async def test_an_order_is_a_crypto_and_exactly_one_of_amount_and_spend(
        self, api: Api, body: str
    ) -> None:
        token = await api.register("100.00")

        answer = await place(api, token, body)

        assert (answer.status, answer.code) == (422, "invalid_field")
        assert "field" in answer.json

    @pytest.mark.parametrize("text", [*NOT_AMOUNTS, "0.000000001", "1.000000000", '"1.123456789"'])
    async def test_what_is_no_quantity_is_refused(self, api: Api, text: str) -> None:
        token = await api.register("100.00")

        answer = await place(api, token, f'{{"crypto": "ABAN", "amount": {text}}}')

        assert (answer.status, answer.code) == (422, "invalid_amount")
        assert await api.balance(token) == "100.00"

    @pytest.mark.parametrize("text", [*NOT_AMOUNTS, "1.001"])
    async def test_what_is_no_sum_to_spend_is_refused(self, api: Api, text: str) -> None:
        token = await api.register("100.00")

        answer = await place(api, token, f'{{"crypto": "ABAN", "spend": {text}}}')

        assert (answer.status, answer.code) == (422, "invalid_amount")
        assert answer.json["field"] == "spend"

    @pytest.mark.parametrize(
        "body",
        [
            '"amount": 1000000000.00000001', '"amount": 1000000001', f'"amount": {"9" * 5000}',
            f'"amount": "{"9" * 5000}.5"', '"spend": 10000000.01', f'"spend": {"9" * 5000}',
        ],
    )  # fmt: skip
    async def test_amounts_of_orders_have_a_maximum(self, api: Api, body: str) -> None:
        token = await api.register("100.00")

        answer = await place(api, token, f'{{"crypto": "ABAN", {body}}}')

        assert (answer.status, answer.code) == (422, "amount_too_large")

    @pytest.mark.parametrize("name", ["NOPE", "aban", "", "ABAN ", "\\u0000", "A" * 60_000])
    async def test_an_unknown_crypto_is_refused(self, api: Api, name: str) -> None:
        token = await api.register("100.00")

        answer = await place(api, token, f'{{"crypto": "{name}", "amount": 1}}')

        assert (answer.status, answer.code) == (422, "unknown_asset")
        assert answer.json["field"] == "crypto"
        assert len(answer.text) < 1000

    async def test_an_order_above_the_balance_changes_nothing(self, api: Api) -> None:
        token = await api.register("1.49")

        answer = await place(api, token, SMALL)

        assert (answer.status, answer.code) == (409, "insufficient_funds")
        assert await api.balance(token) == "1.49"
        assert (await api.call("GET", "orders/", token=token)).text == "[]"

    async def test_an_order_is_shown_to_its_owner_alone(self, api: Api) -> None:
        owner, other = await api.register("100.00"), await api.register("100.00")
        order = (await place(api, owner, SMALL)).json

        shown = await api.call("GET", f"orders/{order['id']}/", token=owner)
        hidden = await api.call("GET", f"orders/{order['id']}/", token=other)
        kept = await api.call("POST", f"orders/{order['id']}/cancel/", token=other)
        receipt = await api.call("GET", f"orders/{order['id']}/receipt/", token=other)

        assert list(shown.json) == ORDER_KEYS
        assert (receipt.status, receipt.text) == (404, hidden.text)
        assert shown.json["id"] == order["id"]
        assert (hidden.status, hidden.code) == (404, "not_found")
        assert (kept.status, kept.code) == (404, "not_found")

    async def test_an_order_that_no_batch_has_settled_has_no_receipt(self, api: Api) -> None:
        token = await api.register("100.00")
        order = (await place(api, token, SMALL)).json["id"]

        waiting = await api.call("GET", f"orders/{order}/receipt/", token=token)
        await api.call("POST", f"orders/{order}/cancel/", token=token)
        cancelled = await api.call("GET", f"orders/{order}/receipt", token=token)

        assert {waiting.status, cancelled.status} == {404}
        for answer, state in ((waiting, "aggregated"), (cancelled, "cancelled")):
            assert answer.json["detail"] == (
                f"expected an existing receipt, was order {order}, {state} and not settled by a batch"
            )

    @pytest.mark.parametrize(
        "ident", ["0", "-1", "abc", "1.0", "1e3", "+1", "01", "9007199254740991", "9007199254740992",
                  "99999999999999999999", "9" * 1000, "%00", "%20", "%D9%A1", "null", "1%2F2"],
    )  # fmt: skip
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "orders/{}/"),
            ("POST", "orders/{}/cancel/"),
            ("GET", "orders/{}/receipt/"),
            ("GET", "transactions/{}"),
        ],
    )
    async def test_what_is_no_id_is_not_found(
        self, api: Api, method: str, path: str, ident: str
    ) -> None:
        token = await api.register()

        answer = await api.call(method, path.format(ident), token=token)

        assert (answer.status, answer.code) == (404, "not_found")

    async def test_a_waiting_order_can_be_cancelled_once_with_a_full_refund(self, api: Api) -> None:
        token = await api.register("100.00")
        order = (await place(api, token, SMALL)).json

        first = await api.call("POST", f"orders/{order['id']}/cancel/", token=token)
        second = await api.call("POST", f"orders/{order['id']}/cancel/", token=token)

        assert first.status == 200
        assert first.json == {**order, "state": "cancelled", "refunded": "1.50"}
        assert (second.status, second.code) == (409, "too_late")
        assert await api.balance(token) == "100.00"

    # ---- transactions

    async def test_every_movement_of_the_wallet_is_a_transaction(self, api: Api) -> None:
        token = await api.register("100.00")
        order = (await place(api, token, SMALL)).json
        await api.call("POST", f"orders/{order['id']}/cancel/", token=token)
        await move(api, token, "withdraw", "2")

        listed = (await api.call("GET", "transactions/", token=token)).json

        assert [(t["type"], t["amount"], t["order_id"]) for t in listed] == [
            ("withdrawal", "2.00", None),
            ("deposit", "1.50", order["id"]),
            ("withdrawal", "1.50", order["id"]),
            ("deposit", "100.00", None),
        ]
        assert all(INSTANT.fullmatch(t["created_at"]) for t in listed)
        one = await api.call("GET", f"transactions/{listed[1]['id']}", token=token)
        assert one.json == listed[1]

    async def test_a_transaction_of_somebody_else_is_not_found(self, api: Api) -> None:
        owner, other = await api.register("1.00"), await api.register()
        (listed,) = (await api.call("GET", "transactions/", token=owner)).json

        answer = await api.call("GET", f"transactions/{listed['id']}", token=other)

        assert (answer.status, answer.code) == (404, "not_found")

    # ---- lists

    @pytest.mark.parametrize("path", ["orders/", "transactions/"])
    async def test_lists_are_walked_by_their_links_newest_first(self, api: Api, path: str) -> None:
        token = await api.register("100.00")
        for _ in range(6):
            await place(api, token, SMALL)
        everything = (await api.call("GET", path, token=token)).json

        url, pages = f"{path}?limit=3", []
        while url:
            answer = await api.call("GET", url, token=token)
            pages.append(answer.json)
            url = next_url(answer)

        assert [row for page in pages for row in page] == everything
        assert [len(page) for page in pages] == ([3, 3] if path == "orders/" else [3, 3, 1])
        keys = [(row["created_at"], int(row["id"])) for row in everything]
        assert keys == sorted(keys, reverse=True)

    async def test_a_page_stays_where_it_was_when_something_new_comes(self, api: Api) -> None:
        token = await api.register("100.00")
        orders = [(await place(api, token, SMALL)).json["id"] for _ in range(4)]
        first = await api.call("GET", "orders/?limit=2", token=token)

        await place(api, token, SMALL)
        second = await api.call("GET", next_url(first), token=token)

        assert [o["id"] for o in first.json] == orders[:1:-1]
        assert [o["id"] for o in second.json] == orders[1::-1]

    @pytest.mark.parametrize("path", ["orders/", "transactions/"])
    @pytest.mark.parametrize(
        "limit", ["0", "201", "-1", "+5", "1.0", "1e1", "", "abc", "%20", "9" * 400, "5&limit=6"]
    )
    async def test_a_limit_is_from_1_to_200(self, api: Api, path: str, limit: str) -> None:
        token = await api.register()

        answer = await api.call("GET", f"{path}?limit={limit}", token=token)

        assert (answer.status, answer.code) == (422, "invalid_field")
        assert answer.json["field"] == "limit"
        assert (await api.call("GET", f"{path}?limit=200", token=token)).status == 200

    @pytest.mark.parametrize("path", ["orders/", "transactions/"])
    @pytest.mark.parametrize(
        "cursor", ["", "abc", "%00", "%C3%BC", "MS4w", "MC4wMQ", "!!!!", "LTEuMQ", "9" * 3000]
    )
    async def test_a_cursor_is_one_that_a_list_gave(self, api: Api, path: str, cursor: str) -> None:
        token = await api.register()

        answer = await api.call("GET", f"{path}?cursor={cursor}", token=token)

        assert (answer.status, answer.code) == (400, "invalid_cursor")

    # ---- idempotency

    @pytest.mark.parametrize(
        ("method", "path", "body", "same", "other"),
        [
            ("POST", "orders/", SMALL, '{"spend": "1.5", "crypto": "ABAN"}',
             '{"crypto": "ABAN", "amount": 0.01}'),
            ("PATCH", "accounts/wallet/deposit", '{"amount": 1}', '{"amount": "1.00"}',
             '{"amount": 1.01}'),
            ("PATCH", "accounts/wallet/withdraw", '{"amount": 1}', '{"amount":1.0}',
             '{"amount": 2}'),
        ],
    )  # fmt: skip
    async def test_a_key_does_a_command_once(
        self, api: Api, method: str, path: str, body: str, same: str, other: str
    ) -> None:
        token = await api.register("100.00")
        headers = {"Idempotency-Key": "a key of mine ~!"}

        first = await api.call(method, path, body, token=token, headers=headers)
        balance = await api.balance(token)
        second = await api.call(method, path, same, token=token, headers=headers)
        reused = await api.call(method, path, other, token=token, headers=headers)

        assert "idempotent-replayed" not in first.headers
        assert second.headers["idempotent-replayed"] == "true"
        assert (second.status, second.json) == (first.status, first.json)
        assert (reused.status, reused.code) == (422, "idempotency_key_reused")
        assert await api.balance(token) == balance

    async def test_a_key_belongs_to_one_user_and_one_operation(self, api: Api) -> None:
        alice, bob = await api.register("10.00"), await api.register("10.00")

        answers = [
            await move(api, alice, "deposit", "1", key="k"),
            await move(api, alice, "withdraw", "1", key="k"),
            await move(api, bob, "deposit", "1", key="k"),
            await place(api, alice, SMALL, key="k"),
        ]

        assert [a.status for a in answers] == [200, 200, 200, 201]
        assert not any("idempotent-replayed" in a.headers for a in answers)

    async def test_a_refused_command_keeps_no_key(self, api: Api) -> None:
        token = await api.register()

        refused = await move(api, token, "withdraw", "1", key="k")
        await move(api, token, "deposit", "1")
        done = await move(api, token, "withdraw", "1", key="k")

        assert refused.status == 409
        assert done.status == 200
        assert "idempotent-replayed" not in done.headers

    @pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "ü"])
    async def test_a_key_is_1_to_255_printable_characters(self, api: Api, key: str) -> None:
        token = await api.register("100.00")

        deposit = await move(api, token, "deposit", "1", key=key)
        order = await place(api, token, SMALL, key=key)

        assert (deposit.status, deposit.code) == (422, "invalid_field")
        assert (order.status, order.code) == (422, "invalid_field")
        assert (await move(api, token, "deposit", "1", key="x" * 255)).status == 200

    async def test_a_key_sent_many_times_at_once_does_one_order(self, api: Api) -> None:
        token = await api.register("100.00")

        answers = await asyncio.gather(*(place(api, token, SMALL, key="k") for _ in range(10)))

        assert {a.status for a in answers} == {201}
        assert len({a.json["id"] for a in answers}) == 1
        assert sum("idempotent-replayed" not in a.headers for a in answers) == 1
        assert await api.balance(token) == "98.50"

    async def test_many_orders_at_once_are_all_taken(self, api: Api) -> None:
        token = await api.register("75.00")

        answers = await asyncio.gather(*(place(api, token, SMALL) for _ in range(50)))

        assert {a.status for a in answers} == {201}
        assert await api.balance(token) == "0.00"
        assert (await place(api, token, SMALL)).code == "insufficient_funds"

    # ---- the rest

    async def test_currencies_are_public_and_sorted(self, api: Api) -> None:
        answer = await api.call("GET", "exchanges/crypto-currencies/")

        names = [row["name"] for row in answer.json]
        assert names == sorted(names)
        assert {"ABAN", "BTC"} <= set(names)
        for row in answer.json:
            assert list(row) == ["name", "price", "as_of", "status", "lot_step", "min_notional"]
            assert row["price"] is None or PRICE.fullmatch(row["price"])
            assert row["as_of"] is None or INSTANT.fullmatch(row["as_of"])
            assert QUANTITY.fullmatch(row["lot_step"])
            assert USD.fullmatch(row["min_notional"])

    async def test_holdings_are_empty_at_first(self, api: Api) -> None:
        answer = await api.call("GET", "accounts/holdings/", token=await api.register())

        assert (answer.status, answer.text) == (200, "[]")

    async def test_health_is_answered_at_the_root(self, api: Api) -> None:
        live = await api.call("GET", "/health/live")
        ready = await api.call("GET", "/health/ready")

        assert (live.status, live.json) == (200, {"status": "live"})
        assert (ready.status, ready.json) == (200, {"status": "ready"})

    async def test_every_path_is_answered_with_and_without_its_last_slash(self, api: Api) -> None:
        token = await api.register("100.00")
        order = (await place(api, token, SMALL)).json["id"]

        for template, operations in api.document["paths"].items():
            for method in operations:
                path = template.rstrip("/").replace("{id}", order)
                ends = path.endswith("logout-all")
                own = [await api.register() if ends else token for _ in range(2)]
                bare = await api.call(method.upper(), path, token=own[0])
                slashed = await api.call(method.upper(), f"{path}/", token=own[1])
                assert bare.status < 500
                assert bare.status == slashed.status or path.endswith("cancel")

    @pytest.mark.parametrize(
        "path", ["/", "/api", "/api/v1/", "nope", "accounts/", "orders/1/2", "/admin", "/health"]
    )
    async def test_an_unknown_path_is_not_found(self, api: Api, path: str) -> None:
        answer = await api.call("GET", path)

        assert (answer.status, answer.code) == (404, "not_found")

    @pytest.mark.parametrize(
        ("method", "path", "allow"),
        [
            ("DELETE", "orders/", "GET, HEAD, OPTIONS, POST"),
            ("TRACE", "orders/", "GET, HEAD, OPTIONS, POST"),
            ("PUT", "orders/1", "GET, HEAD, OPTIONS"),
            ("GET", "orders/1/cancel/", "OPTIONS, POST"),
            ("POST", "accounts/wallet/deposit", "OPTIONS, PATCH"),
            ("GET", "accounts/auth/login/", "OPTIONS, POST"),
            ("POST", "/health/live", "GET, HEAD, OPTIONS"),
        ],
    )
    async def test_another_method_is_refused_with_those_that_are_allowed(
        self, api: Api, method: str, path: str, allow: str
    ) -> None:
        answer = await api.call(method, path)
        options = await api.call("OPTIONS", path)

        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert answer.headers["allow"] == allow
        assert (options.status, options.headers["allow"]) == (204, allow)

    async def test_head_is_get_without_a_body(self, api: Api) -> None:
        answer = await api.call("HEAD", "exchanges/crypto-currencies/")
        refused = await api.call("HEAD", "orders/")

        assert (answer.status, answer.text) == (200, "")
        assert int(answer.headers["content-length"]) > 100
        assert (refused.status, refused.text) == (401, "")

    async def test_a_request_keeps_its_name_if_it_is_one(self, api: Api) -> None:
        async def name(given: str) -> str:
            headers = {"X-Request-ID": given}
            return (await api.call("GET", "/health/live", headers=headers)).headers["x-request-id"]

        assert await name("my-request_1.2") == "my-request_1.2"
        assert await name("x" * 65) != "x" * 65
        assert await name("a b") != "a b"

    async def test_a_malformed_host_is_refused(self, api: Api) -> None:
        for host in ("a b", "a/b", "", "a:b", "a@b"):
            answer = await api.call("GET", "exchanges/crypto-currencies/", headers={"Host": host})
            assert (answer.status, answer.code) == (400, "invalid_host")


async def register(api: Api, username: str, password: str = "correct horse") -> Answer:
    body = json.dumps({"username": username, "password": password})
    return await api.call("POST", "accounts/auth/register/", body)


async def login(api: Api, username: str, password: str) -> Answer:
    body = json.dumps({"username": username, "password": password})
    return await api.call("POST", "accounts/auth/login/", body)


async def with_refresh(api: Api, call: str, token: str, key: str | None = None) -> Answer:
    headers = {} if key is None else {"Idempotency-Key": key}
    body = json.dumps({"refresh": token})
    return await api.call("POST", f"accounts/auth/{call}/", body, headers=headers)


async def end(api: Api, token: str, session_id: str) -> Answer:
    return await api.call("POST", f"accounts/sessions/{session_id}/end/", token=token)


async def move(api: Api, token: str, call: str, amount: str, *, key: str | None = None) -> Answer:
    path, body = f"accounts/wallet/{call}", f'{{"amount": {amount}}}'
    return await api.call("PATCH", path, body, token=token, headers=key_header(key))


async def place(api: Api, token: str, body: str, *, key: str | None = None) -> Answer:
    return await api.call("POST", "orders/", body, token=token, headers=key_header(key))


def key_header(key: str | None) -> Any:
    return None if key is None else {"Idempotency-Key": key.encode("latin-1")}


def next_url(answer: Answer) -> str:
    link = answer.headers.get("link", "")
    assert not link or link.endswith('; rel="next"')
    return link.partition("<")[2].partition(">")[0]
