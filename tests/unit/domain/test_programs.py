"""Programs: API keys made, raced for, checked and ended by the use cases, over memory."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.domain.api_key import MAX_KEYS, KeyUse, Scope, TooManyKeys, digest_of
from crypto_exchange.domain.audit_log import Action, Actor
from crypto_exchange.domain.cashier import Deposit
from crypto_exchange.domain.errors import (
    InvalidField,
    NotFound,
    StepUpRequired,
    Unauthenticated,
)
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import accounts, api_keys, logins, wallets
from crypto_exchange.domain.use_cases.api_keys import DAY_US, IssuedKey, WantedKey
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import AccessClaims
from tests.builders import NOW_US, an_asset, usd

BOT = WantedKey(name="bot", scopes=(Scope.TRADE,), days=30)
HER = Actor(user_id=1, address="192.0.2.1")


class Service:
    """A context over memory, with a user who has logged in."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOW_US)
        self.state = State((an_asset(),))
        self.context: Context = memory_context(clock=self.clock, state=self.state)

    async def enter(self, name: str = "alice") -> AccessClaims:
        pair = await accounts.register(self.context, name, "password")
        return self.context.tokens.read_access(pair.access)

    async def create(self, bearer: AccessClaims, wanted: WantedKey = BOT) -> IssuedKey:
        return await api_keys.create(self.context, bearer, wanted, actor=HER)

    async def ids(self, bearer: AccessClaims) -> list[str]:
        return [key.id for key in await api_keys.list_keys(self.context, bearer.user_id)]


@pytest.fixture
def service() -> Service:
    return Service()


async def test_a_key_is_kept_as_it_was_wanted_without_its_text(service: Service) -> None:
    alice = await service.enter()

    issued = await service.create(alice)

    (kept,) = service.state.keys.values()
    assert kept == issued.key
    assert (kept.user_id, kept.name, kept.scopes) == (alice.user_id, "bot", (Scope.TRADE,))
    assert (kept.created_at_us, kept.used_at_us, kept.ended_at_us) == (NOW_US, 0, 0)
    assert kept.expires_at_us == NOW_US + 30 * 24 * 3600 * 10**6
    assert kept.digest == digest_of(issued.text)
    assert len(issued.text.rpartition("_")[2]) == 64
    assert await api_keys.verify(service.context, issued.text) == kept
    (entry,) = [e for e in service.state.audit if e.action is Action.API_KEY_CREATED]
    assert (entry.user_id, entry.subject, entry.address) == (1, kept.id, "192.0.2.1")
    assert WantedKey(name="bot", scopes=(Scope.READ,)).days == 90


async def test_what_is_wanted_badly_is_refused(service: Service) -> None:
    alice = await service.enter()

    for wanted in (msgspec.structs.replace(BOT, name=""), msgspec.structs.replace(BOT, days=0)):
        with pytest.raises(InvalidField):
            await service.create(alice, wanted)

    assert service.state.keys == {}


async def test_an_old_login_and_one_that_has_ended_make_no_key(service: Service) -> None:
    alice = await service.enter()
    nobody = AccessClaims(99, alice.role, alice.session_id)

    service.clock.advance(15 * 60 * 10**6 + 1)
    with pytest.raises(StepUpRequired):
        await service.create(alice)
    await logins.end_all(service.context, alice)
    for bearer in (alice, nobody):
        with pytest.raises(Unauthenticated):
            await service.create(bearer)


async def test_of_many_made_at_once_there_are_no_more_than_one_may_have(service: Service) -> None:
    alice = await service.enter()

    made = await asyncio.gather(
        *(service.create(alice) for _ in range(MAX_KEYS + 3)), return_exceptions=True
    )

    refused = [each for each in made if not isinstance(each, IssuedKey)]
    assert [type(each) for each in refused] == [TooManyKeys] * 3
    assert len(await service.ids(alice)) == MAX_KEYS


async def test_a_key_that_has_expired_makes_room_is_not_listed_and_cannot_be_ended(
    service: Service,
) -> None:
    alice = await service.enter()
    for _ in range(MAX_KEYS - 1):
        await service.create(alice)
    short = await service.create(alice, msgspec.structs.replace(BOT, days=1))

    service.clock.advance(DAY_US)
    fresh = msgspec.structs.replace(alice, verified_at_us=service.clock.now_us())

    assert short.key.id not in await service.ids(alice)
    for text in (short.text, "nonsense"):
        with pytest.raises(Unauthenticated):
            await api_keys.verify(service.context, text)
    with pytest.raises(NotFound):
        await api_keys.end(service.context, alice.user_id, short.key.id, actor=HER)
    assert (await service.create(fresh)).key.id in await service.ids(alice)


async def test_a_key_is_ended_by_its_owner_alone_and_moves_no_money_then(service: Service) -> None:
    alice, bob = await service.enter(), await service.enter("bob")
    kept, gone = await service.create(alice), await service.create(alice)
    command = Deposit(user_id=alice.user_id, amount=usd("1"))
    await wallets.deposit(service.context, command, gone.key.id)

    with pytest.raises(NotFound):
        await api_keys.end(service.context, bob.user_id, gone.key.id, actor=HER)
    await api_keys.end(service.context, alice.user_id, gone.key.id, actor=HER)

    assert await service.ids(alice) == [kept.key.id]
    with pytest.raises(Unauthenticated):
        await wallets.deposit(service.context, command, gone.key.id)
    await wallets.deposit(service.context, command, kept.key.id)
    ended = await service.context.queries.list_ended_sessions(NOW_US)
    assert [(each.id, each.ended_at_us) for each in ended] == [(gone.key.id, NOW_US)]


async def test_a_new_password_ends_every_live_key_also_one_made_at_the_same_time(
    service: Service,
) -> None:
    alice, bob = await service.enter(), await service.enter("bob")
    other = await service.create(bob)
    await service.create(alice)

    await asyncio.gather(
        logins.change_password(service.context, alice, "password", "battery staple"),
        *(service.create(alice) for _ in range(3)),
        return_exceptions=True,
    )

    assert (await service.ids(alice), await service.ids(bob)) == ([], [other.key.id])
    told = [e.subject for e in service.state.audit if e.action is Action.API_KEY_ENDED]
    assert sorted(told) == sorted(k.id for k in service.state.keys.values() if k.user_id == 1)


async def test_the_last_use_never_goes_back(service: Service) -> None:
    key = (await service.create(await service.enter())).key

    for at_us in (9, 7):
        await api_keys.note_uses(service.context, [KeyUse(key.user_id, key.id, at_us)])

    assert [each.used_at_us for each in service.state.keys.values()] == [9]
