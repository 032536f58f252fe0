"""Officers: what one of them does is written only while they may do it."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.administration import acting
from crypto_exchange.domain.audit_log import Actor, Via
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.user import Role, User


async def load_officer(work: UnitOfWork, actor: Actor) -> User | None:
    """Who acts, as they are now; None for the service itself and the terminal. Raises `NotFound`."""
    return await work.get_user(actor.user_id) if actor.via is Via.API else None


async def vouched(work: UnitOfWork, change: Change, actor: Actor, role: Role) -> Change:
    """The change, which is refused if its actor, or what they may, has changed when it is written.

    Raises:
        Forbidden, AccountFrozen: they have not got the role now, or are not active.
    """
    by = acting(await load_officer(work, actor), role)
    return msgspec.structs.replace(change, moved_users=change.moved_users + by)
