"""Account queries: what officers can ask about users, as a Protocol; and what the answers are."""

from __future__ import annotations

from typing import Protocol

import msgspec

from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.user import Role, UserStatus
from crypto_exchange.domain.views import Cursor


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """A user, without what is secret."""

    id: UserId
    username: str
    role: Role
    status: UserStatus


class AccountView(UserView, frozen=True, kw_only=True):
    """A user and what belongs to them: `balance` and what open orders hold in 10⁻⁸ dollars, whether a
    second factor is in force, how many sessions live, and when they registered (None: not known).
    """

    balance: int
    held: int
    second_factor: bool
    sessions: int
    created_at_us: int | None


class AccountQueries(Protocol):
    """A part of `ReadModels`."""

    async def list_users(
        self, prefix: str, *, limit: int, after: Cursor | None
    ) -> tuple[UserView, ...]:
        """A page of users whose names begin so, without case; those of the highest ids first, from
        below that of `after`. Who has closed an account may have no name, and is listed without a
        prefix alone.
        """

    async def list_officers(self) -> tuple[UserView, ...]:
        """Everybody with a role above user, by id."""

    async def get_account(self, user_id: UserId, *, at_us: int) -> AccountView:
        """A user as they are at a time. Raises `NotFound`."""
