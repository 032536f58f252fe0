"""People and proposals that a test of adjustments finds in place."""

from uuid import uuid4

import msgspec

from crypto_exchange.domain.audit_log import Actor
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.use_cases import accounts, adjustments
from crypto_exchange.domain.use_cases.adjustments import Propose
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role, UserStatus
from tests.builders import usd

EXAMPLE_USER = 7
"""Whom the examples of the documentation adjust."""


async def give_user(context: Context, role: Role = Role.USER) -> tuple[int, str]:
    """A new user's id and access token."""
    name = f"user-{uuid4().hex[:20]}"
    pair = await accounts.register(context, name, "correct horse", role=role)
    return context.tokens.read_access(pair.access).user_id, pair.access


async def give_users_up_to(context: Context, last: int) -> None:
    """Users until one has that id."""
    while (await give_user(context))[0] < last:
        continue


async def close(context: Context, user_id: int) -> None:
    """Let an account be closed, however that came about."""
    async with context.begin() as work:
        user = await work.get_user(user_id)
        after = msgspec.structs.replace(user, status=UserStatus.CLOSED, version=user.version + 1)
        await work.commit(Change(moved_users=(Transition(user, after),)))


async def give_adjustment(context: Context, dollars: str = "1.00") -> str:
    """A proposal of a new administrator to pay a new user (negative: to be paid); returns its key."""
    (proposer, _), (user, _) = await give_user(context, Role.ADMIN), await give_user(context)
    amount = usd(dollars) if dollars[0] != "-" else -usd(dollars[1:])
    command = Propose(user_id=user, amount=amount, reason="goodwill")
    actor = Actor(user_id=proposer)
    proposed, _ = await adjustments.propose(context, command, actor=actor)
    return proposed.key
