"""Use cases over memory: load, decide, commit; repeated, raced, interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from crypto_exchange.adapters.memory import (
    MemoryAssetCache,
    MemoryClock,
    MemoryExchange,
    MemoryTally,
    memory_context,
)
from crypto_exchange.domain.asset import AssetStatus
from crypto_exchange.domain.cashier import Deposit, Withdraw
from crypto_exchange.domain.change import Change, RequestKey
from crypto_exchange.domain.errors import (
    Conflict,
    IdempotencyKeyReused,
    InvalidCredentials,
    RequestRepeated,
    TooLate,
    Unauthenticated,
    Unavailable,
    UnknownAsset,
    UsernameTaken,
)
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.policy import SECOND_US, Policy
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import accounts, currencies, house, orders, wallets
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.user import Role, TokenPair
from tests.builders import NOW_US, a_price, an_asset, coins, usd


class Service:
    """A context over memory, with its parts at hand."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOW_US)
        self.state = State((an_asset(),))
        self.context = memory_context(clock=self.clock, state=self.state)
        assert isinstance(self.context.exchange, MemoryExchange)
        assert isinstance(self.context.tally, MemoryTally)
        assert isinstance(self.context.cache, MemoryAssetCache)
        self.exchange, self.tally = self.context.exchange, self.context.tally
        self.cache = self.context.cache

    async def register(self, dollars: str = "1000") -> int:
        name = f"user{len(self.state.users)}"
        pair = await accounts.register(self.context, name, "password")
        user_id = self.context.tokens.read_access(pair.access).user_id
        await wallets.deposit(self.context, Deposit(user_id=user_id, amount=usd(dollars)))
        return user_id

    async def place(self, user_id: int, dollars: str, key: str | None = None) -> Order:
        request = None if key is None else RequestKey("place_order", key, f"{dollars}")
        command = PlaceOrder(user_id=user_id, asset="BTC", spend=usd(dollars), request=request)
        order, _, _ = await orders.place(self.context, command)
        return order


@pytest.fixture
def service() -> Service:
    return Service()


# ---- accounts ------------------------------------------------------------------------------------


async def test_a_registered_user_is_logged_in_and_has_an_empty_wallet(service: Service) -> None:
    pair = await accounts.register(service.context, "Alice", "password", role=Role.ADMIN)

    claims = service.context.tokens.read_access(pair.access)
    assert claims.role is Role.ADMIN
    assert (await service.context.queries.get_wallet(claims.user_id)).balance == 0


async def test_a_name_is_registered_once_without_case(service: Service) -> None:
    await accounts.register(service.context, "Alice", "password")

    with pytest.raises(UsernameTaken):
        await accounts.register(service.context, "aLICE", "password")


async def test_logging_in_takes_the_right_password(service: Service) -> None:
    await accounts.register(service.context, "Alice", "password")

    pair = await accounts.log_in(service.context, "alice", "password")

    assert isinstance(pair, TokenPair)
    assert service.context.tokens.read_access(pair.access).role is Role.USER
    for username, password in (("alice", "Password"), ("bob", "password")):
        with pytest.raises(InvalidCredentials):
            await accounts.log_in(service.context, username, password)


async def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_session(
    service: Service,
) -> None:
    first = await accounts.register(service.context, "Alice", "password")
    second = await accounts.renew(service.context, first.refresh)

    with pytest.raises(Unauthenticated, match="used before"):
        await accounts.renew(service.context, first.refresh)
    with pytest.raises(Unauthenticated, match="live session"):
        await accounts.renew(service.context, second.refresh)


async def test_a_session_ends_after_two_weeks_without_renewal(service: Service) -> None:
    pair = await accounts.register(service.context, "Alice", "password")
    service.clock.advance(accounts.SESSION_US - 1)
    pair = await accounts.renew(service.context, pair.refresh)
    service.clock.advance(accounts.SESSION_US)

    with pytest.raises(Unauthenticated):
        await accounts.renew(service.context, pair.refresh)


async def test_logging_out_ends_the_session_and_twice_is_no_error(service: Service) -> None:
    pair = await accounts.register(service.context, "Alice", "password")

    await accounts.log_out(service.context, pair.refresh)
    await accounts.log_out(service.context, pair.refresh)

    with pytest.raises(Unauthenticated):
        await accounts.renew(service.context, pair.refresh)


# ---- wallets -------------------------------------------------------------------------------------


async def test_deposits_and_withdrawals_answer_with_the_wallet(service: Service) -> None:
    user_id = await service.register("10")

    wallet, repeated = await wallets.withdraw(
        service.context, Withdraw(user_id=user_id, amount=usd("4"))
    )

    assert wallet == await service.context.queries.get_wallet(user_id)
    assert (wallet.balance, repeated) == (usd("6"), False)


