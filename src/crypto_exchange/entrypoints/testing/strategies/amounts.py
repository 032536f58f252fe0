"""Amounts: dollars, quantities and prices as integers, ordinary ones mixed with awkward ones."""

from __future__ import annotations

from hypothesis import strategies as st

from crypto_exchange.domain.money import CENT, DOLLAR
from crypto_exchange.entrypoints.testing.strategies.reuse import reused

START_US = 1_767_225_600 * 10**6
"""The first moment of the year 2026 (UTC), where drawn times begin."""
DAY_US = 24 * 3600 * 10**6

_ROUND_DOLLARS = (1, 2, 5, 10, 20, 50, 100, 500, 1_000, 10_000)


@reused
def usd(minimum: int = CENT, maximum: int = 10_000 * DOLLAR) -> st.SearchStrategy[int]:
    """Whole cents from `minimum` to `maximum`, all in 10⁻⁸ dollars: any, pocket money, round sums and a
    cent beside them.
    """
    least, most = -(-minimum // CENT), maximum // CENT
    round_sums = [c for d in _ROUND_DOLLARS for c in (100 * d - 1, 100 * d, 100 * d + 1)]
    fitting = sorted(c for c in {least, most, 1, *round_sums} if least <= c <= most)
    cents = st.one_of(
        st.integers(least, most),
        st.integers(least, max(least, min(most, 1_200))),
        st.sampled_from(fitting),
    )
    return cents.map(lambda count: count * CENT)


@reused
def quantity(
    minimum: int = 1, maximum: int | None = None, *, scale: int = 8
) -> st.SearchStrategy[int]:
    """Units of 10⁻ˢᶜᵃˡᵉ coins from `minimum` to `maximum` (default: 1000 coins): any, a few units, whole
    coins, and thirds of them, which divide by nothing.
    """
    coin = 10**scale
    most = max(minimum, 1_000 * coin if maximum is None else maximum)
    odd = {minimum, most, 1, 2, 3, 7, coin - 1, coin, coin + 1, coin // 3, 2 * coin // 3 + 1}
    return st.one_of(
        st.integers(minimum, most),
        st.integers(minimum, min(most, minimum + 100)),
        st.sampled_from(sorted(units for units in odd if minimum <= units <= most)),
    )


@reused
def price(minimum: int = 10**6, maximum: int = 10**18) -> st.SearchStrategy[int]:
    """10⁻¹² dollars a coin, from `minimum` to `maximum` (default: a millionth of a dollar to a million),
    every order of magnitude as often: round ones and ones with every digit.
    """
    decades = st.integers(len(str(minimum)) - 1, len(str(maximum)) - 1)
    ones = st.one_of(st.sampled_from((1, 2, 3, 5, 7, 9)).map(_as_mantissa), st.integers(*_MANTISSA))
    drawn = st.builds(lambda one, decade: one * 10**decade // 10**12, ones, decades)
    return drawn.map(lambda each: min(max(each, minimum), maximum))


@reused
def moment() -> st.SearchStrategy[int]:
    """Microseconds since 1970 (UTC), in January 2026."""
    return st.integers(0, 30 * DAY_US).map(lambda after: START_US + after)


_MANTISSA = (10**12, 10**13 - 1)


def _as_mantissa(digit: int) -> int:
    return digit * _MANTISSA[0]
