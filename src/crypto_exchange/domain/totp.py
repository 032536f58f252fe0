"""TOTP: codes of six digits that a shared secret gives for each half minute (RFC 6238, over RFC 4226)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import quote

from crypto_exchange.domain.policy import SECOND_US

ISSUER = "crypto_exchange"
SECRET_BYTES = 20
"""160 bits, as RFC 4226 recommends."""
DIGITS = 6
STEP_S = 30
WINDOW = 1
"""How many steps a clock may be off, each way."""


def hotp(secret: bytes, counter: int) -> str:
    """The code of a counter: RFC 4226, section 5.3, with HMAC-SHA-1 (whose collisions do not matter here)."""
    digest = hmac.digest(secret, counter.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_at(at_us: int) -> int:
    """The step of a time in microseconds since 1970."""
    return at_us // (STEP_S * SECOND_US)


def find_step(secret: bytes, code: str, at_us: int) -> int | None:
    """The newest step, within one of now, that a code is of; as long for every code."""
    now = step_at(at_us)
    steps = range(max(now - WINDOW, 0), now + WINDOW + 1)
    fits = [hmac.compare_digest(hotp(secret, step).encode(), code.encode()) for step in steps]
    return max((step for step, fit in zip(steps, fits, strict=True) if fit), default=None)


def secret_text(secret: bytes) -> str:
    """A secret as people type it: base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def key_uri(secret: bytes, username: str) -> str:
    """What authenticators read from a QR code."""
    label = f"{quote(ISSUER)}:{quote(username, safe='')}"
    return (
        f"otpauth://totp/{label}?secret={secret_text(secret)}&issuer={quote(ISSUER)}"
        f"&algorithm=SHA1&digits={DIGITS}&period={STEP_S}"
    )
