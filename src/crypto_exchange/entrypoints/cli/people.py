"""Commands about people: list and show them, freeze accounts, give roles, end logins."""

from __future__ import annotations

import argparse
import json
from collections.abc import Awaitable, Callable

from crypto_exchange.domain.account_queries import AccountView, UserView
from crypto_exchange.domain.audit_log import TERMINAL, Actor
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.use_cases import administration
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role, User
from crypto_exchange.domain.views import Cursor
from crypto_exchange.entrypoints.cli.connection import run_with_context
from crypto_exchange.entrypoints.http.amounts import write_dollars
from crypto_exchange.entrypoints.http.schemas import instant
from crypto_exchange.settings import Settings

_ROW = "{:>16} {:<9} {:<7} {}"
_PAGE = 200


def list_users(settings: Settings, options: argparse.Namespace) -> int:
    """List users, those with the highest ids first."""
    users = run_with_context(settings, lambda context: _list_all(context, options.prefix))
    print(_ROW.format("ID", "ROLE", "STATUS", "USERNAME"))
    for user in users:
        print(_ROW.format(user.id, user.role.value, user.status.value, user.username))
    return 0


def show(settings: Settings, options: argparse.Namespace) -> int:
    """Print a user as one JSON object."""

    async def command(context: Context) -> AccountView:
        user_id = await administration.find_user(context, options.username)
        return await context.queries.get_account(user_id, at_us=context.clock.now_us())

    print(json.dumps(_account_as_json(run_with_context(settings, command)), indent=2))
    return 0


def freeze(settings: Settings, options: argparse.Namespace) -> int:
    """Freeze an account."""

    async def act(context: Context, user_id: UserId, actor: Actor) -> User:
        return await administration.freeze(context, user_id, options.reason, actor=actor)

    return _act(settings, options, act, "is frozen: it can be looked at, and nothing else")


def unfreeze(settings: Settings, options: argparse.Namespace) -> int:
    """Let an account be used again."""

    async def act(context: Context, user_id: UserId, actor: Actor) -> User:
        return await administration.unfreeze(context, user_id, options.reason, actor=actor)

    return _act(settings, options, act, "is active again")


def change_role(settings: Settings, options: argparse.Namespace) -> int:
    """Give a user another role."""
    role = Role(options.role)

    async def act(context: Context, user_id: UserId, actor: Actor) -> User:
        return await administration.change_role(context, user_id, role, actor=actor)

    return _act(settings, options, act, f"has the role {role.value}; all logins have ended")


def end_sessions(settings: Settings, options: argparse.Namespace) -> int:
    """End all logins of a user."""

    async def act(context: Context, user_id: UserId, actor: Actor) -> User:
        return await administration.end_sessions(context, user_id, actor=actor)

    return _act(settings, options, act, "is logged in nowhere")


def _act(
    settings: Settings,
    options: argparse.Namespace,
    act: Callable[[Context, UserId, Actor], Awaitable[User]],
    done: str,
) -> int:
    async def command(context: Context) -> None:
        await act(context, await administration.find_user(context, options.username), TERMINAL)

    run_with_context(settings, command)
    print(f"{options.username} {done}")
    return 0


async def _list_all(context: Context, prefix: str) -> list[UserView]:
    found: list[UserView] = []
    after: Cursor | None = None
    while page := await context.queries.list_users(prefix, limit=_PAGE, after=after):
        found += page
        after = Cursor(0, page[-1].id)
    return found


def _account_as_json(account: AccountView) -> dict[str, object]:
    at_us = account.created_at_us
    return {
        "id": account.id,
        "username": account.username,
        "role": account.role.value,
        "status": account.status.value,
        "balance": write_dollars(account.balance),
        "held": write_dollars(account.held),
        "second_factor": account.second_factor,
        "sessions": account.sessions,
        "created_at": None if at_us is None else instant(at_us),
    }
