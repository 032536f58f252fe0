"""Whom a call is counted for: nobody can choose an address, and a network of IPv6 is one caller."""

from collections.abc import Sequence
from ipaddress import ip_network

import pytest

from crypto_exchange.entrypoints.http.addresses import blur, find_client, read_client

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", " 203.0.113.9 ", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.1.2.3, 10.9.9.9", "203.0.113.9"),
        ("fd00::1", "203.0.113.9, fd12::2", "203.0.113.9"),
        ("::ffff:10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ],
)
def test_behind_trusted_proxies_it_is_the_last_address_that_is_none_of_them(
    peer: str, forwarded: str, client: str
) -> None:
    assert find_client(peer, forwarded, PROXIES) == client


@pytest.mark.parametrize("forwarded", ["198.51.100.1", "10.0.0.5", "198.51.100.1, 10.0.0.5", ""])
def test_a_stranger_cannot_say_who_it_is(forwarded: str) -> None:
    assert find_client("203.0.113.9", forwarded, PROXIES) == "203.0.113.9"
    assert find_client("203.0.113.9", forwarded, ()) == "203.0.113.9"


@pytest.mark.parametrize(
    "invented", ["198.51.100.1", "10.0.0.5", "garbage", ",,", "203.0.113.9, x"]
)
def test_what_a_caller_puts_before_its_own_address_counts_for_nothing(invented: str) -> None:
    assert find_client("10.0.0.1", f"{invented}, 203.0.113.9", PROXIES) == "203.0.113.9"


@pytest.mark.parametrize(
    "forwarded",
    [
        "",
        "garbage",
        "203.0.113.9,",
        "203.0.113.9, unknown",
        "203.0.113.9, 10.0.0.300, 10.0.0.2",
        "203.0.113.9:4711",
        "10.0.0.2, 10.0.0.3",
        "1" * 10_000,
        "203.0.113.٩",
    ],
)
def test_what_is_malformed_or_names_nobody_leaves_the_proxy_itself(forwarded: str) -> None:
    assert find_client("10.0.0.1", forwarded, PROXIES) == "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_addresses_of_one_network_of_ipv6_are_one_caller(peer: str, client: str) -> None:
    assert find_client(peer, "", ()) == client


def scope(client: tuple[str, int] | None, *forwarded: bytes) -> dict[str, object]:
    headers = [(b"x-forwarded-for", value) for value in forwarded]
    return {"type": "http", "client": client, "headers": [(b"host", b"h"), *headers]}


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ([b"198.51.100.1", b"203.0.113.9"], "203.0.113.9"),
        ([b"198.51.100.1, 203.0.113.9", b"10.0.0.2"], "203.0.113.9"),
        ([b"203.0.113.9", b"\xff\xfe"], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_several_headers_are_read_as_one(forwarded: Sequence[bytes], client: str) -> None:
    given = scope(("10.0.0.1", 4711), *forwarded)

    assert read_client(given, PROXIES) == client  # type: ignore[arg-type]  # enough of a scope


def test_a_connection_without_an_address_is_one_caller() -> None:
    assert read_client(scope(None), ()) == ""  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("testclient", None),
        ("", None),
    ],
)
def test_the_access_log_tells_a_network_and_no_household(peer: str, network: str | None) -> None:
    assert blur(find_client(peer, "", ())) == network