async def test_a_repeated_deposit_has_one_effect(service: Service) -> None:
    user_id = await service.register("0.01")
    request = RequestKey("deposit", "key", "digest")
    command = Deposit(user_id=user_id, amount=usd("5"), request=request)

    first, _ = await wallets.deposit(service.context, command)
    second, repeated = await wallets.deposit(service.context, command)

    assert (second, repeated) == (first, True)
    other = msgspec.structs.replace(command, request=RequestKey("deposit", "key", "another"))
    with pytest.raises(IdempotencyKeyReused):
        await wallets.deposit(service.context, other)


async def test_commands_with_one_key_at_once_have_one_effect_and_one_answer(
    service: Service,
) -> None:
    user_id = await service.register("100")
    request = RequestKey("deposit", "key", "digest")
    command = Deposit(user_id=user_id, amount=usd("5"), request=request)

    answers = await asyncio.gather(
        *(wallets.deposit(service.context, command) for _ in range(5)),
        *(service.place(user_id, "7", key="order") for _ in range(5)),
    )

    assert len({answer.id for answer in answers if isinstance(answer, Order)}) == 1
    assert (await service.context.queries.get_wallet(user_id)).balance == usd("98")


async def test_fifty_orders_of_one_user_at_once_are_all_placed(service: Service) -> None:
    user_id = await service.register("50")

    placed = await asyncio.gather(*(service.place(user_id, "1") for _ in range(50)))

    assert len({order.id for order in placed}) == 50
    assert (await service.context.queries.get_wallet(user_id)).balance == 0


# ---- orders --------------------------------------------------------------------------------------


async def test_the_worker_is_told_of_direct_orders_and_of_the_threshold(service: Service) -> None:
    user_id = await service.register()
    await service.place(user_id, "9.99")
    quiet = list(service.tally.wake_ups)
    await service.place(user_id, "0.01")
    await service.place(user_id, "10")

    assert quiet == []
    assert service.tally.wake_ups == ["BTC", "BTC"]


async def test_a_repeated_order_is_the_same_order_and_tells_nobody(service: Service) -> None:
    user_id = await service.register()
    request = RequestKey("place_order", "key", "digest")
    command = PlaceOrder(user_id=user_id, asset="BTC", spend=usd("10"), request=request)

    first, scale, _ = await orders.place(service.context, command)
    second = await orders.place(service.context, command)

    assert second == (first, scale, True)
    assert service.tally.wake_ups == ["BTC"]
    other = msgspec.structs.replace(
        command, request=RequestKey("place_order", "key", "another digest")
    )
    with pytest.raises(IdempotencyKeyReused):
        await orders.place(service.context, other)


async def test_a_cancelled_order_no_longer_counts_for_the_threshold(service: Service) -> None:
    user_id = await service.register()
    order = await service.place(user_id, "9")

    await orders.cancel(service.context, user_id, order.id)
    await service.place(user_id, "9")

    assert service.tally.wake_ups == []
    with pytest.raises(TooLate):
        await orders.cancel(service.context, user_id, order.id)


async def test_an_order_of_an_unknown_asset_is_refused(service: Service) -> None:
    user_id = await service.register()

    with pytest.raises(UnknownAsset):
        await orders.place(service.context, PlaceOrder(user_id=user_id, asset="NONE", spend=1))


# ---- currencies ----------------------------------------------------------------------------------


async def test_assets_come_from_near_by_after_the_first_time(service: Service) -> None:
    first = await currencies.list_assets(service.context)
    service.state.save_prices({"BTC": 1}, NOW_US + 1)

    assert await currencies.list_assets(service.context) == first
    service.cache.clear()
    assert (await currencies.list_assets(service.context))[0].price == 1


async def test_prices_are_brought_in_to_the_database_and_near_by(service: Service) -> None:
    service.exchange.prices["BTC"] = a_price("51000")
    service.clock.advance(7)

    assets = await currencies.refresh_prices(service.context)

    assert (assets[0].price, assets[0].priced_at_us) == (a_price("51000"), NOW_US + 7)
    assert await service.cache.list_all() == assets == await service.context.queries.list_assets()


async def test_an_asset_that_the_exchange_stops_trading_is_halted(service: Service) -> None:
    service.exchange.rules["BTC"] = None

    await currencies.refresh_rules(service.context)

    assert (await currencies.get_asset(service.context, "BTC")).status is AssetStatus.HALTED


async def test_an_operator_halts_and_resumes_an_asset(service: Service) -> None:
    halted = await currencies.halt_asset(service.context, "BTC", halted=True)
    near_by = await service.cache.find("BTC")
    again = await currencies.halt_asset(service.context, "BTC", halted=True)
    resumed = await currencies.halt_asset(service.context, "BTC", halted=False)

    assert halted.status is AssetStatus.HALTED
    assert near_by == again == halted
    assert resumed.status is AssetStatus.ACTIVE
    with pytest.raises(UnknownAsset):
        await currencies.halt_asset(service.context, "NONE", halted=True)


