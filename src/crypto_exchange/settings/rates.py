"""How rate limits are written, and the proxies that are believed about whom they count."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias

import msgspec

from crypto_exchange.settings.values import LIST, Kind, integer

Network: TypeAlias = IPv4Network | IPv6Network

_COUNT = integer(1, 10**9)
_PERIODS_S = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}


class Rate(msgspec.Struct, frozen=True):
    """So many calls in so many seconds."""

    count: int
    per_seconds: int


def _rate(text: str) -> Rate | None:
    if text == "off":
        return None
    count, _, period = text.partition("/")
    return Rate(_COUNT.parse(count), _PERIODS_S[period])


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(item) for item in LIST.parse(text)) if text else ()


RATE = Kind('calls in a time such as "3/minute" (second, minute, hour, day), or "off"', _rate)
NETWORKS = Kind("addresses and networks with commas between", _networks)
