"""Second factors as any client sees them, over memory; and what takes a clock that is moved."""

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import InsecureHasher, MemoryClock
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.use_cases import accounts, second_factor
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Challenge, User
from tests.unit.http.api import Api
from tests.unit.http.conftest import NOW_US
from tests.unit.http.second_factor_suite import PASSWORD, Customer, SecondFactorSuite

STEP = NOW_US // 30_000_000
MINUTE_US = 60_000_000


class TestSecondFactorOverMemory(SecondFactorSuite):
    """All of the suite."""

    @override
    def step(self) -> int:
        return STEP


async def test_a_code_is_fresh_for_five_minutes(api: Api, clock: MemoryClock) -> None:
    alice = await Customer(api, STEP).enrolled("9000.00")
    alice.token = (await alice.step_up(alice.code())).json["access"]

    clock.advance(5 * MINUTE_US)
    assert (await alice.move("withdraw", "2000.00")).status == 200
    clock.advance(1)
    assert (await alice.move("withdraw", "2000.00")).code == "step_up_required"


async def test_it_is_enrolled_only_within_fifteen_minutes_of_a_login(
    api: Api, clock: MemoryClock
) -> None:
    alice = Customer(api, STEP)
    await alice.register()
    pair = (await alice.log_in()).json

    clock.advance(15 * MINUTE_US)
    renewed = (await alice.post("refresh/", {"refresh": pair["refresh"]})).json
    alice.token = renewed["access"]
    assert (await alice.enroll()).status == 200
    clock.advance(1)
    refused = await alice.enroll()
    alice.token = (await alice.log_in()).json["access"]

    assert (refused.status, refused.code) == (403, "step_up_required")
    assert "log in again" in refused.json["detail"]
    assert (await alice.enroll()).status == 200


async def test_after_fifteen_minutes_codes_are_looked_at_again(
    api: Api, clock: MemoryClock
) -> None:
    alice = await Customer(api, STEP).enrolled()
    for _ in range(5):
        await alice.step_up(alice.wrong_code())

    clock.advance(15 * MINUTE_US - 1)
    assert (await alice.step_up(alice.recovery_codes[0])).headers["retry-after"] == "1"
    clock.advance(1)
    assert (await alice.step_up(alice.code(30))).status == 200


async def test_an_operator_takes_it_away_from_those_who_have_one(
    api: Api, context: Context
) -> None:
    alice = await Customer(api, STEP).enrolled()

    await second_factor.reset(context, alice.name.upper())

    assert (await alice.log_in()).json.keys() == {"access", "refresh"}
    for name in (alice.name, "nobody"):
        with pytest.raises(NotFound):
            await second_factor.reset(context, name)


class OutdatedHasher(InsecureHasher):
    """Of a time when hashes were made in another way."""

    @override
    def is_outdated(self, hashed: str) -> bool:
        return True


async def test_an_outdated_hash_is_renewed_before_the_challenge_which_is_good(
    api: Api, context: Context
) -> None:
    alice = await Customer(api, STEP).enrolled()
    older = msgspec.structs.replace(context, passwords=OutdatedHasher())
    before = await find_user(context, alice.name)

    challenge = await accounts.log_in(older, alice.name, PASSWORD)

    assert isinstance(challenge, Challenge)
    assert (await find_user(context, alice.name)).version == before.version + 1
    assert (await alice.verify(challenge.token, alice.code())).status == 200


async def find_user(context: Context, name: str) -> User:
    async with context.begin() as work:
        work.abandon()
        user = await work.find_user(name)
    assert user is not None
    return user
