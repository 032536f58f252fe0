"""What operators and administrators may do to accounts, and to whose."""

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from crypto_exchange.adapters.memory import MemoryExchange, memory_context
from crypto_exchange.domain import administration
from crypto_exchange.domain.access import usable
from crypto_exchange.domain.administration import Officer, require_reason, require_role
from crypto_exchange.domain.audit_log import TERMINAL, Action, Actor, record
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import (
    AccountFrozen,
    Forbidden,
    InvalidField,
    NotFound,
    Unauthenticated,
    WrongState,
)
from crypto_exchange.domain.second_factor import FactorState, SecondFactor
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import accounts, currencies, house
from crypto_exchange.domain.use_cases import administration as use_cases
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import (
    AccessClaims,
    Role,
    Session,
    User,
    UserStatus,
    require_active,
)
from tests.builders import NOW_US, an_asset

BOSS = User(id=1, username="boss", password_hash="", role=Role.ADMIN)
CLERK = User(id=2, username="clerk", password_hash="", role=Role.OPERATOR)
ALICE = User(id=7, username="alice", password_hash="", version=3)
SESSIONS = tuple(Session(user_id=7, id=name, expires_at_us=NOW_US + 1) for name in ("a", "b"))
FACTOR = SecondFactor(user_id=7, sealed="sealed", state=FactorState.ACTIVE)
AT_TERMINAL = Officer(TERMINAL)

Act = Callable[[User, Officer], Change]


def officer(user: User) -> Officer:
    return Officer(Actor(user_id=user.id), user)


def as_(user: User, **fields: Role | UserStatus) -> User:
    return msgspec.structs.replace(user, **fields)


def freeze(user: User, by: Officer) -> Change:
    return administration.freeze(user, by, reason="a test", sessions=(), at_us=NOW_US)


def unfreeze(user: User, by: Officer) -> Change:
    return administration.unfreeze(user, by, reason="a test", at_us=NOW_US)


def make(role: Role, user: User, by: Officer, *, stays: User | None = BOSS) -> Change:
    return administration.change_role(user, role, by, stays=stays, sessions=SESSIONS, at_us=NOW_US)


def end(user: User, by: Officer) -> Change:
    return administration.end_sessions(user, SESSIONS, by, at_us=NOW_US)


def reset(user: User, by: Officer) -> Change:
    return administration.reset_second_factor(user, FACTOR, by, at_us=NOW_US)


ACTS: dict[str, Act] = {
    "freeze": freeze,
    "unfreeze": lambda user, by: unfreeze(as_(user, status=UserStatus.FROZEN), by),
    "change the role": lambda user, by: make(Role.USER, user, by),
    "end the sessions": end,
    "reset the second factor": reset,
}


def test_a_role_covers_itself_and_those_before_it() -> None:
    covered = {(has, needed) for has in Role for needed in Role if has.covers(needed)}

    assert covered == {
        (Role.USER, Role.USER),
        (Role.OPERATOR, Role.USER),
        (Role.OPERATOR, Role.OPERATOR),
        *((Role.ADMIN, needed) for needed in Role),
    }
    with pytest.raises(Forbidden, match="expected a bearer with role admin, was one with role op"):
        require_role(Role.OPERATOR, Role.ADMIN)


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_nobody_acts_on_an_account_of_a_higher_role_or_their_own(act: Act) -> None:
    with pytest.raises(Forbidden):
        act(BOSS, officer(CLERK))
    with pytest.raises(Forbidden, match="another account"):
        act(BOSS, officer(BOSS))


def test_a_frozen_account_is_told_with_its_reason_and_its_commands_are_fenced_off() -> None:
    change = freeze(ALICE, officer(CLERK))

    after = as_(ALICE, status=UserStatus.FROZEN)
    after = msgspec.structs.replace(after, version=4)
    entry = record(
        Actor(user_id=2), Action.ACCOUNT_FROZEN, at_us=NOW_US, user_id=7, reason="a test", ended=0
    )
    still = Transition(CLERK, msgspec.structs.replace(CLERK, version=1))
    moved = (Transition(ALICE, after), still)
    assert change == Change(fenced=(7,), moved_users=moved, audit=(entry,))


