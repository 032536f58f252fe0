"""Passwords and tokens."""

from crypto_exchange.adapters.security.passwords import Argon2Passwords
from crypto_exchange.adapters.security.tokens import JwtTokens

__all__ = ["Argon2Passwords", "JwtTokens"]
