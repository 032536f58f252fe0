"""Streams: orders and prices over time, and scripts of what the exchange does with purchases."""

from __future__ import annotations

from hypothesis import strategies as st

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import DOLLAR, PPM
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.purchase import RejectionKind
from crypto_exchange.entrypoints.testing.strategies import amounts
from crypto_exchange.entrypoints.testing.strategies.reuse import reused
from crypto_exchange.entrypoints.testing.venue_script import DELAYED, SILENT, Step, StepKind

STEPS_PPM = (0, 1, 500, 5_000, 19_999, 20_000, 20_001, 50_000, 300_000)
"""How far prices move at once: also to, and just beyond, the default tolerance of 2 %."""
GAPS_S = (1, 1, 10, 60, 179, 181, 3_600, 24 * 3_600)
"""How long nothing happens: also for longer than prices stay fresh, and orders wait."""
_SECOND_US = 10**6


@reused
@st.composite
def order_stream(
    draw: st.DrawFn,
    symbols: tuple[Symbol, ...] = ("BTC", "ETH"),
    *,
    users: int = 4,
    max_size: int = 30,
    start_us: int = amounts.START_US,
) -> list[tuple[int, PlaceOrder]]:
    """At most `max_size` orders with their times in µs, in order of time, by users 1 to `users`: for
    dollars (10⁻⁸), three of four below the default threshold, a few to a thousand dollars.
    """
    spend = st.one_of(*[amounts.usd(maximum=10 * DOLLAR)] * 3, amounts.usd(maximum=1_000 * DOLLAR))
    one = st.builds(
        PlaceOrder, user_id=st.integers(1, users), asset=st.sampled_from(symbols), spend=spend
    )
    placed = draw(st.lists(one, max_size=max_size))
    return list(zip(_moments(draw, start_us, len(placed)), placed, strict=True))


@reused
@st.composite
def price_path(
    draw: st.DrawFn,
    start: int | None = None,
    *,
    max_size: int = 30,
    start_us: int = amounts.START_US,
) -> list[tuple[int, int]]:
    """One to `max_size` prices (10⁻¹² dollars a coin, at least 1) with their times in µs, in order of time.

    The first is `start` (default: any); each other is up to 30 % from the one before.
    """
    price = draw(amounts.price()) if start is None else start
    moves = draw(st.lists(_move(), max_size=max_size - 1))
    prices = [price]
    for ppm in moves:
        prices.append(max(1, prices[-1] * (PPM + ppm) // PPM))
    return list(zip(_moments(draw, start_us, len(prices)), prices, strict=True))


@reused
@st.composite
def execution(draw: st.DrawFn) -> Step:
    """A purchase is answered by what was bought: all, a part or nothing, in up to 5 trades."""
    return Step(
        kind=draw(st.sampled_from((StepKind.FILL, StepKind.FILL, StepKind.PART, StepKind.ZERO))),
        fraction_ppm=draw(_fraction_ppm()),
        trades=draw(st.integers(1, 5)),
    )


@reused
@st.composite
def fault(draw: st.DrawFn) -> Step:
    """Anything but a whole fill; delays are up to the moment when absence is believed (ms)."""
    kind = draw(st.sampled_from([each for each in StepKind if each is not StepKind.FILL]))
    if kind is StepKind.REJECT:
        return Step(kind=kind, rejection=draw(st.sampled_from(RejectionKind)))
    if kind in SILENT or kind is StepKind.ZERO:
        return Step(kind=kind)
    part = kind is StepKind.PART or draw(st.sampled_from((False, False, True)))
    return Step(
        kind=kind,
        fraction_ppm=draw(_fraction_ppm()) if part else PPM,
        trades=draw(st.integers(1, 5)),
        delay_ms=draw(_delay_ms()) if kind in DELAYED else 0,
    )


@reused
def fill_plan(max_size: int = 10) -> st.SearchStrategy[list[Step]]:
    """What becomes of up to `max_size` purchases in turn, all of them answered (see `execution`)."""
    return st.lists(execution(), max_size=max_size)


@reused
def fault_script(max_size: int = 10) -> st.SearchStrategy[list[Step]]:
    """What becomes of up to `max_size` purchases in turn: half of them meet a `fault`."""
    return st.lists(st.one_of(execution(), fault()), max_size=max_size)


@reused
def _fraction_ppm() -> st.SearchStrategy[int]:
    """Never all; a third divides by nothing."""
    return st.one_of(st.integers(0, PPM - 1), st.sampled_from((1, 333_333, 500_000, PPM - 1)))


@reused
def _delay_ms() -> st.SearchStrategy[int]:
    return st.one_of(st.integers(0, 35_000), st.sampled_from((1, 5_000, 5_001, 34_999, 35_000)))


@reused
def _move() -> st.SearchStrategy[int]:
    sizes = st.one_of(st.integers(0, 5_000), st.sampled_from(STEPS_PPM))
    return st.builds(lambda size, sign: size * sign, sizes, st.sampled_from((1, -1)))


def _moments(draw: st.DrawFn, start_us: int, count: int) -> list[int]:
    gaps = draw(st.lists(st.sampled_from(GAPS_S), min_size=count, max_size=count))
    at_us, moments = start_us, []
    for gap in gaps:
        moments.append(at_us)
        at_us += gap * _SECOND_US
    return moments
