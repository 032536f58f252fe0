"""Amounts on the wire: what is read is exactly what was written, and nothing else is read."""

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from crypto_exchange.domain.errors import AmountTooLarge, DomainError, InvalidAmount, InvalidField
from crypto_exchange.entrypoints.http import amounts
from crypto_exchange.entrypoints.http.schemas import instant
from tests.unit.http.api import INSTANT, PRICE, QUANTITY, USD

DIGITS = st.text("0123456789", min_size=1, max_size=25)
PLAIN = st.one_of(DIGITS, st.builds("{}.{}".format, DIGITS, DIGITS))
TEXT = st.one_of(
    PLAIN, st.text("0123456789.eE+-_ ,", max_size=20), st.text(max_size=10), st.floats().map(str)
)


def expected(text: str, largest: Decimal, *, whole_cents: bool) -> int | type[DomainError]:
    """What SPEC says of an amount, by another way than the code's."""
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return InvalidAmount
    value, decimals = Decimal(text), len(text.partition(".")[2])
    fits = (value * 100) % 1 == 0 if whole_cents else decimals <= 8
    if value == 0 or not fits:
        return InvalidAmount
    return AmountTooLarge if value > largest else int(value.scaleb(8))


def outcome(read: object, raw: bytes) -> int | type[DomainError]:
    assert callable(read)
    try:
        return int(read("amount", Raw(raw)))
    except DomainError as error:
        return type(error)


@given(TEXT)
@example("10000000.00")
@example("10000000.01")
@example("0.009")
def test_dollars_are_read_exactly_or_refused(text: str) -> None:
    raw = b'"' + "".join(f"\\u{unit:04x}" for unit in utf16(text)).encode() + b'"'

    found = outcome(amounts.read_dollars, raw)

    assert found == expected(text, Decimal(10_000_000), whole_cents=True)


@given(PLAIN)
@example("1000000000")
@example("1000000000.00000001")
@example("0.00000001")
def test_quantities_are_read_exactly_or_refused(text: str) -> None:
    found = outcome(amounts.read_quantity, text.encode())

    assert found == expected(text, Decimal(10**9), whole_cents=False)


@pytest.mark.parametrize("read", [amounts.read_dollars, amounts.read_quantity])
@pytest.mark.parametrize("raw", [b"true", b"false", b"null", b"[]", b"{}", b'["1"]', b""])
def test_only_numbers_and_strings_are_amounts(read: object, raw: bytes) -> None:
    found = outcome(read, raw)

    assert found is InvalidField or raw == b""


@given(st.integers(0, 10**20), st.integers(0, 18))
def test_quantities_are_written_exactly_without_trailing_zeros(units: int, scale: int) -> None:
    text = bytes(amounts.quantity(units, scale)).decode()

    assert QUANTITY.fullmatch(text)
    assert Decimal(text) == Decimal(units).scaleb(-scale)


@given(st.integers(0, 10**20))
def test_prices_are_written_exactly_with_2_to_12_decimals(units: int) -> None:
    text = bytes(amounts.price(units)).decode()

    assert PRICE.fullmatch(text)
    assert Decimal(text) == Decimal(units).scaleb(-12)


@given(st.integers(0, 10**20))
def test_values_are_rounded_down_to_the_cent(usd: int) -> None:
    text = bytes(amounts.cents_below(usd)).decode()

    assert USD.fullmatch(text)
    assert Decimal(text) == Decimal(usd).scaleb(-8).quantize(Decimal("0.01"), "ROUND_FLOOR")


@given(st.integers(0, 4 * 10**15))
def test_instants_have_microseconds(at_us: int) -> None:
    assert INSTANT.fullmatch(instant(at_us))


def utf16(text: str) -> list[int]:
    encoded = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(encoded[i : i + 2]) for i in range(0, len(encoded), 2)]