def test_it_is_frozen_once_and_unfrozen_once() -> None:
    frozen = as_(ALICE, status=UserStatus.FROZEN)

    with pytest.raises(WrongState, match="expected an account that is active, was one that is fr"):
        freeze(frozen, AT_TERMINAL)
    with pytest.raises(WrongState, match="expected an account that is frozen, was one that is act"):
        unfreeze(ALICE, AT_TERMINAL)
    change = unfreeze(frozen, AT_TERMINAL)
    ((move,), (entry,)) = change.moved_users, change.audit
    assert move.after.status is UserStatus.ACTIVE
    assert entry.action is Action.ACCOUNT_UNFROZEN


def test_what_is_closed_is_neither_frozen_nor_given_a_role() -> None:
    closed = as_(ALICE, status=UserStatus.CLOSED)

    for act in (freeze, unfreeze, partial(make, Role.OPERATOR)):
        with pytest.raises(WrongState):
            act(closed, AT_TERMINAL)


def test_only_what_is_active_is_used() -> None:
    require_active(UserStatus.ACTIVE)
    assert usable(ALICE).after.version == ALICE.version + 1
    for status in (UserStatus.FROZEN, UserStatus.CLOSED):
        with pytest.raises(AccountFrozen):
            usable(as_(ALICE, status=status))


def test_another_role_ends_all_sessions() -> None:
    change = make(Role.OPERATOR, ALICE, officer(BOSS))

    ((move, _), (entry,)) = change.moved_users, change.audit
    assert move.after.role is Role.OPERATOR
    assert [ended.after.id for ended in change.sessions if ended.after.revoked] == ["a", "b"]
    assert entry.details == {"was": "user", "role": "operator", "ended": 2}


def test_roles_are_changed_by_administrators_and_to_another_one() -> None:
    with pytest.raises(Forbidden):
        make(Role.OPERATOR, ALICE, officer(CLERK))
    with pytest.raises(WrongState):
        make(Role.USER, ALICE, officer(BOSS))


def test_the_last_active_administrator_stays() -> None:
    other = msgspec.structs.replace(BOSS, id=9)

    with pytest.raises(WrongState, match="administrators: expected another one who is active"):
        make(Role.USER, BOSS, AT_TERMINAL, stays=None)

    # Whoever stays must still be one when it is written.
    guarded = {m.before.id for m in make(Role.USER, BOSS, AT_TERMINAL, stays=other).moved_users}
    assert guarded == {1, 9}
    assert len(make(Role.OPERATOR, ALICE, AT_TERMINAL, stays=None).moved_users) == 1


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_an_officer_acts_who_is_one_and_still_is_when_it_is_written(act: Act) -> None:
    other = msgspec.structs.replace(BOSS, id=9)

    for user in (other, *(() if act is ACTS["change the role"] else (ALICE,))):
        assert Transition(BOSS, msgspec.structs.replace(BOSS, version=1)) in (
            act(user, officer(BOSS)).moved_users
        )
        for late, error in (
            (as_(BOSS, status=UserStatus.FROZEN), AccountFrozen),
            (as_(BOSS, role=Role.USER), Forbidden),
        ):
            with pytest.raises(error):
                act(user, officer(late))


def test_the_logins_of_an_officer_end_with_the_freeze() -> None:
    change = administration.freeze(
        CLERK, officer(BOSS), reason="a test", sessions=SESSIONS, at_us=NOW_US
    )

    assert [move.after.ended_at_us for move in change.sessions] == [NOW_US] * 2
    assert change.audit[0].details == {"reason": "a test", "ended": 2}


def test_a_second_factor_that_is_not_there_is_not_reset() -> None:
    with pytest.raises(NotFound):
        administration.reset_second_factor(ALICE, None, AT_TERMINAL, at_us=NOW_US)

    (entry,) = reset(ALICE, officer(BOSS)).audit
    assert (entry.action, entry.actor_id, entry.user_id) == (Action.SECOND_FACTOR_RESET, 1, 7)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "two\nlines", "a\0b"])
def test_a_reason_is_one_line(reason: str) -> None:
    with pytest.raises(InvalidField, match="reason: expected one line of 1 to 500 characters"):
        require_reason(reason)

    assert require_reason(" because ") == "because"


