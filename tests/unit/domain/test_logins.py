"""Logins: a user's sessions on all devices, seen, ended and raced; and how passwords are kept."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import InsecureHasher, MemoryClock, memory_context
from crypto_exchange.domain.access import RETRY_US, CommonPasswords
from crypto_exchange.domain.account_events import PasswordChanged, SessionReuseDetected
from crypto_exchange.domain.api_key import KEPT_US, Scope
from crypto_exchange.domain.audit_log import SERVICE
from crypto_exchange.domain.cashier import Deposit, Withdraw
from crypto_exchange.domain.errors import (
    InvalidCredentials,
    InvalidField,
    NotFound,
    Unauthenticated,
)
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import accounts, api_keys, logins, orders, wallets
from crypto_exchange.domain.use_cases.api_keys import WantedKey
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import AccessClaims, TokenPair
from tests.builders import NOW_US, an_asset, usd


class Service:
    """A context over memory, with a user who has logged in on two devices."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOW_US)
        self.state = State((an_asset(),))
        self.context: Context = memory_context(clock=self.clock, state=self.state)

    async def register(self, name: str = "alice") -> TokenPair:
        return await accounts.register(self.context, name, "password", device="desk")

    async def log_in(self, password: str = "password", name: str = "alice") -> TokenPair:
        pair = await accounts.log_in(self.context, name, password, device="phone")
        assert isinstance(pair, TokenPair)
        return pair

    def bearer(self, pair: TokenPair) -> AccessClaims:
        return self.context.tokens.read_access(pair.access)

    async def renew(self, pair: TokenPair, key: str | None = None) -> TokenPair:
        return await accounts.renew(self.context, pair.refresh, retry_key=key)

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.state.events if isinstance(event, kind)]


@pytest.fixture
def service() -> Service:
    return Service()


async def test_sessions_are_listed_with_their_devices_and_times(service: Service) -> None:
    desk = service.bearer(await service.register())
    service.clock.advance(1_000)
    phone_pair = await service.log_in()
    service.clock.advance(1_000)
    await service.renew(phone_pair)

    first, second = await logins.list_sessions(service.context, desk)

    assert [first.device, second.device] == ["desk", "phone"]
    assert first.id == desk.session_id
    assert (first.created_at_us, first.used_at_us) == (NOW_US, NOW_US)
    assert (second.created_at_us, second.used_at_us) == (NOW_US + 1_000, NOW_US + 2_000)
    assert second.expires_at_us == NOW_US + 2_000 + accounts.SESSION_US


async def test_a_session_that_has_expired_is_neither_listed_nor_ended(service: Service) -> None:
    old = service.bearer(await service.register())
    service.clock.advance(accounts.SESSION_US)
    new = service.bearer(await service.log_in())

    listed = await logins.list_sessions(service.context, new)

    assert [each.id for each in listed] == [new.session_id]
    with pytest.raises(NotFound):
        await logins.end_session(service.context, new, old.session_id)
    with pytest.raises(Unauthenticated):
        await logins.list_sessions(service.context, old)


async def test_a_session_that_is_renewed_all_the_time_ends_after_ninety_days(
    service: Service,
) -> None:
    pair = await service.register()
    for _ in range(89):
        service.clock.advance(24 * 3600 * 10**6)
        pair = await service.renew(pair)

    service.clock.advance(24 * 3600 * 10**6)

    with pytest.raises(Unauthenticated):
        await service.renew(pair)


async def test_ending_a_session_ends_that_one_alone(service: Service) -> None:
    desk, phone_pair = service.bearer(await service.register()), await service.log_in()
    phone = service.bearer(phone_pair)

    await logins.end_session(service.context, desk, phone.session_id)

    assert [s.id for s in await logins.list_sessions(service.context, desk)] == [desk.session_id]
    with pytest.raises(Unauthenticated):
        await service.renew(phone_pair)


async def test_somebody_elses_session_is_not_found(service: Service) -> None:
    alice = service.bearer(await service.register())
    bob = service.bearer(await service.register("bob"))

    with pytest.raises(NotFound):
        await logins.end_session(service.context, bob, alice.session_id)

    assert len(await logins.list_sessions(service.context, alice)) == 1


