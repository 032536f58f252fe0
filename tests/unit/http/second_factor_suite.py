"""What any client can see of second factors: run over memory here, and over real servers elsewhere.

A subclass gives the fixture `api` and says what time the service has. The codes are computed here, by
nothing that the service uses: from the secret as an authenticator is told it.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import struct
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from tests.unit.http.api import Answer, Api

PASSWORD = "correct horse"


def one_time_code(secret: str, step: int) -> str:
    """An authenticator of ten lines."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    start = mac[19] % 16
    (number,) = struct.unpack(">I", mac[start : start + 4])
    return str(number % 2**31)[-6:].zfill(6)


class Customer:
    """A user, their authenticator, and the newest of their tokens. `step` is the service's half minute
    now; each code of theirs is good for one use, so there are three at a time.
    """

    def __init__(self, api: Api, step: int) -> None:
        self.api, self.step = api, step
        self.name = f"user-{uuid4().hex[:20]}"
        self.token, self.secret = "", ""
        self.recovery_codes: list[str] = []

    async def post(self, path: str, body: dict[str, str] | None, *, token: str = "") -> Answer:
        text = None if body is None else json.dumps(body)
        return await self.api.call("POST", f"accounts/auth/{path}", text, token=token or None)

    async def register(self, dollars: str | None = None) -> None:
        body = {"username": self.name, "password": PASSWORD}
        self.token = (await self.post("register/", body)).json["access"]
        if dollars is not None:
            await self.move("deposit", dollars)

    async def enroll(self) -> Answer:
        answer = await self.post("mfa/enroll/", None, token=self.token)
        if answer.status == 200:
            self.secret = answer.json["secret"]
        return answer

    async def confirm(self, code: str) -> Answer:
        return await self.post("mfa/confirm/", {"code": code}, token=self.token)

    async def enrolled(self, dollars: str | None = None) -> "Customer":
        """With a second factor in force; the code of the step before now is used."""
        await self.register(dollars)
        await self.enroll()
        confirmed = await self.confirm(self.code(-1))
        assert confirmed.status == 200, confirmed
        self.recovery_codes = confirmed.json["recovery_codes"]
        return self

    async def log_in(self) -> Answer:
        return await self.post("login/", {"username": self.name, "password": PASSWORD})

    async def challenge(self) -> str:
        return str((await self.log_in()).json["challenge"])

    async def verify(self, challenge: str, code: str) -> Answer:
        return await self.post("mfa/verify/", {"challenge": challenge, "code": code})

    async def step_up(self, code: str) -> Answer:
        return await self.post("mfa/verify/", {"code": code}, token=self.token)

    async def disable(self, code: str) -> Answer:
        return await self.post("mfa/disable/", {"code": code}, token=self.token)

    async def change_password(self, new: str, code: str | None = None) -> Answer:
        body = {"password": PASSWORD, "new_password": new}
        body |= {} if code is None else {"code": code}
        return await self.post("change-password/", body, token=self.token)

    async def move(self, how: str, dollars: str, *, key: str = "") -> Answer:
        headers = {"Idempotency-Key": key} if key else {}
        path, body = f"accounts/wallet/{how}", f'{{"amount": {dollars}}}'
        return await self.api.call("PATCH", path, body, token=self.token, headers=headers)

    def code(self, offset: int = 0) -> str:
        return one_time_code(self.secret, self.step + offset)

    def wrong_code(self) -> str:
        near = {self.code(offset) for offset in range(-3, 4)}
        return next(code for code in ("000000", "111111", "222222") if code not in near)


