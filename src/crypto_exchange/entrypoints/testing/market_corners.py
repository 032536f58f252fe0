"""Market corners: what the policy of the house and the rules of the exchange lead into."""

from __future__ import annotations

from crypto_exchange.entrypoints.testing.corner_steps import (
    ABAN,
    BTC,
    ETH,
    Corner,
    after,
    buy,
    corner,
    steps,
)
from crypto_exchange.entrypoints.testing.steps import (
    Aim,
    Answer,
    Buy,
    Down,
    Freeze,
    Pass,
    Price,
    Restart,
    Rule,
    Setup,
    Speak,
    Together,
    Wake,
    Work,
)

_PRICINGS = ("quoted", "average")


def _average(fee_in: str) -> Corner:
    """The price rises before the purchase; hardly anything is filled; a fraction of a lot is asked."""
    return corner(
        f"average prices, fee in {fee_in}",
        Setup(pricing="average", spread_bps=133, fee_in=fee_in),
        *(
            steps(
                *(buy(0, asset, 777), buy(1, asset, 999), Freeze(asset=asset)),
                *(Price(asset=asset, ppm=1_100_000), Wake(), Work()),
                *(Price(asset=asset, ppm=950_000), Answer(kind="part", fraction_ppm=1)),
                *(buy(0, asset, 778), buy(1, asset, 901), buy(2, asset, 5_001), Work(), Work()),
                *(buy(0, asset, 1_234), Work()),
                *(Buy(person=3, asset=asset, aim=Aim.THRESHOLD, units=1), Work()),
            )
            for asset in (BTC, ABAN, ETH)
        ),
    )


def _priced_apart(pricing: str, other: str) -> Corner:
    """Nothing is planned or paid by the pricing of another asset."""
    return corner(
        f"{other} prices for one asset alone",
        Setup(pricing=pricing, asset_pricing=(("ETH", other),), spread_bps=133),
        *(
            steps(
                *(buy(0, asset, 400), buy(1, asset, 2_000), buy(2, asset, 811), Work()),
                *(buy(3, asset, 733), Work(), *after(7)),
            )
            for asset in (BTC, ETH)
        ),
    )


MARKET_CORNERS = (
    *(_average(fee_in) for fee_in in ("quote", "coin", "other")),
    *(_priced_apart(pricing, other) for pricing, other in (_PRICINGS, _PRICINGS[::-1])),
    corner(
        "nothing may be left over, but of large orders",
        Setup(inventory_cap=0),
        *(
            steps(
                *(buy(0, asset, 1_033), Work(), buy(1, asset, 611), buy(2, asset, 619), Work()),
                *(buy(3, asset, 1_847), Work(), *after(7)),
            )
            for asset in (BTC, ABAN, ETH)
        ),
    ),
    corner(
        "nobody is taken along",
        Setup(take_along=False),
        *(buy(0, BTC, 600), buy(1, BTC, 2_000), Work(), buy(2, BTC, 500), Work()),
    ),
    corner(
        "asked after when the exchange may have forgotten",
        Setup(reach=60),
        *(
            steps(
                *(Answer(kind=kind), buy(0, BTC, 2_000), Work(), Down()),
                *(Pass(seconds=61, fresh=False), Down(down=False), Work(), Speak(), Work()),
                *after(7),
            )
            for kind in ("lost_after", "lost_before")
        ),
    ),
    corner(
        "an older order that is more than the exchange sells by now",
        Setup(max_wait=600),
        *(buy(0, ETH, 800), buy(1, ETH, 400), buy(2, ETH, 300)),
        *(Rule(asset=ETH, minimum_ppm=100_000, maximum_ppm=10_000), after(600, 7)),
    ),
    corner(
        "an order for ever larger than the exchange sells by now",
        Setup(max_wait=600, on_deadline="wait"),
        *(buy(0, ETH, 800), Pass(seconds=300), buy(1, ETH, 400), buy(2, ETH, 300)),
        *(Rule(asset=ETH, minimum_ppm=100_000, maximum_ppm=10_000), after(300, 1, 7)),
    ),
    corner(
        "coins bought by the unit, fees in coin",
        Setup(fee_in="coin", inventory_cap=2),
        *(
            steps(
                *(Rule(asset=asset, lots=0), buy(0, asset, 1_033), Freeze(asset=asset), Wake()),
                *(buy(1, asset, 617), buy(2, asset, 719), Freeze(asset=asset), Wake(), Work()),
            )
            for asset in (BTC, ABAN, ETH)
        ),
    ),
    corner(
        "the least that the exchange sells, by the unit and by its quantity",
        Setup(max_wait=600, on_deadline="top_up"),
        *(Rule(asset=BTC, lots=0), Price(asset=ABAN, ppm=1_100_000)),
        *(buy(0, BTC, 200), buy(1, ABAN, 200), after(600, 7)),
    ),
    corner(
        "a price at the next attempt that only the large order does not pass",
        Setup(),
        *(
            steps(
                *(buy(0, asset, 2_000), Price(asset=asset, ppm=1_015_000), buy(1, asset, 500)),
                *(buy(2, asset, more), failure, Work(), Price(asset=asset, ppm=1_015_000)),
                *(*after(36, 2, 7), Price(asset=asset, ppm=970_000)),
            )
            for asset, more in ((BTC, 300), (ETH, 700), (ABAN, 600))
            for failure in (Answer(kind="reject", rejection="rules"), Answer(kind="lost_before"))
        ),
    ),
    corner(
        "the broker is started again while it trades",
        Setup(),
        *(Restart(), buy(0, BTC, 2_000), Freeze(asset=BTC), Restart(), Wake(), Restart()),
        *(buy(1, ETH, 2_000), Answer(kind="lost_before"), Work(), Restart(), after(36, 2)),
        *(Together(steps=(Restart(), buy(2, ABAN, 2_000), Work(), Restart())), Restart()),
    ),
    corner(
        "rules that nobody was told of",
        Setup(),
        *(Rule(asset=BTC, lots=7, told=False), buy(0, BTC, 2_000), Work()),
        *(Pass(seconds=1, fresh=False), Work(), after(3, 5)),
    ),
)
