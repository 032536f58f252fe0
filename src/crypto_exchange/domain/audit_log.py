"""Audit log: who did what to whom, of everything that needs a right or guards one.

The event log tells what became of money, for everybody alike; this tells who asked for what is not
everybody's to ask, and who came and went. Orders, deposits and withdrawals are not in it.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from crypto_exchange.domain.ids import HOUSE, UserId
from crypto_exchange.domain.kind import Kind


class Via(Kind):
    """Which way somebody came."""

    API = "api"
    TERMINAL = "terminal"
    SERVICE = "service"


class Action(Kind):
    """What is recorded. The names are stable: people search for them."""

    REGISTERED = "registered"
    ADMINISTRATOR_CREATED = "administrator_created"
    LOGGED_IN = "logged_in"
    LOGIN_FAILED = "login_failed"
    LOGGED_OUT = "logged_out"
    SESSIONS_ENDED = "sessions_ended"
    TOKEN_REUSED = "token_reused"  # noqa: S105 - what happened, no secret
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - as above
    SECOND_FACTOR_ENROLLED = "second_factor_enrolled"
    SECOND_FACTOR_DISABLED = "second_factor_disabled"
    SECOND_FACTOR_LOCKED = "second_factor_locked"
    SECOND_FACTOR_RESET = "second_factor_reset"
    RECOVERY_CODE_USED = "recovery_code_used"
    API_KEY_CREATED = "api_key_created"
    API_KEY_ENDED = "api_key_ended"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_UNFROZEN = "account_unfrozen"
    ACCOUNT_EXPORTED = "account_exported"
    ACCOUNT_CLOSED = "account_closed"
    ROLE_CHANGED = "role_changed"
    ASSET_LISTED = "asset_listed"
    ASSET_HALTED = "asset_halted"
    ASSET_RESUMED = "asset_resumed"
    RULES_REFRESHED = "rules_refreshed"
    CAPITAL_BOOKED = "capital_booked"
    QUARANTINE_RESOLVED = "quarantine_resolved"
    BREAK_CLOSED = "break_closed"
    ADJUSTMENT_PROPOSED = "adjustment_proposed"
    ADJUSTMENT_APPROVED = "adjustment_approved"
    ADJUSTMENT_REJECTED = "adjustment_rejected"
    REVIEW_OPENED = "review_opened"
    REVIEW_RELEASED = "review_released"
    REVIEW_REFUSED = "review_refused"
    REVIEW_EXPIRED = "review_expired"
    RISK_DENIED = "risk_denied"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and from where; `user_id` is the house's if nobody has logged in for it.

    `address` and `request_id` are known of those who come by the API alone.
    """

    user_id: UserId = HOUSE
    via: Via = Via.API
    address: str = ""
    request_id: str = ""


TERMINAL = Actor(via=Via.TERMINAL)
"""Whoever may run commands where the service runs."""
SERVICE = Actor(via=Via.SERVICE)
"""Nobody: the service by itself."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One record, in the columns of its table. `user_id` is whom it concerns (the house: nobody, or
    nobody known), `subject` what else; none of `details` is secret.
    """

    at_us: int
    actor_id: UserId
    via: Via
    address: str
    request_id: str
    action: Action
    user_id: UserId
    subject: str
    details: dict[str, str | int]


class LoggedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it stands in the log. Ids rise, with gaps, in the order in which they were drawn,
    which may differ from that of the commits. Words that this version does not know are texts.
    """

    at_us: int
    actor_id: UserId
    via: Via | str
    address: str
    request_id: str
    action: Action | str
    user_id: UserId
    subject: str
    details: dict[str, str | int]
    id: int


Word = TypeVar("Word", bound=Kind)


def known(kind: type[Word], text: str) -> Word | str:
    """The member that a text names; itself if it names none."""
    try:
        return kind(text)
    except ValueError:
        return text


def text_of(word: Kind | str) -> str:
    """A word as it is kept."""
    return word if isinstance(word, str) else str(word.value)


def record(
    actor: Actor,
    action: Action,
    *,
    at_us: int,
    user_id: UserId = HOUSE,
    subject: str = "",
    **details: str | int,
) -> AuditEntry:
    """An entry; details by name, in their order."""
    return AuditEntry(
        at_us=at_us,
        actor_id=actor.user_id,
        via=actor.via,
        address=actor.address,
        request_id=actor.request_id,
        action=action,
        user_id=user_id,
        subject=subject,
        details=details,
    )