class TestUseCases:
    """Over memory, with what is written afterwards."""

    @pytest.fixture
    def state(self) -> State:
        return State((an_asset(),))

    @pytest.fixture
    def context(self, state: State) -> Context:
        return memory_context(state=state)

    async def test_the_terminal_leaves_one_active_administrator(
        self, context: Context, state: State
    ) -> None:
        first, second, clerk = [
            await register(context, role) for role in (Role.ADMIN, Role.ADMIN, Role.OPERATOR)
        ]
        await use_cases.freeze(context, second.user_id, "a test", actor=TERMINAL)

        with pytest.raises(WrongState):
            await use_cases.change_role(context, first.user_id, Role.USER, actor=TERMINAL)
        await use_cases.unfreeze(context, second.user_id, "a test", actor=TERMINAL)
        changed = await use_cases.change_role(context, first.user_id, Role.USER, actor=TERMINAL)

        assert changed == state.users[first.user_id]
        assert changed.role is Role.USER
        assert state.list_sessions(first.user_id) == ()
        assert state.list_sessions(clerk.user_id) != ()

    async def test_two_administrators_cannot_take_the_role_from_each_other(
        self, context: Context, state: State
    ) -> None:
        both = [await register(context, Role.ADMIN) for _ in range(2)]

        answers = await asyncio.gather(
            *(
                use_cases.change_role(
                    context, other.user_id, Role.USER, actor=Actor(user_id=own.user_id)
                )
                for own, other in (both, both[::-1])
            ),
            return_exceptions=True,
        )

        assert sorted(type(answer).__name__ for answer in answers) == ["Forbidden", "User"]
        assert sum(user.role is Role.ADMIN for user in state.users.values()) == 1

    async def test_an_officer_is_believed_as_the_database_has_them(
        self, context: Context, state: State
    ) -> None:
        boss = await register(context, Role.ADMIN)
        await use_cases.require_officer(context, boss, Role.ADMIN, steps_up=True)
        user = state.users[boss.user_id]

        for now, error in (
            (as_(user, role=Role.OPERATOR), Forbidden),
            (as_(user, status=UserStatus.FROZEN), AccountFrozen),
        ):
            state.users[user.id] = now
            with pytest.raises(error):
                await use_cases.require_officer(context, boss, Role.ADMIN, steps_up=True)
        del state.users[user.id]
        with pytest.raises(Unauthenticated):
            await use_cases.require_officer(context, boss, Role.ADMIN, steps_up=True)
        state.sessions.clear()
        with pytest.raises(Unauthenticated):
            await use_cases.require_officer(context, boss, Role.ADMIN, steps_up=True)

    async def test_a_user_is_found_by_name_in_any_case(self, context: Context) -> None:
        alice = await register(context, Role.USER)

        assert await use_cases.find_user(context, "USER-1") == alice.user_id
        with pytest.raises(NotFound):
            await use_cases.find_user(context, "nobody")

    async def test_an_asset_is_listed_once_with_the_exchanges_rules(
        self, context: Context, state: State
    ) -> None:
        assert isinstance(context.exchange, MemoryExchange)
        rule = an_asset().rule
        context.exchange.rules["DOGE"] = rule

        listed = await house.list_asset(context, "DOGE", 8, actor=TERMINAL)

        assert state.assets["DOGE"] == listed
        assert (listed.rule, listed.scale) == (rule, 8)
        (entry,) = (each for each in state.audit if each.action is Action.ASSET_LISTED)
        assert (entry.subject, entry.details) == ("DOGE", {"scale": 8})
        assert await currencies.get_asset(context, "DOGE") == listed
        for symbol, scale, error in (
            ("DOGE", 8, WrongState),
            ("NOPE", 8, WrongState),
            ("USD", 8, InvalidField),
            ("doge", 8, InvalidField),
            ("DOGE", 19, InvalidField),
        ):
            with pytest.raises(error):
                await house.list_asset(context, symbol, scale, actor=TERMINAL)

    async def test_rules_that_somebody_asked_for_are_recorded(
        self, context: Context, state: State
    ) -> None:
        await currencies.refresh_rules(context)
        assert list(state.audit) == []

        await currencies.refresh_rules(context, actor=TERMINAL)

        (entry,) = state.audit
        assert (entry.action, entry.details) == (Action.RULES_REFRESHED, {"assets": 1})


async def register(context: Context, role: Role) -> AccessClaims:
    """Somebody with a role, as their token has them; named by it and a number."""
    taken = len(await context.queries.list_users(role.value, limit=9, after=None))
    name = f"{role.value}-{taken + 1}"
    pair = await accounts.register(context, name, "a long password", role=role)
    return context.tokens.read_access(pair.access)
