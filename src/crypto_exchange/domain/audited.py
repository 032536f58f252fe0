"""Audited: enters into the audit log what the events of a change tell of, as the doing of an actor.

Orders, deposits and withdrawals are in the event log alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from crypto_exchange.domain.account_events import (
    PasswordChanged,
    RecoveryCodeUsed,
    SecondFactorDisabled,
    SecondFactorEnrolled,
    SecondFactorLocked,
    SessionReuseDetected,
)
from crypto_exchange.domain.audit_log import Action, Actor, AuditEntry, record
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.events import (
    AnyEvent,
    AssetHaltChanged,
    BreakClosed,
    HouseFunded,
    QuarantineResolved,
)


class Told(msgspec.Struct, frozen=True):
    """What the entry of an event says beside whose it is and when."""

    action: Action
    subject: str = ""
    details: dict[str, str | int] = {}


def audited(change: Change, actor: Actor, *more: AuditEntry) -> Change:
    """The change with an entry for every event that has one, and further ones."""
    entries = (*change.audit, *more, *_entries(change.events, actor))
    return msgspec.structs.replace(change, audit=entries)


def _entries(events: tuple[AnyEvent, ...], actor: Actor) -> Iterator[AuditEntry]:
    for event in events:
        told = _of_account(event) or _of_house(event)
        if told is not None:
            yield record(
                actor,
                told.action,
                at_us=event.at_us,
                user_id=event.user_id,
                subject=told.subject,
                **told.details,
            )


def _of_account(event: AnyEvent) -> Told | None:
    told = None
    match event:
        case SessionReuseDetected(session_id=session_id):
            told = Told(Action.TOKEN_REUSED, session_id)
        case PasswordChanged(ended=ended):
            told = Told(Action.PASSWORD_CHANGED, details={"ended": ended})
        case SecondFactorEnrolled():
            told = Told(Action.SECOND_FACTOR_ENROLLED)
        case SecondFactorDisabled(by_operator=taken):
            told = Told(Action.SECOND_FACTOR_RESET if taken else Action.SECOND_FACTOR_DISABLED)
        case SecondFactorLocked(wrong=wrong, until_us=until_us):
            told = Told(Action.SECOND_FACTOR_LOCKED, details={"wrong": wrong, "until_us": until_us})
        case RecoveryCodeUsed(left=left):
            told = Told(Action.RECOVERY_CODE_USED, details={"left": left})
        case _:
            pass
    return told


def _of_house(event: AnyEvent) -> Told | None:
    told = None
    match event:
        case AssetHaltChanged(asset=asset, halted=halted):
            told = Told(Action.ASSET_HALTED if halted else Action.ASSET_RESUMED, asset)
        case HouseFunded(currency=currency, amount=amount):
            # As text: amounts are larger than what JSON numbers are read as elsewhere.
            told = Told(Action.CAPITAL_BOOKED, currency, {"amount": str(amount)})
        case QuarantineResolved(batch=batch, attempt=attempt, outcome=outcome, evidence=evidence):
            said: dict[str, str | int] = {"outcome": outcome, "evidence": evidence}
            told = Told(Action.QUARANTINE_RESOLVED, f"{batch}-{attempt}", said)
        case BreakClosed(kind=kind, subject=subject, evidence=evidence):
            told = Told(Action.BREAK_CLOSED, subject, {"kind": kind, "evidence": evidence})
        case _:
            pass
    return told
