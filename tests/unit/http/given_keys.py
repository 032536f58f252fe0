"""API keys that are there, however they came to be: live, ended or expired, of any scopes."""

import msgspec

from crypto_exchange.domain.api_key import ApiKey, Scope, digest_of, key_text
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.use_cases.context import Context

DAY_US = 24 * 3600 * 10**6


async def give_key(context: Context, user_id: int, *scopes: Scope, **fields: int) -> str:
    """A new key of a user, as its text. Without scopes it has all of them."""
    key_id, now_us = context.ids.new_key(), context.clock.now_us()
    text = key_text(user_id, key_id, context.vault.draw(32))
    key = ApiKey(
        user_id=user_id,
        id=key_id,
        name="bot",
        scopes=scopes or tuple(Scope),
        digest=digest_of(text),
        created_at_us=now_us,
        expires_at_us=now_us + DAY_US,
    )
    async with context.begin() as work:
        await work.commit(Change(new_keys=(msgspec.structs.replace(key, **fields),)))
    return text
