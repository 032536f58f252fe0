"""Closing an account: what is in the way, and what is left of it when it is gone."""

from __future__ import annotations

import base64

import msgspec
import pytest

from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.domain.adjustment import LIFETIME_US, Adjustment
from crypto_exchange.domain.api_key import Scope
from crypto_exchange.domain.audit_log import TERMINAL, Action, Actor
from crypto_exchange.domain.cashier import Deposit
from crypto_exchange.domain.closing import Account, AccountNotEmpty, close, require_empty
from crypto_exchange.domain.errors import (
    AccountFrozen,
    InvalidCode,
    InvalidCredentials,
    StepUpRequired,
    Unauthenticated,
)
from crypto_exchange.domain.second_factor import FactorState
from crypto_exchange.domain.state import State
from crypto_exchange.domain.totp import hotp, step_at
from crypto_exchange.domain.use_cases import accounts, api_keys, closing, second_factor, wallets
from crypto_exchange.domain.use_cases.api_keys import WantedKey
from crypto_exchange.domain.use_cases.closing import CloseAccount
from crypto_exchange.domain.user import Role, TokenPair, User, UserStatus
from crypto_exchange.domain.views import Belongings, HoldingView
from crypto_exchange.domain.wallet import Wallet
from tests.builders import NOW_US, an_asset, coins, usd

USER = User(id=7, username="Alice", password_hash="h", version=3)
BOSS = User(id=8, username="boss", password_hash="h", role=Role.ADMIN, version=1)
EMPTY = Account(user=USER, wallet=Wallet(7, 0, 5), belongings=Belongings())
PROPOSED = Adjustment(
    key="k", user_id=7, amount=usd("5"), reason="r", proposed_by=8, proposed_at_us=NOW_US
)
BTC = HoldingView(asset="BTC", scale=8, quantity=coins("0.015"), cost=usd("9"), price=None)


def with_(**fields: object) -> Account:
    return msgspec.structs.replace(EMPTY, **fields)


def belonging(**fields: object) -> Account:
    return with_(belongings=msgspec.structs.replace(Belongings(), **fields))


@pytest.mark.parametrize(
    ("account", "found"),
    [
        (with_(wallet=Wallet(7, usd("12.50"), 5)), "12.50 USD in the wallet"),
        (belonging(orders=1, held=usd("7.50")), "1 open order for 7.50 USD"),
        (belonging(orders=2, held=usd("8")), "2 open orders for 8.00 USD"),
        (belonging(adjustments=(PROPOSED,)), "1 adjustment to be decided by administrators"),
        (belonging(coins=(BTC,)), "0.015 BTC that are not given up"),
        (
            with_(user=msgspec.structs.replace(USER, role=Role.ADMIN)),
            "the rights of the only active administrator",
        ),
        (
            with_(wallet=Wallet(7, usd("1"), 5), belongings=Belongings(coins=(BTC,))),
            "1.00 USD in the wallet and 0.015 BTC that are not given up",
        ),
    ],
)
def test_what_is_left_in_an_account_is_in_the_way(account: Account, found: str) -> None:
    with pytest.raises(AccountNotEmpty, match=f"^expected .*, was one with {found}$"):
        require_empty(account, leave_holdings=False, at_us=NOW_US)


def test_a_frozen_account_is_not_closed() -> None:
    frozen = with_(user=msgspec.structs.replace(USER, status=UserStatus.FROZEN))

    with pytest.raises(AccountFrozen):
        require_empty(frozen, leave_holdings=True, at_us=NOW_US)


def test_coins_that_are_given_up_and_a_proposal_that_has_expired_are_not_in_the_way() -> None:
    account = belonging(coins=(BTC,), adjustments=(PROPOSED,))

    require_empty(account, leave_holdings=True, at_us=NOW_US + LIFETIME_US + 1)


def test_an_administrator_goes_only_if_another_one_is_still_one_when_it_is_written() -> None:
    admin = with_(user=msgspec.structs.replace(USER, role=Role.ADMIN), stays=BOSS)
    require_empty(admin, leave_holdings=False, at_us=NOW_US)

    change = close(admin, None, actor=TERMINAL, at_us=NOW_US)

    assert [(move.before.id, move.after.version) for move in change.moved_users] == [(7, 4), (8, 2)]