class SecondFactorSuite:
    """Everything that holds within the half minute."""

    def step(self) -> int:
        """The service's half minute now."""
        raise NotImplementedError

    async def test_the_whole_walk(self, api: Api) -> None:
        """Enroll, confirm, log in, step up for a large withdrawal, disable."""
        alice = Customer(api, self.step())
        await alice.register("5000.00")

        enrolment = (await alice.enroll()).json
        assert (await alice.log_in()).json.keys() == {"access", "refresh"}
        confirmed = await alice.confirm(alice.code(-1))
        challenge = await alice.challenge()
        pair = await alice.verify(challenge, alice.code())
        assert (confirmed.status, pair.status) == (200, 200)
        check_enrolment(enrolment, alice)
        assert len(set(confirmed.json["recovery_codes"])) == 10
        assert (await alice.move("withdraw", "1000.01")).code == "step_up_required"
        alice.token = (await alice.step_up(alice.code(1))).json["access"]
        assert (await alice.move("withdraw", "1000.01")).json["balance"] == "3999.99"
        assert (await alice.disable(confirmed.json["recovery_codes"][0])).status == 204
        assert (await alice.log_in()).json.keys() == {"access", "refresh"}

    async def test_a_login_with_a_code_is_fresh_by_itself(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled("5000.00")

        alice.token = (await alice.verify(await alice.challenge(), alice.code())).json["access"]

        assert (await alice.move("withdraw", "2000.00")).status == 200

    async def test_a_new_password_takes_a_code_or_a_token_for_which_one_was_given(
        self, api: Api
    ) -> None:
        alice = await Customer(api, self.step()).enrolled()
        bob = await Customer(api, self.step()).enrolled()
        bob.token = (await bob.step_up(bob.code())).json["access"]

        without = await alice.change_password("battery staple")
        wrong = await alice.change_password("battery staple", alice.wrong_code())
        right = await alice.change_password("battery staple", alice.code())

        assert (without.status, without.code) == (403, "step_up_required")
        assert (wrong.status, wrong.code) == (401, "invalid_code")
        assert (right.status, (await alice.log_in()).code) == (200, "invalid_credentials")
        assert (await bob.change_password("battery staple")).status == 200

    async def test_the_same_code_at_the_same_time_passes_once(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled()
        challenge, code = await alice.challenge(), alice.code()

        answers = await asyncio.gather(*(alice.verify(challenge, code) for _ in range(4)))

        passed = [answer for answer in answers if answer.status == 200]
        assert len(passed) == 1
        assert {answer.status for answer in answers} == {200, 401}

    async def test_of_steps_up_with_the_same_code_at_the_same_time_one_passes(
        self, api: Api
    ) -> None:
        alice = await Customer(api, self.step()).enrolled()
        code = alice.code()

        answers = await asyncio.gather(*(alice.step_up(code) for _ in range(4)))

        assert sorted(answer.status for answer in answers) == [200, 401, 401, 401]
        assert {a.code for a in answers if a.status == 401} == {"invalid_code"}

    async def test_five_wrong_codes_lock_it_for_good_ones_too(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled()
        challenge = await alice.challenge()

        wrong = [await alice.verify(challenge, alice.wrong_code()) for _ in range(5)]
        locked = [
            await alice.verify(challenge, alice.code()),
            await alice.verify(challenge, alice.recovery_codes[0]),
            await alice.step_up(alice.code()),
            await alice.disable(alice.code()),
        ]

        assert [answer.code for answer in wrong] == ["invalid_code"] * 5
        assert [answer.code for answer in locked] == ["rate_limited"] * 4
        for answer in locked:
            assert 600 < int(answer.headers["retry-after"]) <= 901

    async def test_a_recovery_code_is_good_once(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled()
        code = alice.recovery_codes[0].upper().replace("-", " ")

        first = await alice.verify(await alice.challenge(), code)
        again = await alice.verify(await alice.challenge(), code)
        another = await alice.step_up(alice.recovery_codes[1])

        assert (first.status, again.code, another.status) == (200, "invalid_code", 200)

    async def test_a_challenge_is_good_for_nothing_else(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled()
        challenge = await alice.challenge()

        as_access = await api.call("GET", "accounts/wallet/", token=challenge)
        as_refresh = await alice.post("refresh/", {"refresh": challenge})
        instead = await alice.verify(alice.token, alice.code())
        stepping_up = await alice.post("mfa/verify/", {"code": alice.code()}, token=challenge)

        for answer in (as_access, as_refresh, instead, stepping_up):
            assert answer.code == "unauthenticated"

    async def test_a_challenge_of_before_another_login_is_no_good(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled()
        old, new = await alice.challenge(), await alice.challenge()

        assert (await alice.verify(new, alice.code())).status == 200

        assert (await alice.verify(old, alice.code(1))).code == "unauthenticated"

    async def test_a_challenge_ends_with_the_second_factor(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled()
        challenge = await alice.challenge()

        await alice.disable(alice.code())

        assert (await alice.verify(challenge, alice.code(1))).code == "unauthenticated"

    async def test_it_is_replaced_only_by_disabling_it_first(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled()

        assert (await alice.enroll()).code == "second_factor_active"
        assert (await alice.confirm(alice.code())).code == "second_factor_active"
        assert (await alice.disable(alice.wrong_code())).code == "invalid_code"
        assert (await alice.disable(alice.code())).status == 204
        assert (await alice.enroll()).status == 200
        assert (await alice.confirm(alice.code(1))).status == 200

    async def test_without_one_there_is_nothing_to_confirm_disable_or_step_up(
        self, api: Api
    ) -> None:
        alice = Customer(api, self.step())
        await alice.register("5000.00")

        for answer in (
            await alice.confirm("123456"),
            await alice.disable("123456"),
            await alice.step_up("123456"),
        ):
            assert answer.code == "not_found"
        assert (await alice.move("withdraw", "5000.00")).status == 200

    async def test_a_secret_that_was_not_confirmed_protects_nothing_and_may_be_drawn_anew(
        self, api: Api
    ) -> None:
        alice = Customer(api, self.step())
        await alice.register()
        await alice.enroll()
        first = alice.secret
        assert (await alice.confirm(alice.wrong_code())).code == "invalid_code"
        assert (await alice.step_up(alice.code())).code == "not_found"

        await alice.enroll()

        assert alice.secret != first
        assert (await alice.confirm(one_time_code(first, alice.step))).code == "invalid_code"
        assert (await alice.confirm(alice.code())).status == 200

    async def test_what_no_code_looks_like_is_not_counted(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled()

        for text in ("", "12345", "1234567", "correct horse", "½½½½½½", "0" * 1_000) * 2:
            assert (await alice.step_up(text)).code == "invalid_field"

        assert (await alice.step_up(alice.code())).status == 200

    async def test_a_repeated_withdrawal_needs_no_further_code(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled("5000.00")
        before = alice.token
        alice.token = (await alice.step_up(alice.code())).json["access"]
        first = await alice.move("withdraw", "1500.00", key="k")
        alice.token = before

        again = await alice.move("withdraw", "1500.00", key="k")

        assert (first.status, again.status) == (200, 200)
        assert again.headers["idempotent-replayed"] == "true"
        assert again.json == first.json

    async def test_small_withdrawals_need_no_code(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled("5000.00")

        assert (await alice.move("withdraw", "1000.00")).status == 200

    async def test_stepping_up_goes_on_with_the_same_login(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled()
        pair = (await alice.step_up(alice.code())).json

        listed = await api.call("GET", "accounts/sessions/", token=pair["access"])
        renewed = await alice.post("refresh/", {"refresh": pair["refresh"]})

        assert [each["current"] for each in listed.json] == [True]
        assert renewed.status == 200
        alice.token = renewed.json["access"]
        assert (await alice.move("deposit", "2000.00")).status == 200
        assert (await alice.move("withdraw", "2000.00")).code == "step_up_required"

    async def test_a_login_that_has_ended_cannot_step_up(self, api: Api) -> None:
        alice = await Customer(api, self.step()).enrolled()
        await alice.post("logout-all/", None, token=alice.token)

        assert (await alice.step_up(alice.code())).code == "unauthenticated"


def check_enrolment(enrolment: dict[str, Any], alice: Customer) -> None:
    uri = urlsplit(enrolment["otpauth_uri"])
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert uri.path == f"/crypto_exchange:{alice.name}"
    assert parse_qs(uri.query)["secret"] == [enrolment["secret"]]
    assert enrolment["qr_svg"].startswith("<svg ")
    assert len(base64.b32decode(enrolment["secret"])) == 20
