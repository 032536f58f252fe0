"""Known keys: the API keys that this process has checked, so that a call with one asks no database.

That a key has ended is found out as for any session (`ended.py`); so a key is read again after as long
as an access token lives, which is as far back as that list goes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec

from crypto_exchange.domain.api_key import ApiKey, KeyUse, digest_of, find_owner
from crypto_exchange.domain.errors import PortError
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.limits import make_room
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.use_cases import api_keys
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import ACCESS_S, AccessClaims, Role

NOTED_EVERY_S = 60
MOST_KNOWN = 10_000

logger = logging.getLogger(__name__)

_PREFIX = "cx_"
_GOODBYE_S = 1


class _Known(msgspec.Struct, frozen=True):
    claims: AccessClaims
    ends_us: int


class KnownKeys:
    """Keys by the digests of their texts, and when each was last used."""

    def __init__(self, context: Context, *, most: int = MOST_KNOWN) -> None:
        self._context, self._most = context, most
        self._known: dict[str, _Known] = {}
        self._uses: dict[tuple[UserId, str], int] = {}

    async def find(self, bearer: str) -> AccessClaims | None:
        """Whose key it is that came with a call, and for what; None if it does not look like one.

        Raises:
            Unauthenticated: it is none of a live key.
            Unavailable: nobody knows.
        """
        if not bearer.startswith(_PREFIX) or find_owner(bearer) is None:
            return None
        now_us, digest = self._context.clock.now_us(), digest_of(bearer)
        known = self._known.get(digest)
        if known is None or now_us >= known.ends_us:
            known = await self._check(bearer, digest, now_us)
        claims = known.claims
        self._uses[claims.user_id, claims.session_id] = now_us
        return claims

    async def write_uses(self) -> None:
        """Keep what was used since this was done last; what cannot be written now is written later."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            noted = [KeyUse(user_id, key_id, at_us) for (user_id, key_id), at_us in uses.items()]
            await api_keys.note_uses(self._context, noted)
        except PortError as error:
            self._uses = uses | self._uses
            logger.warning("the last use of API keys could not be written: %s", error)

    async def _check(self, bearer: str, digest: str, now_us: int) -> _Known:
        key = await api_keys.verify(self._context, bearer)
        known = _Known(
            AccessClaims(key.user_id, Role.USER, key.id, scopes=frozenset(key.scopes)),
            _read_again_us(key, now_us),
        )
        self._known.pop(digest, None)
        make_room(self._known, now_us, self._most)
        self._known[digest] = known
        return known


@asynccontextmanager
async def noting_uses(context: Context) -> AsyncIterator[KnownKeys]:
    """Known keys whose uses are written once a minute, and once more at the end."""
    keys = KnownKeys(context)
    task = asyncio.create_task(_write_every_minute(keys))
    try:
        yield keys
    finally:
        task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await asyncio.wait({task})
                await keys.write_uses()


async def _write_every_minute(keys: KnownKeys) -> None:
    while True:
        await asyncio.sleep(NOTED_EVERY_S)
        await keys.write_uses()


def _read_again_us(key: ApiKey, now_us: int) -> int:
    return min(key.expires_at_us, now_us + ACCESS_S * SECOND_US)
