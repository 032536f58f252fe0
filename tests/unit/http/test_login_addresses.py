"""Every login is kept with the address that it came from, whichever way it came."""

from __future__ import annotations

from crypto_exchange.domain.totp import step_at
from crypto_exchange.domain.use_cases.context import Context
from tests.unit.http.api import Api
from tests.unit.http.second_factor_suite import Customer

_HERE = "testclient"
"""What the client of the tests has instead of an address."""


async def addresses(context: Context, token: str) -> list[str]:
    user_id = context.tokens.read_access(token).user_id
    async with context.begin() as work:
        work.abandon()
        return [session.address for session in await work.list_sessions(user_id)]


async def test_registering_and_logging_in_keep_the_address(api: Api, context: Context) -> None:
    customer = Customer(api, step_at(context.clock.now_us()))
    await customer.register()
    await customer.log_in()

    assert await addresses(context, customer.token) == [_HERE, _HERE]


async def test_a_second_factor_and_a_new_password_keep_the_address(
    api: Api, context: Context
) -> None:
    customer = await Customer(api, step_at(context.clock.now_us())).enrolled()
    await customer.verify(await customer.challenge(), customer.code())
    before = await addresses(context, customer.token)

    await customer.change_password("battery staple", customer.code(1))

    assert before == [_HERE, _HERE]
    assert await addresses(context, customer.token) == [_HERE]