async def test_ending_all_sessions_leaves_others_logged_in(service: Service) -> None:
    desk, phone = service.bearer(await service.register()), service.bearer(await service.log_in())
    bob = service.bearer(await service.register("bob"))

    await logins.end_all(service.context, desk)

    for bearer in (desk, phone):
        with pytest.raises(Unauthenticated):
            await logins.list_sessions(service.context, bearer)
    assert len(await logins.list_sessions(service.context, bob)) == 1


async def test_no_money_moves_for_a_session_that_has_ended(service: Service) -> None:
    pair = await service.register()
    user_id, session_id = service.bearer(pair).user_id, service.bearer(pair).session_id
    deposit = Deposit(user_id=user_id, amount=usd("10"))
    await wallets.deposit(service.context, deposit, session_id)
    command = PlaceOrder(user_id=user_id, asset="BTC", spend=usd("1"))
    order, _, _ = await orders.place(service.context, command, session_id)

    await accounts.log_out(service.context, pair.refresh)

    for refused in (
        wallets.deposit(service.context, deposit, session_id),
        wallets.withdraw(service.context, Withdraw(user_id=user_id, amount=usd("1")), session_id),
        orders.place(service.context, command, session_id),
        orders.cancel(service.context, user_id, order.id, session_id),
    ):
        with pytest.raises(Unauthenticated):
            await refused
    assert service.state.get_wallet(user_id).balance == usd("9")


async def test_a_lost_answer_is_given_again_to_whoever_knows_the_key(service: Service) -> None:
    first = await service.register()

    lost = await service.renew(first, "key")
    service.clock.advance(RETRY_US)
    again = await service.renew(first, "key")
    onward = await service.renew(again, "other")

    assert len({lost.refresh, again.refresh, onward.refresh}) == 3
    assert service.told(SessionReuseDetected) == []
    with pytest.raises(Unauthenticated):
        await service.renew(lost, "key")
    assert [told.generation for told in service.told(SessionReuseDetected)] == [1]


async def test_of_a_key_only_a_digest_of_this_session_is_kept(service: Service) -> None:
    desk = await service.register()
    phone = await service.log_in()

    await service.renew(desk, "secret key")
    await service.renew(phone, "secret key")

    kept = [session.retry for session in service.state.sessions.values()]
    assert [len(digest) for digest in kept] == [64, 64]
    assert len(set(kept)) == 2


async def test_a_refresh_token_that_comes_twice_at_once_is_a_reuse(service: Service) -> None:
    first = await service.register()

    results = await asyncio.gather(
        service.renew(first), service.renew(first), return_exceptions=True
    )

    assert [type(result) for result in results] == [TokenPair, Unauthenticated]
    assert len(service.told(SessionReuseDetected)) == 1


async def test_a_new_password_ends_every_earlier_session_and_is_told(service: Service) -> None:
    desk_pair, phone_pair = await service.register(), await service.log_in()
    desk = service.bearer(desk_pair)

    pair = await logins.change_password(
        service.context, desk, "password", "another one", device="desk"
    )

    new = service.bearer(pair)
    (only,) = await logins.list_sessions(service.context, new)
    assert (only.id, only.device) == (new.session_id, "desk")
    for old in (desk_pair, phone_pair):
        with pytest.raises(Unauthenticated):
            await service.renew(old)
    with pytest.raises(InvalidCredentials):
        await service.log_in()
    await service.log_in("another one")
    assert [told.ended for told in service.told(PasswordChanged)] == [2]


async def test_a_token_that_outlives_its_user_changes_no_password(service: Service) -> None:
    bearer = msgspec.structs.replace(service.bearer(await service.register()), user_id=99)

    with pytest.raises(Unauthenticated):
        await logins.change_password(service.context, bearer, "password", "another one")


async def test_a_wrong_or_bad_password_changes_nothing(service: Service) -> None:
    pair = await service.register()
    bearer = service.bearer(pair)

    with pytest.raises(InvalidCredentials):
        await logins.change_password(service.context, bearer, "passwort", "another one")
    with pytest.raises(InvalidField, match=r"^new_password"):
        await logins.change_password(service.context, bearer, "password", "short")

    await service.log_in()
    await service.renew(pair)


