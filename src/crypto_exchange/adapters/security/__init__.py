"""Passwords, tokens, and encryption of secrets at rest."""

from crypto_exchange.adapters.security.common import load_common_passwords
from crypto_exchange.adapters.security.passwords import Argon2Passwords
from crypto_exchange.adapters.security.tokens import JwtTokens
from crypto_exchange.adapters.security.vault import FernetVault

__all__ = ["Argon2Passwords", "FernetVault", "JwtTokens", "load_common_passwords"]
