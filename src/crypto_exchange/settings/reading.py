"""How settings are described, and how each is read from its text."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from crypto_exchange.settings import values
from crypto_exchange.settings.errors import SettingsError
from crypto_exchange.settings.values import Kind


class Setting(msgspec.Struct, frozen=True):
    """How a setting is written and what it is for; without a default it may be left out."""

    kind: Kind
    default: str | None
    description: str


KEYS = values.secrets(at_least=32)
PASSWORD = values.secret()
OUR_EXCHANGE = "binance"
"""The exchange that is started by us when no other is given."""

_NEEDED_WITH = {
    "POSTGRES_HOST": ("SECRET_KEY", "JWT_SECRET_KEY", "POSTGRES_PASSWORD"),
    "REDIS_HOST": ("REDIS_PASSWORD",),
    "EXCHANGE_URL": ("EXCHANGE_API_KEY", "EXCHANGE_API_SECRET"),
    "EXCHANGE_ID": ("EXCHANGE_API_KEY", "EXCHANGE_API_SECRET"),
}
_NEEDED_WITH_WORD = {
    ("POSTGRES_SSLMODE", "require"): ("POSTGRES_HOST",),
    ("POSTGRES_SSLMODE", "verify-full"): ("POSTGRES_HOST", "POSTGRES_SSLROOTCERT"),
    ("REDIS_TLS", "on"): ("REDIS_HOST",),
    ("REDIS_TLS", "true"): ("REDIS_HOST",),
    ("REDIS_TLS", "1"): ("REDIS_HOST",),
}
"""The servers that are started here speak no TLS."""


def find_missing(given: Mapping[str, str]) -> list[SettingsError]:
    """What must be given beside what is."""
    needed: dict[str, str] = {}
    for (name, word), names in _NEEDED_WITH_WORD.items():
        if given.get(name, "").strip().lower() == word:
            needed |= dict.fromkeys(names, f"{name}={word}")
    for host, names in _NEEDED_WITH.items():
        if host in given and (host, given[host]) != ("EXCHANGE_ID", OUR_EXCHANGE):
            needed |= {name: host for name in names if name not in needed}
    return [
        SettingsError(name, f"given when {host} is", "missing")
        for name, host in needed.items()
        if name not in given
    ]


def read(name: str, setting: Setting, given: str | None) -> object:
    """The value of a setting, by its text or its default. Raises `SettingsError`."""
    text = setting.default if given is None else given
    if text is None:
        return {} if name in {"PAPER_PRICES", "PAPER_CANDLES", "PAPER_RULES"} else None
    try:
        return setting.kind.parse(text if is_secret(setting) else text.strip())
    except (ValueError, KeyError, ArithmeticError):
        raise SettingsError(name, setting.kind.expected, _shown(setting, text)) from None


def is_secret(setting: Setting) -> bool:
    """Whether its text is shown to nobody."""
    return setting.kind in {KEYS, PASSWORD, values.API_KEY}


def _shown(setting: Setting, text: str) -> str:
    if is_secret(setting):
        keys = setting.kind is KEYS
        weak = values.weak_part(text, 32) if keys else values.weakness(text, 1)
        return weak or "something else"
    return f'"{text}"' if len(text) <= 100 else f'"{text[:100]}…"'
