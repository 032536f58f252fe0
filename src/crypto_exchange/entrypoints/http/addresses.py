"""Addresses: where a request comes from, whatever it says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from litestar.types import HTTPScope

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_LONGEST = 45
"""An address as text, in characters."""

_IPV6_HOST_BITS = 64
_LOGGED_BITS = {4: 24, 6: 48}


def read_client(scope: HTTPScope, trusted: Sequence[Network]) -> str:
    """Whom a request is counted for: `find_client` of its connection and headers."""
    client = scope.get("client")
    forwarded = [v for name, v in scope["headers"] if name == b"x-forwarded-for"] if trusted else []
    return find_client(client[0] if client else "", b",".join(forwarded).decode("latin-1"), trusted)


def find_client(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The address that a call is counted for; one of IPv6 as its network of 64 bits.

    It is the peer's, unless that is a trusted proxy: then the rightmost one of `forwarded` that is
    none, since what stands left of it may be invented. If there is none, or something else stands
    in its place, it is the peer's again.
    """
    address = _parse(peer)
    if address is None:
        return peer[:_LONGEST]
    if _is_in(address, trusted):
        while forwarded:
            forwarded, _, last = forwarded.rpartition(",")
            hop = _parse(last.strip())
            if hop is None:
                break
            if not _is_in(hop, trusted):
                return _group(hop)
    return _group(address)


@lru_cache(maxsize=4096)
def blur(client: str) -> str | None:
    """The network of what `read_client` gave, too wide to know a household by: 24 bits of IPv4, 48 of
    IPv6. None for what is no address.
    """
    address = _parse(client.partition("/")[0])
    if address is None:
        return None
    return str(ip_network((address, _LOGGED_BITS[address.version]), strict=False))


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _parse(text: str) -> Address | None:
    return _parse_short(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _parse_short(text: str) -> Address | None:
    """An address of IPv4 that is written as one of IPv6 is still the same."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=4096)
def _group(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    bits = int(address) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS
    return str(IPv6Network((bits, _IPV6_HOST_BITS)))
