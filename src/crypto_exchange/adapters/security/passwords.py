"""Passwords as Argon2id hashes, computed off the event loop."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from crypto_exchange.domain.errors import Unavailable

T = TypeVar("T")


class Argon2Passwords:
    """The port `PasswordHasher`. The defaults are OWASP's minimum for Argon2id.

    At most `workers` hashes are computed at a time, each with `memory_kib` of memory and, because
    Argon2 lets go of the interpreter, a core of its own; at most `waiting` others wait their turn,
    about a second with the defaults, and more are refused at once.
    """

    def __init__(
        self,
        *,
        memory_kib: int = 19 * 1024,
        time_cost: int = 2,
        parallelism: int = 1,
        workers: int = 2,
        waiting: int = 64,
    ) -> None:
        self._hasher = argon2.PasswordHasher(time_cost, memory_kib, parallelism)
        self._threads = ThreadPoolExecutor(workers, "passwords")
        self._under_way, self._most = 0, workers + waiting
        self._nobodys = self._hasher.hash(b"nobody has this password")

    def close(self) -> None:
        """Let go of the threads; what is under way ends."""
        self._threads.shutdown(wait=False)

    async def hash(self, password: str) -> str:
        return await self._compute(self._hasher.hash, _normal(password))

    async def verify(self, password: str, hashed: str | None) -> bool:
        against = self._nobodys if hashed is None else hashed
        fits = await self._compute(self._matches, against, _normal(password))
        return fits and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        return self._hasher.check_needs_rehash(hashed)

    async def _compute(self, work: Callable[..., T], *values: object) -> T:
        if self._under_way >= self._most:
            raise Unavailable(f"passwords: expected fewer than {self._most} under way, was as many")
        self._under_way += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, work, *values)
        finally:
            self._under_way -= 1

    def _matches(self, hashed: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


def _normal(password: str) -> bytes:
    """One spelling for what looks the same, so that every keyboard gives the same password (NFKC)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