async def test_whoever_logs_in_with_the_old_password_meanwhile_is_logged_out_too(
    service: Service,
) -> None:
    bearer = service.bearer(await service.register())
    slow = Meanwhile(service)

    async def other() -> None:
        await service.log_in()

    slow.happens = other
    changing = msgspec.structs.replace(service.context, passwords=slow)
    pair = await logins.change_password(changing, bearer, "password", "another one")

    new = service.bearer(pair)
    listed = await logins.list_sessions(service.context, new)
    assert [each.id for each in listed] == [new.session_id]


async def test_whoever_logs_in_while_the_password_changes_needs_the_new_one(
    service: Service,
) -> None:
    bearer = service.bearer(await service.register())
    slow = Meanwhile(service)

    async def other() -> None:
        await logins.change_password(service.context, bearer, "password", "another one")

    slow.happens = other
    with pytest.raises(InvalidCredentials):
        await accounts.log_in(
            msgspec.structs.replace(service.context, passwords=slow), "alice", "password"
        )


async def test_a_hash_of_other_parameters_is_made_anew_at_the_next_login(
    service: Service,
) -> None:
    await service.register()
    (user,) = service.state.users.values()
    hasher = OlderHashes()
    context = msgspec.structs.replace(service.context, passwords=hasher)
    service.state.users[user.id] = msgspec.structs.replace(user, password_hash="old:password")

    await accounts.log_in(context, "alice", "password")
    (renewed,) = service.state.users.values()
    await accounts.log_in(context, "alice", "password")
    (kept,) = service.state.users.values()

    assert renewed.password_hash == kept.password_hash == "insecure:password"
    assert (renewed.version, kept.version) == (1, 2)


async def test_common_passwords_are_refused_where_there_is_a_list(service: Service) -> None:
    common = CommonPasswords(frozenset({"password"}))
    context = msgspec.structs.replace(service.context, common_passwords=common)
    bearer = service.bearer(await service.register())

    with pytest.raises(InvalidField, match=r"^password: expected one that is hard to guess"):
        await accounts.register(context, "bob", "Password")
    with pytest.raises(InvalidField, match=r"^new_password: expected one that is hard to guess"):
        await logins.change_password(context, bearer, "password", "PASSWORD")


async def test_sessions_that_have_expired_are_forgotten(service: Service) -> None:
    await service.register()
    await service.log_in()
    service.clock.advance(accounts.SESSION_US + 1)
    kept = service.bearer(await service.log_in())

    assert await logins.forget_expired(service.context) == 2

    assert [ident for _, ident in service.state.sessions] == [kept.session_id]
    assert await logins.forget_expired(service.context) == 0


async def test_api_keys_are_forgotten_thirty_days_after_their_end(service: Service) -> None:
    bearer = service.bearer(await service.register())
    keys = [
        (await api_keys.create(service.context, bearer, wanted, actor=SERVICE)).key
        for wanted in (WantedKey(name="bot", scopes=(Scope.READ,), days=n) for n in (1, 2, 90, 90))
    ]
    await api_keys.end(service.context, bearer.user_id, keys[2].id, actor=SERVICE)
    service.clock.advance(KEPT_US + 24 * 3600 * SECOND_US)
    early = set(service.state.keys)

    await logins.forget_expired(service.context)
    late = {ident for _, ident in service.state.keys}
    service.clock.advance(1)
    await logins.forget_expired(service.context)

    assert len(early) == 4
    assert late == {keys[0].id, keys[1].id, keys[3].id}
    assert {ident for _, ident in service.state.keys} == {keys[1].id, keys[3].id}


class Meanwhile(InsecureHasher):
    """Takes so long to compare a password that something else happens, once."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.happens: Any = None

    @override
    async def verify(self, password: str, hashed: str | None) -> bool:
        happens, self.happens = self.happens, None
        if happens is not None:
            await happens()
        return await super().verify(password, hashed)


class OlderHashes(InsecureHasher):
    """Knows hashes of before, too."""

    @override
    async def verify(self, password: str, hashed: str | None) -> bool:
        return hashed == f"old:{password}" or await super().verify(password, hashed)