class Service:
    """A context over memory, with somebody who has logged in on two devices."""

    def __init__(self) -> None:
        self.state = State((an_asset(),))
        self.context = memory_context(clock=MemoryClock(NOW_US), state=self.state)

    async def open(self) -> Service:
        self.desk = await accounts.register(self.context, "Alice", "password", device="desk")
        phone = await accounts.log_in(self.context, "alice", "password", device="phone")
        assert isinstance(phone, TokenPair)
        self.phone, self.bearer = phone, self.context.tokens.read_access(self.desk.access)
        self.actor = Actor(user_id=self.bearer.user_id, address="192.0.2.1")
        return self

    async def close(self, password: str = "password", code: str | None = None) -> None:
        command = CloseAccount(password=password, code=code)
        await closing.close(self.context, self.bearer, command, actor=self.actor)

    @property
    def user(self) -> User:
        return self.state.users[self.bearer.user_id]


@pytest.fixture
async def service() -> Service:
    return await Service().open()


async def test_of_a_closed_account_numbers_are_left_and_nobody_gets_in(service: Service) -> None:
    wanted, context = WantedKey(name="bot", scopes=(Scope.READ,)), service.context
    issued = await api_keys.create(context, service.bearer, wanted, actor=service.actor)
    version = service.state.wallets[service.user.id].version

    await service.close()

    user = service.user
    assert (user.username, user.password_hash) == (f"closed-{user.id}", "")
    assert user.status is UserStatus.CLOSED
    assert service.state.names == {}
    assert service.state.wallets[user.id].version == version + 1
    for session in service.state.sessions.values():
        assert (session.ended_at_us, session.device, session.address) == (NOW_US, "", "")
    for refused in (
        accounts.renew(context, service.phone.refresh),
        api_keys.verify(context, issued.text),
        wallets.deposit(
            context, Deposit(user_id=user.id, amount=usd("1")), service.bearer.session_id
        ),
        service.close(),
    ):
        with pytest.raises(Unauthenticated):
            await refused
    assert service.state.audit[-1].action is Action.ACCOUNT_CLOSED


@pytest.mark.parametrize("name", ["alice", "closed-1"])
async def test_a_login_to_a_closed_account_is_one_of_nobody(service: Service, name: str) -> None:
    await service.close()

    for password in ("password", ""):
        with pytest.raises(InvalidCredentials):
            await accounts.log_in(service.context, name, password)


async def test_the_name_of_a_closed_account_may_be_taken_by_somebody_else(service: Service) -> None:
    await service.close()

    await accounts.register(service.context, "ALICE", "another password")

    assert isinstance(
        await accounts.log_in(service.context, "alice", "another password"), TokenPair
    )
    assert service.state.names["alice"] != service.user.id


async def test_a_wrong_password_closes_nothing(service: Service) -> None:
    with pytest.raises(InvalidCredentials):
        await service.close(password="another password")

    assert service.user.status is UserStatus.ACTIVE


async def test_a_second_factor_has_to_be_given_and_wrong_codes_count(service: Service) -> None:
    context, user_id = service.context, service.user.id
    enrolment = await second_factor.enroll(context, service.bearer)
    secret, step = base64.b32decode(enrolment.secret), step_at(NOW_US)
    await second_factor.confirm(context, user_id, hotp(secret, step))
    good = {hotp(secret, step + offset) for offset in (-1, 0, 1)}
    wrong = next(code for code in ("000000", "111111", "222222", "333333") if code not in good)

    with pytest.raises(StepUpRequired):
        await service.close()
    with pytest.raises(InvalidCode):
        await service.close(code=wrong)
    counted = service.state.factors[user_id].wrong
    await service.close(code=hotp(secret, step + 1))

    factor = service.state.factors[user_id]
    assert (counted, service.user.status) == (1, UserStatus.CLOSED)
    assert (factor.state, factor.sealed, factor.recovery) == (FactorState.OFF, "", ())


async def test_an_account_that_is_not_empty_stays_as_it_is(service: Service) -> None:
    await wallets.deposit(service.context, Deposit(user_id=service.user.id, amount=usd("3.00")))
    before, entries = service.user, len(service.state.audit)

    with pytest.raises(AccountNotEmpty, match=r"was one with 3\.00 USD in the wallet$"):
        await service.close()

    assert service.user == before
    assert len(service.state.audit) == entries
