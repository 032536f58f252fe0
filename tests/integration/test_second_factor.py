"""Second factors at a whole service, and what of them is in its database."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.adapters.postgres import PostgresBegin, PostgresIds
from crypto_exchange.adapters.postgres.tables import metadata
from crypto_exchange.adapters.security import FernetVault
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.use_cases import accounts, second_factor
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import TokenPair
from tests.integration.postgres_store import opened_database
from tests.running import RunningServer
from tests.servers import run_sql
from tests.unit.http.api import Api
from tests.unit.http.second_factor_suite import Customer, SecondFactorSuite, one_time_code

pytestmark = pytest.mark.xdist_group("server")

STEP_S = 30
ENOUGH_S = 5
"""What is left of a half minute when a test begins, so that the code before it is still taken."""
OLD, NEW = "an old key of 32 bytes or more ..", "a new key of 32 bytes or more .."
START_US = 1_767_225_600 * 10**6


@pytest.fixture
async def api(server: RunningServer) -> AsyncIterator[Api]:
    base = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=base, timeout=30) as client:
        yield await Api.open(client)


def current_step() -> int:
    while (left_s := STEP_S - time.time() % STEP_S) < ENOUGH_S:
        time.sleep(left_s)
    return int(time.time()) // STEP_S


class TestSecondFactorOverAService(SecondFactorSuite):
    """All of the suite: real sockets, Postgres, and the time that it is."""

    @override
    def step(self) -> int:
        return current_step()


async def test_neither_database_nor_log_nor_dump_shows_a_secret(
    api: Api, server: RunningServer
) -> None:
    alice = await Customer(api, current_step()).enrolled()
    challenge = await alice.challenge()
    await alice.verify(challenge, alice.wrong_code())
    pair = (await alice.verify(challenge, alice.recovery_codes[0])).json

    everything = await asyncio.to_thread(read_all, server.run_file["postgres_dsn"])
    dumped = await asyncio.to_thread(server.command, "dump-data")

    assert alice.name in everything
    assert f'"user_id":{user_id_of(alice, server)}' in dumped.stdout
    raw = base64.b32decode(alice.secret)
    secrets = [
        *(alice.secret, raw.hex(), base64.b64encode(raw).decode(), challenge, pair["refresh"]),
        *(form for code in alice.recovery_codes for form in (code, code.replace("-", ""))),
    ]
    for text in (everything, dumped.stdout, server.log()):
        assert not [secret for secret in secrets if secret in text]
    assert '"table":"second_factors"' in dumped.stdout
    assert "sealed" not in dumped.stdout


async def test_what_happened_is_in_the_log_of_events(api: Api, server: RunningServer) -> None:
    alice = await Customer(api, current_step()).enrolled()
    await alice.step_up(alice.recovery_codes[0])
    await alice.disable(alice.code())
    await alice.enroll()
    await alice.confirm(alice.code(1))
    for _ in range(5):
        await alice.step_up(alice.wrong_code())

    own = f"FROM events WHERE user_id = {user_id_of(alice, server)} ORDER BY seq"
    told = run_sql(server.run_file["postgres_dsn"], f"SELECT event {own}").split()

    assert told == [
        *("UserRegistered", "SecondFactorEnrolled", "RecoveryCodeUsed"),
        *("SecondFactorDisabled", "SecondFactorEnrolled", "SecondFactorLocked"),
    ]


async def test_an_operator_lets_in_who_lost_everything(api: Api, server: RunningServer) -> None:
    alice = await Customer(api, current_step()).enrolled()

    done = await asyncio.to_thread(server.command, "reset-second-factor", alice.name)
    again = await asyncio.to_thread(server.command, "reset-second-factor", alice.name)
    nobody = await asyncio.to_thread(server.command, "reset-second-factor", "nobody-at-all")

    assert (done.returncode, done.stdout) == (0, f"{alice.name}: second factor disabled\n")
    assert (await alice.log_in()).json.keys() == {"access", "refresh"}
    assert (await alice.enroll()).status == 200
    for refused in (again, nobody):
        assert refused.returncode != 0
        assert "expected an existing" in refused.stderr


async def test_keys_are_replaced_while_people_go_on(postgres_dsn: str) -> None:
    """With both keys each secret is sealed anew when it is used; then the old key may go."""
    async with opened_database(postgres_dsn) as database:
        clock = MemoryClock(START_US)
        context = msgspec.structs.replace(
            memory_context(clock=clock), begin=PostgresBegin(database), ids=PostgresIds(database)
        )
        old, both, new = (
            msgspec.structs.replace(context, vault=FernetVault(keys))
            for keys in ([OLD], [NEW, OLD], [NEW])
        )
        used, unused = await enroll(old, "used"), await enroll(old, "unused")

        await step_up(both, used, clock)
        await step_up(new, used, clock)

        with pytest.raises(InvariantViolation):
            await step_up(new, unused, clock)


async def enroll(context: Context, name: str) -> tuple[TokenPair, str]:
    pair = await accounts.register(context, name, "correct horse")
    claims = context.tokens.read_access(pair.access)
    enrolment = await second_factor.enroll(context, claims)
    step = context.clock.now_us() // (STEP_S * 10**6)
    await second_factor.confirm(context, claims.user_id, one_time_code(enrolment.secret, step))
    return pair, enrolment.secret


async def step_up(context: Context, who: tuple[TokenPair, str], clock: MemoryClock) -> None:
    pair, secret = who
    clock.advance(STEP_S * 10**6)
    code = one_time_code(secret, clock.now_us() // (STEP_S * 10**6))
    await second_factor.step_up(context, context.tokens.read_access(pair.access), code)


def read_all(dsn: str) -> str:
    """Every row of every table as text."""
    return "\n".join(run_sql(dsn, f"SELECT t::text FROM {table} AS t") for table in metadata.tables)


def user_id_of(customer: Customer, server: RunningServer) -> int:
    sql = f"SELECT user_id FROM usernames WHERE username_key = '{customer.name}'"
    return int(run_sql(server.run_file["postgres_dsn"], sql))
