"""Issuance: decides who gets an API key, and when it ends before its time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from crypto_exchange.domain.api_key import MAX_KEYS, ApiKey, TooManyKeys
from crypto_exchange.domain.audit_log import Action, Actor, record
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.user import User, require_active


def create(
    user: User, key: ApiKey, others: Sequence[ApiKey], *, actor: Actor, at_us: int
) -> Change:
    """Give an active user a key beside the live others. The user's version rises, so that neither a
    new password nor another key at the same time is overlooked.

    Raises:
        AccountFrozen: the account is not in use.
        TooManyKeys: 20 live already.
    """
    require_active(user.status)
    if len(others) >= MAX_KEYS:
        raise TooManyKeys
    after = msgspec.structs.replace(user, version=user.version + 1)
    scopes = " ".join(scope.value for scope in key.scopes)
    created = record(
        actor,
        Action.API_KEY_CREATED,
        at_us=at_us,
        user_id=user.id,
        subject=key.id,
        scopes=scopes,
        expires_at_us=key.expires_at_us,
    )
    return Change(moved_users=(Transition(user, after),), new_keys=(key,), audit=(created,))


def end(keys: Iterable[ApiKey], *, actor: Actor, at_us: int) -> Change:
    """End keys that nobody has ended."""
    keys = tuple(keys)
    return Change(
        keys=tuple(
            Transition(key, msgspec.structs.replace(key, ended_at_us=max(at_us, 1))) for key in keys
        ),
        audit=tuple(
            record(actor, Action.API_KEY_ENDED, at_us=at_us, user_id=key.user_id, subject=key.id)
            for key in keys
        ),
    )


def find_own(keys: Iterable[ApiKey], key_id: str) -> ApiKey:
    """A key of the same user by its id.

    Raises:
        NotFound: there is none among them.
    """
    for key in keys:
        if key.id == key_id:
            return key
    raise NotFound("API key", key_id[:40])
