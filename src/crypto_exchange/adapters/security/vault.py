"""Secrets at rest, encrypted by Fernet (AES-128-CBC with HMAC-SHA-256), whose keys may be replaced."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto_exchange.domain.errors import InvariantViolation

_SHORTEST_KEY = 32


class FernetVault:
    """The port `Vault`. The first of the keys seals, all of them open.

    A key may be any text of at least 32 bytes: HKDF makes a Fernet key of it, for this use alone.

    Raises:
        ValueError: no key, or one shorter than 32 bytes.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("vault keys: expected at least one, was none")
        self._fernet = MultiFernet([Fernet(_derive(key)) for key in keys])

    def draw(self, size: int) -> bytes:
        return secrets.token_bytes(size)

    def seal(self, label: str, secret: bytes) -> str:
        return self._fernet.encrypt(_prefix(label) + secret).decode()

    def open(self, label: str, sealed: str) -> bytes:
        try:
            opened = self._fernet.decrypt(sealed)
        except InvalidToken:
            raise InvariantViolation(
                f"{label}: expected what one of the keys in SECRET_KEY has sealed, was something else"
            ) from None
        prefix = _prefix(label)
        if not opened.startswith(prefix):
            raise InvariantViolation(f"{label}: expected what was sealed for it, was another's")
        return opened[len(prefix) :]


def _prefix(label: str) -> bytes:
    """What ties a secret to its place: Fernet knows no associated data."""
    return label.encode() + b"\0"


def _derive(key: str) -> bytes:
    material = key.encode()
    if len(material) < _SHORTEST_KEY:
        raise ValueError(f"vault key: expected at least {_SHORTEST_KEY} bytes, was {len(material)}")
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"crypto_exchange/vault/1")
    return base64.urlsafe_b64encode(hkdf.derive(material))
