"""The audit log, as administrators see it."""

from __future__ import annotations

import re

from msgspec import Struct

from crypto_exchange.domain.audit_log import Action, LoggedEntry, text_of
from crypto_exchange.domain.errors import InvalidField
from crypto_exchange.domain.ids import HOUSE, UserId
from crypto_exchange.domain.user import Role
from crypto_exchange.domain.views import Cursor
from crypto_exchange.entrypoints.http.operations import ApiRequest, Operation, get_context, route
from crypto_exchange.entrypoints.http.paging import read_filter, read_page
from crypto_exchange.entrypoints.http.replies import Reply, json_reply
from crypto_exchange.entrypoints.http.schemas import Ident, Instant, instant

_FILTERING = """\
With `user`, an id: what that user did and what concerns them. With `action`: that alone. Entries are
never changed or removed. Nobody is null: `actor_id` where nobody had logged in, `user_id` where it
concerns no user, or a name that nobody has.
"""
_ENTRY = (
    '{"id": 9, "at": "2026-01-31T12:00:00.000000Z", "actor_id": null, "via": "api", '
    '"address": "192.0.2.1", "request_id": "0b1f52e4c8d94a7c8a3f2b1c5d6e7f80", '
    '"action": "login_failed", "user_id": 7, "subject": "", '
    '"details": {"step": "password", "device": "curl/8.5.0"}}'
)
_USER_ID = re.compile("[1-9][0-9]{0,14}", re.ASCII)


class AuditEntryResponse(Struct, frozen=True, kw_only=True):
    """Who did what to whom, and from where; `subject` is what else it concerns."""

    id: Ident
    at: Instant
    actor_id: Ident | None
    via: str
    address: str
    request_id: str
    action: str
    user_id: Ident | None
    subject: str
    details: dict[str, str | int]


@route(
    Operation(
        method="GET",
        path="/api/v1/admin/audit-log/",
        name="list_audit_log",
        summary="List what was done that needs a right or guards one, newest first",
        tag="administration",
        description=_FILTERING,
        role=Role.ADMIN,
        answer=list[AuditEntryResponse],
        paged=True,
        filters=("user", "action"),
        answer_example=f"[{_ENTRY}]",
    )
)
async def list_audit_log(request: ApiRequest) -> Reply:
    """200 with a page."""
    user, action = read_filter(request, "user"), read_filter(request, "action")
    page = read_page(request, user=user, action=action)
    found = await get_context(request).queries.list_audit(
        limit=page.wanted,
        after=None if page.after is None else page.after.id,
        user_id=_user_id(user),
        action=_action(action),
    )
    shown, headers = page.show(found, lambda entry: Cursor(0, entry.id))
    return json_reply([entry_response(each) for each in shown], headers=headers)


ROUTES = (list_audit_log,)


def entry_response(entry: LoggedEntry) -> AuditEntryResponse:
    """An entry on the wire."""
    return AuditEntryResponse(
        id=entry.id,
        at=instant(entry.at_us),
        actor_id=None if entry.actor_id == HOUSE else entry.actor_id,
        via=text_of(entry.via),
        address=entry.address,
        request_id=entry.request_id,
        action=text_of(entry.action),
        user_id=None if entry.user_id == HOUSE else entry.user_id,
        subject=entry.subject,
        details=entry.details,
    )


def _user_id(text: str) -> UserId | None:
    if text and not _USER_ID.fullmatch(text):
        raise InvalidField("user", "the id of a user", repr(text[:40]))
    return int(text) if text else None


def _action(text: str) -> Action | None:
    try:
        return Action(text) if text else None
    except ValueError:
        names = ", ".join(action.value for action in Action)
        raise InvalidField("action", f"one of {names}", repr(text[:40])) from None
