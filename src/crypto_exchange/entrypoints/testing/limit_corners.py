"""Limit corners: at, below and beyond what the policy and the exchange allow at once."""

from __future__ import annotations

from crypto_exchange.entrypoints.testing.corner_steps import (
    ABAN,
    BTC,
    ETH,
    after,
    buy,
    corner,
    crowd,
    steps,
)
from crypto_exchange.entrypoints.testing.steps import (
    Aim,
    Answer,
    AnyStep,
    Buy,
    Cancel,
    Freeze,
    Late,
    Pass,
    Price,
    Rule,
    Setup,
    Wake,
    Work,
)

_FINAL = Answer(kind="reject", rejection="final")
_OLD_RULES = Answer(kind="reject", rejection="rules")


def _at_most(cents: int) -> Rule:
    """The exchange sells ether for at most about so much at once (it was $750)."""
    return Rule(asset=ETH, maximum_ppm=cents * 1_000_000 // 75_000)


def _late(person: int, cents: int) -> list[AnyStep]:
    """The house gets ether for so much."""
    return [_FINAL, buy(person, ETH, cents), Work(), Late()]


LIMIT_CORNERS = (
    corner(
        "a small order that is due with a large one whose price has moved",
        Setup(max_wait=600),
        *(buy(1, BTC, 450), Pass(seconds=595), buy(0, BTC, 2_000), _OLD_RULES, Work()),
        *(Price(asset=BTC, ppm=1_050_000), after(6)),
    ),
    corner(
        "more than the exchange sells at once, but for what the house has",
        Setup(),
        *(_late(0, 2_000), _at_most(3_000), crowd(4, ETH, 990), Work()),
        *(_late(1, 2_000), _at_most(1_500), crowd(2, ETH, 999), Work(), after(7)),
        *(_at_most(75_000), buy(2, ETH, 3_000), _at_most(2_000), _late(3, 1_500), Work(), after(7)),
    ),
    corner(
        "the oldest up to the exchange's maximum, and nobody who is younger",
        Setup(),
        *(_at_most(2_500), buy(0, ETH, 990), buy(1, ETH, 990), buy(2, ETH, 990), buy(3, ETH, 300)),
        *(Work(), after(7), _at_most(2_000), crowd(2, ETH, 999), buy(2, ETH, 100), Work()),
    ),
    *(
        corner(
            f"exactly what the exchange sells at most, or more of it, {pricing}",
            Setup(pricing=pricing, max_wait=600),
            *(_at_most(2_000), Buy(person=0, asset=ETH, aim=Aim.MAXIMUM), Work()),
            *(_at_most(1_500), buy(0, ETH, 750), buy(1, ETH, 749), Work(), after(600)),
            *(_at_most(2_500), crowd(4, ETH, 990), buy(1, ETH, 300), Work(), after(7, 600, 7)),
        )
        for pricing in ("quoted", "average")
    ),
    corner(
        "a quantity of exactly what may be ordered, or a unit more",
        Setup(),
        *(Buy(person=0, asset=BTC, units=units) for units in (10**17, 10**17 + 1, 1, 0, -1)),
        _at_most(2_000),
        *(Buy(person=0, asset=ETH, units=units) for units in (799_979, 799_980, 799_981)),
        *(Work(), after(7)),
    ),
    corner(
        "exactly what the exchange sells at least, or a cent less, at the deadline",
        Setup(max_wait=600, threshold=2_500),
        *(
            steps(
                *(Buy(person=person, asset=asset, aim=Aim.MINIMUM, plus=plus), *after(600, 7)),
                *(buy(0, asset, 300), Buy(person=1, asset=asset, aim=Aim.MINIMUM, plus=plus - 300)),
                *after(600, 7),
            )
            for asset in (BTC, ABAN, ETH)
            for person, plus in enumerate((0, -1, 1))
        ),
    ),
    corner(
        "of those that would come along, one is too much for the exchange and the next is not",
        Setup(),
        *(_at_most(3_000), buy(0, ETH, 990), buy(1, ETH, 300), buy(2, ETH, 2_500), Work()),
        *(buy(0, ETH, 400), buy(1, ETH, 555), Work(), after(7)),
    ),
    corner(
        "of those that would come along, one leaves too much over and the next does not",
        Setup(inventory_cap=1),
        *(Rule(asset=ABAN, lots=4), buy(0, ABAN, 990), buy(1, ABAN, 400), buy(2, ABAN, 2_000)),
        *(Work(), buy(0, ABAN, 250), buy(1, ABAN, 350), buy(2, ABAN, 4_000), Work(), after(7)),
    ),
    corner(
        "taken along once, and too much for the exchange when it is tried again",
        Setup(),
        *(buy(0, ETH, 500), buy(1, ETH, 300), buy(2, ETH, 2_000), _OLD_RULES, Work()),
        *(_at_most(2_400), after(1, 7), buy(3, ETH, 600), Work(), after(7)),
    ),
    corner(
        "an order that is due, and too dear by now, calls for those that are not",
        Setup(max_wait=600),
        *(buy(0, BTC, 350), Pass(seconds=300), Price(asset=BTC, ppm=1_030_000), buy(1, BTC, 600)),
        *(after(300), buy(2, BTC, 200), Pass(seconds=300), Price(asset=BTC, ppm=1_030_000)),
        *(buy(3, BTC, 300), after(300)),
    ),
    corner(
        "due, waiting all the same, and turned away",
        Setup(max_wait=600, on_deadline="wait"),
        *(buy(0, BTC, 2_000), buy(1, ETH, 600), buy(2, ETH, 600), Pass(seconds=600)),
        *([Answer(kind="reject", rejection="venue")] * 2, Work(), after(1, 2, 7)),
    ),
    corner(
        "large orders are not cancelled, sealed or not",
        Setup(),
        *(buy(0, BTC, 2_000), Cancel(order=-1), Freeze(asset=BTC), Cancel(order=-1), Wake()),
        *(buy(1, BTC, 300), Cancel(order=-2), Cancel(order=-1), Cancel(order=-1), Work()),
    ),
    corner(
        "twice as much as the exchange sells at once, all of it due",
        Setup(max_wait=600),
        *(
            _at_most(1_100),
            crowd(4, ETH, 540),
            Pass(seconds=599),
            Pass(seconds=1),
            Work(),
            after(7),
        ),
    ),
    corner(
        "two at a time, the oldest of which cannot be bought any more",
        Setup(batch_limit=2, group_limit=1),
        *(buy(person, ETH, 10_000) for person in range(3)),
        *(_at_most(5_000), buy(3, ETH, 1_100), Work(), after(7)),
        *(buy(0, ETH, 300), buy(1, ETH, 300), buy(2, ETH, 300), buy(3, ETH, 300), Work(), after(7)),
    ),
    corner(
        "two at a time, and they come along one by one",
        Setup(batch_limit=2, group_limit=2, max_wait=600),
        *(crowd(4, BTC, 400), crowd(3, BTC, 1_100), Work(), after(7)),
        *(crowd(5, BTC, 300), after(600, 7), crowd(5, BTC, 1_100), Pass(seconds=600), Work()),
        *(after(7), crowd(2, ABAN, 500), buy(0, ABAN, 999), Work(), after(7)),
    ),
    corner(
        "another threshold, no tolerance, one try",
        Setup(threshold=2_500, tolerance_bps=0, counted=1, window=20, batch_limit=3),
        *(buy(0, BTC, 2_499), buy(1, BTC, 1), Work(), buy(2, BTC, 2_500), Work()),
        *(buy(0, ABAN, 1_200), Price(asset=ABAN, ppm=1_000_001), buy(1, ABAN, 1_300), Work()),
        *(buy(1, ABAN, 1_200), Work(), _OLD_RULES, buy(3, ETH, 3_000), Work(), after(1, 5)),
        *(Answer(kind="lost_before"), buy(0, ETH, 2_600), Work(), after(19, 1, 30, 1, 5, 2)),
        *(Answer(kind="slow", delay_ms=15_000), buy(1, ETH, 2_600), Work(), after(14, 1, 7)),
    ),
    corner(
        "a threshold below what the exchange sells, a wide tolerance, two tries",
        Setup(threshold=300, tolerance_bps=1_000, counted=2, window=1),
        *(buy(0, BTC, 299), buy(1, BTC, 1), Work(), buy(2, ETH, 300), Work(), after(7)),
        *(buy(0, ABAN, 100), Price(asset=ABAN, ppm=1_100_000), buy(1, ABAN, 250), Work()),
        *(_OLD_RULES, _OLD_RULES, buy(3, ETH, 3_000), Work(), after(1, 1, 1, 5)),
        *(Answer(kind="lost_before"), buy(0, ETH, 2_600), Work(), after(1, 30, 1, 5)),
    ),
    corner(
        "coins of the house serve one batch while the exchange has turned another away",
        Setup(),
        *(_FINAL, buy(0, ETH, 2_000), Work(), buy(1, ETH, 5_000), Freeze(asset=ETH), Late()),
        *(buy(2, ETH, 1_100), Freeze(asset=ETH), Answer(kind="reject", rejection="venue")),
        *(Wake(), Wake(), Work(), after(1, 7)),
    ),
    corner(
        "fees in a third coin, while it is not known what was bought",
        Setup(fee_in="other"),
        *(
            steps(
                *(Answer(kind="lost_after"), buy(0, asset, 20_000), Work()),
                *(buy(1, asset, 2_000), Freeze(asset=asset), *after(7), Wake()),
            )
            for asset in (ABAN, ETH)
        ),
    ),
)
