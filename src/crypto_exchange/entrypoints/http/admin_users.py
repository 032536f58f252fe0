"""Users, as operators and administrators see them, and what they may do to accounts of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from msgspec import Meta, Struct

from crypto_exchange.domain.account_queries import AccountView, UserView
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.use_cases import administration
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role, User, UserStatus
from crypto_exchange.domain.views import Cursor
from crypto_exchange.entrypoints.http.amounts import dollars
from crypto_exchange.entrypoints.http.bodies import decode_body
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    get_actor,
    get_context,
    read_id,
    route,
)
from crypto_exchange.entrypoints.http.paging import read_filter, read_page
from crypto_exchange.entrypoints.http.replies import Reply, json_reply
from crypto_exchange.entrypoints.http.schemas import Dollars, Ident, Instant, instant

_BASE = "/api/v1/admin/users"
_NOT_EVERYBODY = """\
Not for one's own account, nor for that of somebody with a higher role than one's own (`forbidden`).
"""
_FREEZING = """\
A frozen account can be looked at, logged in to and out of, and exported; everything else that it asks
for is refused with `account_frozen`, at once and in every process. Orders that wait are bought. All
logins of an operator or administrator end with it.
"""
_ROLES = """\
It ends all logins of the user at once, so that no token with the role of before is good. The last
administrator who is active stays one.
"""
_USER = '"id": 7, "username": "alice", "role": "user", "status": "active"'
_ACCOUNT = (
    f'{{{_USER}, "balance": 500.00, "held": 12.00, "currency": "USD", "second_factor": true, '
    '"sessions": 2, "created_at": "2026-01-31T12:00:00.000000Z"}'
)
_FROZEN = _ACCOUNT.replace('"active"', '"frozen"')

_Write = Callable[..., Awaitable[User]]


class ReasonRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Why, for the audit log."""

    reason: Annotated[str, Meta(description="One line of 1 to 500 characters.")]


class RoleRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a user shall be."""

    role: Role


class UserResponse(Struct, frozen=True, kw_only=True):
    """A user."""

    id: Ident
    username: str
    role: Role
    status: UserStatus


class AccountResponse(UserResponse, frozen=True, kw_only=True):
    """A user and what belongs to them; `held` is in open orders, `sessions` are live logins."""

    balance: Dollars
    held: Dollars
    currency: str
    second_factor: bool
    sessions: int
    created_at: Instant | None


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/",
        name="list_users",
        summary="List users, those with the highest ids first",
        tag="administration",
        description="With `username`, those whose names begin so, in any case.",
        role=Role.OPERATOR,
        answer=list[UserResponse],
        paged=True,
        filters=("username",),
        answer_example=f"[{{{_USER}}}]",
    )
)
async def list_users(request: ApiRequest) -> Reply:
    """200 with a page."""
    prefix = read_filter(request, "username")
    page = read_page(request, username=prefix)
    found = await get_context(request).queries.list_users(
        prefix, limit=page.wanted, after=page.after
    )
    shown, headers = page.show(found, lambda user: Cursor(0, user.id))
    return json_reply([user_response(each) for each in shown], headers=headers)


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/{{id:str}}/",
        name="get_user",
        summary="Show a user",
        tag="administration",
        role=Role.OPERATOR,
        answer=AccountResponse,
        refusals=("not_found",),
        answer_example=_ACCOUNT,
    )
)
async def get_user(request: ApiRequest) -> Reply:
    """200 with the account."""
    return await _show(get_context(request), read_id(request, "user"))


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{id:str}}/freeze/",
        name="freeze_user",
        summary="Freeze an account",
        tag="administration",
        description=_FREEZING + _NOT_EVERYBODY,
        role=Role.OPERATOR,
        request=ReasonRequest,
        answer=AccountResponse,
        refusals=("not_found", "wrong_state"),
        protects=True,
        ends_sessions=True,
        example='{"reason": "asked for by its owner, ticket 4711"}',
        answer_example=_FROZEN,
    )
)
async def freeze_user(request: ApiRequest) -> Reply:
    """200 with the account."""
    body = await decode_body(request, ReasonRequest)
    return await _act(request, administration.freeze, body.reason)


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{id:str}}/unfreeze/",
        name="unfreeze_user",
        summary="Let a frozen account be used again",
        tag="administration",
        description=_NOT_EVERYBODY,
        role=Role.OPERATOR,
        request=ReasonRequest,
        answer=AccountResponse,
        refusals=("not_found", "wrong_state"),
        example='{"reason": "its owner was here with a passport"}',
        answer_example=_ACCOUNT,
    )
)
async def unfreeze_user(request: ApiRequest) -> Reply:
    """200 with the account."""
    body = await decode_body(request, ReasonRequest)
    return await _act(request, administration.unfreeze, body.reason)


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{id:str}}/end-sessions/",
        name="end_sessions_of_user",
        summary="End all logins of a user",
        tag="administration",
        description="API keys stay; freezing the account stops them. " + _NOT_EVERYBODY,
        role=Role.OPERATOR,
        answer=AccountResponse,
        refusals=("not_found",),
        protects=True,
        ends_sessions=True,
        answer_example=_ACCOUNT.replace('"sessions": 2', '"sessions": 0'),
    )
)
async def end_sessions_of_user(request: ApiRequest) -> Reply:
    """200 with the account; a body is not looked at."""
    return await _act(request, administration.end_sessions)


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{id:str}}/reset-second-factor/",
        name="reset_second_factor_of_user",
        summary="Take the second factor away from a user who has lost it",
        tag="administration",
        description="Their password alone logs them in then: make sure who asks. " + _NOT_EVERYBODY,
        role=Role.ADMIN,
        answer=AccountResponse,
        refusals=("not_found",),
        answer_example=_ACCOUNT.replace('"second_factor": true', '"second_factor": false'),
    )
)
async def reset_second_factor_of_user(request: ApiRequest) -> Reply:
    """200 with the account; a body is not looked at."""
    return await _act(request, administration.reset_second_factor)


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{id:str}}/role/",
        name="change_role_of_user",
        summary="Give a user another role",
        tag="administration",
        description=_ROLES + _NOT_EVERYBODY,
        role=Role.ADMIN,
        request=RoleRequest,
        answer=AccountResponse,
        refusals=("not_found", "wrong_state"),
        ends_sessions=True,
        example='{"role": "operator"}',
        answer_example=_ACCOUNT.replace('"role": "user"', '"role": "operator"'),
    )
)
async def change_role_of_user(request: ApiRequest) -> Reply:
    """200 with the account."""
    body = await decode_body(request, RoleRequest)
    return await _act(request, administration.change_role, body.role)


ROUTES = (
    list_users,
    get_user,
    freeze_user,
    unfreeze_user,
    end_sessions_of_user,
    reset_second_factor_of_user,
    change_role_of_user,
)


def user_response(user: UserView) -> UserResponse:
    """A user, as lists have them."""
    return UserResponse(id=user.id, username=user.username, role=user.role, status=user.status)


def account_response(account: AccountView) -> AccountResponse:
    """A user, as they are shown alone."""
    at_us = account.created_at_us
    return AccountResponse(
        id=account.id,
        username=account.username,
        role=account.role,
        status=account.status,
        balance=dollars(account.balance),
        held=dollars(account.held),
        currency="USD",
        second_factor=account.second_factor,
        sessions=account.sessions,
        created_at=None if at_us is None else instant(at_us),
    )


async def _act(request: ApiRequest, write: _Write, *said: str | Role) -> Reply:
    """Do something to the user of the path, then show them."""
    context, actor = get_context(request), get_actor(request)
    user_id = read_id(request, "user")
    await write(context, user_id, *said, actor=actor)
    return await _show(context, user_id)


async def _show(context: Context, user_id: UserId) -> Reply:
    account = await context.queries.get_account(user_id, at_us=context.clock.now_us())
    return json_reply(account_response(account))
