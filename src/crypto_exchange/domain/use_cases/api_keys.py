"""API keys: create, list and end one's own, check one that comes with a call, and note its use."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crypto_exchange.domain import access, issuance
from crypto_exchange.domain.api_key import (
    SECRET_BYTES,
    USUAL_DAYS,
    ApiKey,
    KeyUse,
    Scope,
    digest_of,
    find_owner,
    key_text,
    require_days,
    require_good,
    require_name,
)
from crypto_exchange.domain.audit_log import Actor
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import NotFound, session_ended
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.second_factor import require_fresh
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.user import AccessClaims, Session, User

DAY_US = 24 * 3600 * SECOND_US


class WantedKey(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks for: a name for themselves, scopes, and how many days it shall live."""

    name: str
    scopes: tuple[Scope, ...]
    days: int = USUAL_DAYS


class IssuedKey(msgspec.Struct, frozen=True):
    """A key, and its text, which nobody can tell again."""

    key: ApiKey
    text: str


async def create(
    context: Context, bearer: AccessClaims, wanted: WantedKey, *, actor: Actor
) -> IssuedKey:
    """Give a key to somebody who has just logged in.

    Raises:
        InvalidField: no such name, or no such time to live.
        Unauthenticated: the bearer's session has ended.
        StepUpRequired: the bearer has a second factor, and gave no code of it lately; or has none, and
            has not logged in lately.
        AccountFrozen, TooManyKeys: as `issuance.create`.
    """
    require_name(wanted.name)
    require_days(wanted.days)
    issued = _draw(context, bearer.user_id, wanted)

    async def script(work: UnitOfWork) -> None:
        # Before the keys: whoever changes the password after that is told by the user's version.
        user, session = await _load_bearer(context, work, bearer)
        at_us, verified_at_us = context.clock.now_us(), bearer.verified_at_us
        require_fresh(await work.find_second_factor(user.id), verified_at_us, at_us=at_us)
        access.require_recent(session, verified_at_us, at_us=at_us)
        others = live_keys(context, await work.list_api_keys(user.id))
        await work.commit(issuance.create(user, issued.key, others, actor=actor, at_us=at_us))

    await transact(context, script)
    return issued


async def list_keys(context: Context, user_id: UserId) -> tuple[ApiKey, ...]:
    """A user's live keys, by (created_at, id)."""
    async with context.begin() as work:
        work.abandon()
        return live_keys(context, await work.list_api_keys(user_id))


async def end(context: Context, user_id: UserId, key_id: str, *, actor: Actor) -> None:
    """End a user's own live key. Raises `NotFound`, also for another's."""

    async def script(work: UnitOfWork) -> None:
        key = issuance.find_own(live_keys(context, await work.list_api_keys(user_id)), key_id)
        await work.commit(issuance.end([key], actor=actor, at_us=context.clock.now_us()))

    await transact(context, script)


async def with_keys_ended(
    context: Context, work: UnitOfWork, change: Change, user_id: UserId, *, actor: Actor
) -> Change:
    """A change that also ends every live key of a user."""
    keys = live_keys(context, await work.list_api_keys(user_id))
    ended = issuance.end(keys, actor=actor, at_us=context.clock.now_us())
    return msgspec.structs.replace(change, keys=ended.keys, audit=change.audit + ended.audit)


async def verify(context: Context, text: str) -> ApiKey:
    """The live key whose text it is. Raises `Unauthenticated`."""
    owner, key = find_owner(text), None
    if owner is not None:
        async with context.begin() as work:
            work.abandon()
            key = await work.find_api_key(*owner)
    return require_good(key, text, at_us=context.clock.now_us())


async def note_uses(context: Context, uses: Sequence[KeyUse]) -> None:
    """Keep when keys were last used; a later time that is kept already stays."""
    async with context.begin() as work:
        await work.commit(Change(key_uses=tuple(uses)))


def live_keys(context: Context, keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
    """Those that live now."""
    now_us = context.clock.now_us()
    return tuple(key for key in keys if key.lives(now_us))


def _draw(context: Context, user_id: UserId, wanted: WantedKey) -> IssuedKey:
    key_id, now_us = context.ids.new_key(), context.clock.now_us()
    text = key_text(user_id, key_id, context.vault.draw(SECRET_BYTES))
    key = ApiKey(
        user_id=user_id,
        id=key_id,
        name=wanted.name,
        scopes=wanted.scopes,
        digest=digest_of(text),
        created_at_us=now_us,
        expires_at_us=now_us + wanted.days * DAY_US,
    )
    return IssuedKey(key, text)


async def _load_bearer(
    context: Context, work: UnitOfWork, bearer: AccessClaims
) -> tuple[User, Session]:
    try:
        user = await work.get_user(bearer.user_id)
    except NotFound:
        raise session_ended() from None
    session = await work.find_session(bearer.user_id, bearer.session_id)
    own = [] if session is None else [session]
    return user, access.require_own(own, bearer.session_id, at_us=context.clock.now_us())