# ---- house ---------------------------------------------------------------------------------------


async def test_assets_are_listed_once_with_the_exchanges_rules(service: Service) -> None:
    service.exchange.rules["ETH"] = an_asset(lot="0.001").rule

    listed = await house.list_new_assets(service.context, {"BTC": 8, "ETH": 8, "NONE": 4})
    again = await house.list_new_assets(service.context, {"BTC": 8, "ETH": 8, "NONE": 4})

    assert (listed, again) == (("ETH", "NONE"), ())
    assert service.state.get_asset("ETH").rule.lot_step == coins("0.001")
    assert service.state.get_asset("NONE").status is AssetStatus.HALTED
    assert service.state.get_asset("NONE").scale == 4


async def test_what_is_found_at_the_exchange_is_booked_as_capital_once(service: Service) -> None:
    await house.list_new_assets(service.context, {"ABAN": 4})
    service.exchange.balances.update(
        {"USD": usd("10000000"), "ABAN": coins("1.23456789"), "BNB": coins("2"), "BTC": 0}
    )

    found = await house.book_capital(service.context)
    again = await house.book_capital(service.context)

    assert found == {"USD": usd("10000000"), "ABAN": 12_345, "BNB": coins("2")}
    assert again == {}
    ledger = service.state.ledger()
    assert ledger["venue:USD"] == -usd("10000000")
    assert ledger["house:capital:ABAN"] == 12_345


async def test_two_who_book_what_they_find_at_once_book_it_once(service: Service) -> None:
    service.exchange.balances["USD"] = usd("10")

    booked = await asyncio.gather(*(house.book_capital(service.context) for _ in range(2)))

    assert sorted(booked, key=len) == [{}, {"USD": usd("10")}]
    assert service.state.ledger()["house:capital:USD"] == usd("10")


async def test_the_house_moves_capital(service: Service) -> None:
    await house.fund(service.context, "USD", usd("5"))
    await house.fund(service.context, "USD", -usd("2"))

    assert service.state.ledger()["house:capital:USD"] == usd("3")


# ---- how they commit -----------------------------------------------------------------------------


class Racing:
    """A `Begin` that loses so many races, and takes a second for each; counts the locked tries."""

    def __init__(self, service: Service, races: int, error: type[Exception] = Conflict) -> None:
        self.service, self.races, self.error = service, races, error
        self.locked: list[bool] = []

    @asynccontextmanager
    async def __call__(self, *, lock: bool = False) -> AsyncIterator[UnitOfWork]:
        self.locked.append(lock)
        async with self.service.context.begin(lock=lock) as work:
            yield work
            if self.races:
                self.races -= 1
                self.service.clock.advance(SECOND_US)
                raise self.error


async def nothing(work: UnitOfWork) -> str:
    await work.commit(Change())
    return "done"


def racing(service: Service, races: int) -> tuple[Racing, Context]:
    begin = Racing(service, races)
    return begin, msgspec.structs.replace(service.context, begin=begin)


async def test_after_a_lost_race_what_is_loaded_is_locked(service: Service) -> None:
    begin, context = racing(service, 2)

    assert await transact(context, nothing) == "done"
    assert begin.locked == [False, True, True]


async def test_patience_ends_after_five_seconds(service: Service) -> None:
    begin, context = racing(service, 99)

    with pytest.raises(Unavailable):
        await transact(context, nothing)
    assert len(begin.locked) == 5


async def test_a_key_that_somebody_else_stored_first_is_answered_with_what_they_stored(
    service: Service,
) -> None:
    user_id = await service.register()
    begin = Racing(service, 1, RequestRepeated)
    context = msgspec.structs.replace(service.context, begin=begin)
    request = RequestKey("deposit", "key", "digest")
    deposit = Deposit(user_id=user_id, amount=usd("5"), request=request)
    request = RequestKey("place_order", "key", "digest")
    place = PlaceOrder(user_id=user_id, asset="BTC", spend=usd("5"), request=request)

    wallet, deposited_before = await wallets.deposit(context, deposit)
    begin.races = 1
    order, _, placed_before = await orders.place(context, place)

    assert deposited_before
    assert placed_before
    assert wallet.balance == usd("1005")
    assert order.total == usd("5")


def test_keys_are_random_without_end(service: Service) -> None:
    keys = service.context.keys()

    assert len({next(keys) for _ in range(5)}) == 5


def test_a_memory_context_starts_with_a_policy_and_assets() -> None:
    policy = Policy(threshold=usd("3"))

    context = memory_context(policy=policy, assets=[an_asset()])

    assert context.policy is policy
    assert context.clock.now_us() == 0
