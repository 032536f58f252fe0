"""Queries about accounts, for officers, over a `State`."""

from __future__ import annotations

from crypto_exchange.domain.account_events import UserRegistered
from crypto_exchange.domain.account_queries import AccountView, UserView
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.state import State
from crypto_exchange.domain.user import Role, User
from crypto_exchange.domain.views import Cursor


class AccountViews:
    """A part of `MemoryReadModels`."""

    _state: State

    async def list_users(
        self, prefix: str, *, limit: int, after: Cursor | None
    ) -> tuple[UserView, ...]:
        ids = {i for name, i in self._state.names.items() if name.startswith(prefix.lower())}
        found = self._state.users.keys() if not prefix else ids
        below = sorted((i for i in found if after is None or i < after.id), reverse=True)
        return tuple(_user_view(self._state.users[i]) for i in below[:limit])

    async def list_officers(self) -> tuple[UserView, ...]:
        users = sorted(self._state.users.values(), key=lambda user: user.id)
        return tuple(_user_view(user) for user in users if user.role is not Role.USER)

    async def get_account(self, user_id: UserId, *, at_us: int) -> AccountView:
        state, user = self._state, self._state.get_user(user_id)
        factor = state.factors.get(user_id)
        registered = (e for e in state.events if isinstance(e, UserRegistered))
        return AccountView(
            id=user.id,
            username=user.username,
            role=user.role,
            status=user.status,
            balance=state.get_wallet(user_id).balance,
            held=sum(o.total for o in state.open_orders.values() if o.user_id == user_id),
            second_factor=factor is not None and factor.active,
            sessions=sum(each.lives(at_us) for each in state.list_sessions(user_id)),
            created_at_us=next((e.at_us for e in registered if e.user_id == user_id), None),
        )


def _user_view(user: User) -> UserView:
    return UserView(id=user.id, username=user.username, role=user.role, status=user.status)
