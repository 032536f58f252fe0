"""People: users, what keeps them logged in, and their wallets."""

from __future__ import annotations

from hypothesis import strategies as st

from crypto_exchange.domain.activity import Activity, Window
from crypto_exchange.domain.api_key import ApiKey, Scope
from crypto_exchange.domain.ids import BatchKey, OrderId, UserId
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.second_factor import FactorState, SecondFactor
from crypto_exchange.domain.user import Ended, Role, Session, User
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.testing.strategies import amounts
from crypto_exchange.entrypoints.testing.strategies.reuse import reused

LARGEST_ID = 2**53 - 1
_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@-"


@reused
def user_id() -> st.SearchStrategy[UserId]:
    """From 1 (0 is the house): small ones, and up to 2⁵³ − 1."""
    return st.one_of(st.integers(1, 100), st.integers(1, LARGEST_ID))


@reused
def order_id() -> st.SearchStrategy[OrderId]:
    """From 1: small ones, and up to 2⁵³ − 1."""
    return st.one_of(st.integers(1, 1_000), st.integers(1, LARGEST_ID))


@reused
def random_key() -> st.SearchStrategy[BatchKey]:
    """24 hexadecimal digits, as batches, sessions and breaks are named by."""
    return st.integers(0, 16**24 - 1).map(lambda number: f"{number:024x}")


@reused
def user() -> st.SearchStrategy[User]:
    """A person with a name of 3 to 64 characters and a hash that fits no password."""
    return st.builds(
        User,
        id=user_id(),
        username=st.text(_NAME, min_size=3, max_size=64),
        password_hash=random_key().map(lambda key: f"$argon2id$v=19$m=8,t=1,p=1${key}${key}"),
        role=st.sampled_from((Role.USER, Role.USER, Role.OPERATOR, Role.ADMIN)),
        version=st.integers(0, 1_000),
    )


@reused
def session() -> st.SearchStrategy[Session]:
    """A login in any generation, live or ended, its times in any order."""
    return st.builds(
        Session,
        user_id=user_id(),
        id=random_key(),
        generation=st.integers(0, 100),
        created_at_us=amounts.moment(),
        used_at_us=amounts.moment(),
        expires_at_us=amounts.moment(),
        ended_at_us=st.one_of(st.just(0), amounts.moment()),
        device=st.sampled_from(("", "curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64)")),
        retry=st.one_of(st.just(""), random_key()),
    )


@reused
def ended() -> st.SearchStrategy[Ended]:
    """A session, or a key, that ended at some time."""
    return st.builds(Ended, random_key(), amounts.moment())


@reused
def api_key() -> st.SearchStrategy[ApiKey]:
    """A program's key of any scopes, used or not, live or ended, its times in any order."""
    digits = st.integers(0, 16**64 - 1).map(lambda number: f"{number:064x}")
    scopes = st.sets(st.sampled_from(Scope), min_size=1)
    return st.builds(
        ApiKey,
        user_id=user_id(),
        id=random_key(),
        name=st.sampled_from(("bot", "nightly export", "ボット")),
        scopes=scopes.map(lambda chosen: tuple(scope for scope in Scope if scope in chosen)),
        digest=digits,
        created_at_us=amounts.moment(),
        expires_at_us=amounts.moment(),
        used_at_us=st.one_of(st.just(0), amounts.moment()),
        ended_at_us=st.one_of(st.just(0), amounts.moment()),
    )


@reused
def second_factor() -> st.SearchStrategy[SecondFactor]:
    """One in any state, with some of its recovery codes used, locked now and then."""
    return st.builds(
        SecondFactor,
        user_id=user_id(),
        sealed=random_key(),
        state=st.sampled_from(FactorState),
        recovery=st.lists(random_key(), max_size=10, unique=True).map(tuple),
        last_step=st.integers(0, 10**9),
        wrong=st.integers(0, 20),
        locked_until_us=st.one_of(st.just(0), amounts.moment()),
        confirmed_at_us=st.one_of(st.just(0), amounts.moment()),
        version=st.integers(0, 1_000),
    )


@reused
def wallet(owner: UserId | None = None) -> st.SearchStrategy[Wallet]:
    """A balance of whole cents, none to 100 000 dollars (10⁻⁸), empty now and then."""
    owners = user_id() if owner is None else st.just(owner)
    balance = st.one_of(st.just(0), amounts.usd(maximum=100_000 * DOLLAR))
    return st.builds(Wallet, owners, balance, st.integers(0, 1_000), activity())


@reused
def activity() -> st.SearchStrategy[Activity]:
    """What somebody may have done so far: windows of any counts, sums from none."""
    windows = st.builds(Window, amounts.moment(), st.integers(1, 100), amounts.usd())
    window = st.one_of(st.just(Window()), windows)
    sums = st.one_of(st.just(0), amounts.usd())
    return st.builds(
        Activity,
        registered_at_us=st.one_of(st.just(0), amounts.moment()),
        deposited_at_us=st.one_of(st.just(0), amounts.moment()),
        deposited=sums,
        withdrawn=sums,
        traded=sums,
        orders=st.integers(0, 1_000),
        largest=sums,
        minute=window,
        hour=window,
        day=window,
        under=window,
        withdrawals=window,
        waiting=window,
        waited=window,
        denied=window,
    )
