"""Corners: short scripted runs through situations that drawn traffic seldom gets into.

Each is a setup and a list of steps, as anything that is found is; the seed of a run decides which way
its races go, and with the batch keys its ties.
"""

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
from crypto_exchange.entrypoints.testing.crash_corners import CRASH_CORNERS
from crypto_exchange.entrypoints.testing.limit_corners import LIMIT_CORNERS
from crypto_exchange.entrypoints.testing.market_corners import MARKET_CORNERS
from crypto_exchange.entrypoints.testing.silence_corners import SILENCE_CORNERS
from crypto_exchange.entrypoints.testing.steps import (
    PEOPLE,
    Aim,
    Answer,
    Buy,
    Cancel,
    Clock,
    Deposit,
    Down,
    Freeze,
    Halt,
    Late,
    Pass,
    Price,
    Refuse,
    Repeat,
    Setup,
    Speak,
    Together,
    Wake,
    Withdraw,
    Work,
)

OUT_OF_FUNDS, OLD_RULES = (Answer(kind="reject", rejection=why) for why in ("venue", "rules"))

_KEYED = (
    Deposit(person=2, cents=700, key=9),
    Withdraw(person=2, plus=700, key=9),
    Buy(person=2, asset=BTC, plus=700, key=9),
)


CORNERS = (
    corner(
        "exactly the threshold, exactly the tolerance",
        Setup(spread_bps=50),
        *(buy(0, BTC, 500), buy(1, BTC, 500), Work()),
        *(buy(0, ABAN, 600), Price(asset=ABAN, ppm=1_020_000), buy(1, ABAN, 600), Work()),
        *(buy(2, ETH, 100), buy(2, ETH, 1_000), Work()),
        *(buy(0, BTC, 600), Price(asset=BTC, ppm=1_020_001), buy(1, BTC, 600), buy(2, BTC, 600)),
        Work(),
    ),
    corner(
        "units that a tie decides",
        Setup(),
        *(
            steps(
                Answer(kind="part", fraction_ppm=fraction_ppm),
                *(buy(person, ETH, 334) for person in range(3)),
                *(Work(), *after(7)),
            )
            for fraction_ppm in (100_000, 500_000, 100_000, 500_000, 700_000)
        ),
    ),
    corner(
        "rejected by the rules until it may not be tried again",
        Setup(),
        *([OLD_RULES] * 5, buy(0, BTC, 2_000), Work(), after(1, 1, 1, 5, 9, 17)),
    ),
    corner(
        "turned away, and how long until the next try",
        Setup(),
        *(OUT_OF_FUNDS, buy(0, BTC, 600), buy(1, BTC, 600), Work(), after(1)),
        *(OUT_OF_FUNDS, buy(0, BTC, 600), buy(1, BTC, 600), Work(), after(1, 1)),
        *(OUT_OF_FUNDS, OUT_OF_FUNDS, buy(0, BTC, 1_600), Work(), after(1, 1, 1)),
        *(buy(0, BTC, 1_600), buy(1, BTC, 1_700), Freeze(asset=BTC), OUT_OF_FUNDS, OUT_OF_FUNDS),
        *(Wake(), Wake(), after(1)),
        *([OUT_OF_FUNDS] * 9, buy(2, ETH, 2_000), Work(), after(1, 2, 4, 8, 16, 32, 60, 60, 60)),
    ),
    corner(
        "unknown until an operator speaks",
        Setup(quarantine=3_600),
        *(Answer(kind="lost_after"), buy(0, BTC, 2_000), Work(), Down()),
        *(Pass(seconds=3_601, fresh=False), Work(), buy(1, ETH, 700), Work()),
        *(Pass(seconds=20, fresh=False), Work()),
        *(Down(down=False), after(1), buy(1, BTC, 2_000), Work(), Speak(), Work(), after(10)),
    ),
    corner(
        "absent at the last moment that proves nothing",
        Setup(),
        *(Answer(kind="lost_before"), buy(0, BTC, 1_600), Work(), after(35, 1, 12)),
    ),
    corner(
        "two workers make the next attempt",
        Setup(),
        *(
            steps(
                *(Answer(kind="lost_before"), buy(person, BTC, 2_000 + person), Work()),
                *(*after(36), Pass(seconds=2), Answer(kind="lost_late", delay_ms=34_000)),
                *(Work(workers=2, twice=True), Pass(seconds=36), Work(workers=2)),
                *(Pass(seconds=2), Work(workers=2)),
            )
            for person in range(PEOPLE)
        ),
    ),
    corner(
        "two workers end what cannot be tried again",
        Setup(),
        *(
            steps(
                *(OLD_RULES, buy(person, BTC, 2_000), Work()),
                *(Price(asset=BTC, ppm=1_030_000), Pass(seconds=1), Work(workers=2, twice=True)),
            )
            for person in range(PEOPLE)
        ),
    ),
    corner(
        "a large order halted until its deadline",
        Setup(max_wait=600),
        *(buy(0, BTC, 2_000), Halt(asset=BTC), Work(), after(599, 1)),
        *(Halt(asset=BTC, halted=False), buy(1, ETH, 200), after(600)),
    ),
    corner(
        "a newer order while an older one is due",
        Setup(max_wait=600),
        *(buy(0, BTC, 200), Pass(seconds=300), buy(1, BTC, 300), after(300, 300)),
    ),
    corner(
        "the house buys the difference",
        Setup(max_wait=600, on_deadline="top_up"),
        *(buy(0, BTC, 200), after(580, 20, 7)),
    ),
    corner(
        "coins of the house for an order that is due",
        Setup(max_wait=600),
        *(buy(0, ABAN, 1_033), Work(), buy(1, ABAN, 50), after(580, 20, 7)),
    ),
    corner(
        "more large orders than are sealed at once, all due",
        Setup(max_wait=600),
        *(crowd(25, BTC, 1_100), Pass(seconds=580), after(20, 7)),
    ),
    corner(
        "more than the exchange sells at once, and once more when all of it is due",
        Setup(max_wait=600),
        *(crowd(90, ETH, 999), Work(), after(7)),
        *(crowd(90, ETH, 999), Pass(seconds=580), after(20, 7)),
    ),
    corner(
        "so small that as many as are sealed at once are too few",
        Setup(batch_limit=20),
        *(crowd(30, BTC, 20), buy(0, BTC, 495), Work(), after(7)),
        *(crowd(25, BTC, 45), after(20), crowd(20, BTC, 1), buy(1, BTC, 2_000), after(20, 7)),
    ),
    corner(
        "a price that moves between two attempts",
        Setup(spread_bps=133),
        *(OLD_RULES, buy(0, BTC, 600), buy(1, BTC, 600), Work()),
        *(Price(asset=BTC, ppm=1_050_000), after(2)),
        *(OLD_RULES, buy(2, BTC, 700), buy(0, BTC, 2_000), Work()),
        *(Price(asset=BTC, ppm=1_025_000), buy(1, BTC, 300), after(2)),
        *(OLD_RULES, buy(3, ETH, 600), Price(asset=ETH, ppm=1_019_000), buy(2, ETH, 600), Work()),
        *(Price(asset=ETH, ppm=1_015_000), after(2)),
    ),
    corner(
        "a large order that is due while those it took along are not",
        Setup(max_wait=600),
        *(buy(0, BTC, 2_000), Halt(asset=BTC), Pass(seconds=400), Halt(asset=BTC, halted=False)),
        *(buy(1, BTC, 900), buy(2, BTC, 450), OLD_RULES, Work(), after(200, 200, 200)),
    ),
    corner(
        "little room in the inventory, and purchases under way",
        Setup(inventory_cap=1),
        *(
            steps(
                *(buy(0, ABAN, 603 + number), buy(1, ABAN, 605), Freeze(asset=ABAN)),
                *(buy(0, ABAN, 611), buy(1, ABAN, 617), Freeze(asset=ABAN)),
                *(buy(2, ABAN, 513), buy(3, ABAN, 519), Work(), Wake(), Wake(), *after(7)),
            )
            for number in range(5)
        ),
    ),
    corner(
        "coins of the inventory promised, freed and used, fees in coin",
        Setup(inventory_cap=2, fee_in="coin"),
        *(
            steps(
                *(buy(0, ABAN, 1_033), Work(), buy(1, ABAN, 1_041), OUT_OF_FUNDS, Work()),
                *(Pass(seconds=1), buy(2, ABAN, 700), Work(), buy(3, ABAN, 1_500)),
                *(Answer(kind="lost_before"), Work(), buy(0, ABAN, 1_100), Work(), *after(36, 3)),
            )
            for _ in range(3)
        ),
    ),
    corner(
        "settlements and seals of one asset at once",
        Setup(),
        *(
            steps(
                *(buy(0, ABAN, 1_533), buy(1, ABAN, 1_777), Freeze(asset=ABAN)),
                Together(steps=(Wake(), Wake(), buy(2, ABAN, 1_031), Work())),
                *(Work(), *after(7)),
            )
            for _ in range(6)
        ),
    ),
    corner(
        "cancelled while it is sealed",
        Setup(),
        *(
            steps(
                *(buy(0, BTC, 600), buy(1, BTC, 600)),
                *(Together(steps=(Cancel(order=number % 2), Work(workers=2))), Work()),
            )
            for number in range(8)
        ),
    ),
    corner(
        "too little for all",
        Setup(spread_bps=133, fee_in="other"),
        *(
            steps(
                *(buy(0, asset, 311), buy(1, asset, 523), buy(2, asset, 2_011)),
                *(Answer(kind="part", fraction_ppm=123_456, trades=3), Work(), *after(7)),
                *(buy(0, asset, 311), buy(1, asset, 523), buy(2, asset, 411)),
                *(Answer(kind="part", fraction_ppm=654_321), Work(), *after(7)),
                *(buy(0, asset, 311), buy(2, asset, 2_011), Answer(kind="zero"), Work()),
                Buy(person=3, asset=asset, aim=Aim.THRESHOLD, plus=525, units=12_345),
                *(Buy(person=3, asset=asset, plus=411, units=1), Work(), *after(7)),
            )
            for asset in (BTC, ABAN, ETH)
        ),
    ),
    corner(
        "told twice, and executed after it was given up",
        Setup(),
        *(buy(0, BTC, 2_000), Answer(kind="duplicate", trades=2), Work(), after(7)),
        *(buy(1, BTC, 2_000), Answer(kind="lost_before"), Work(), after(36, 2)),
        *(buy(2, BTC, 2_000), Answer(kind="reject", rejection="final"), Work()),
        *(Late(attempt=0), Late(attempt=0), Work(), buy(3, BTC, 700), buy(2, BTC, 700), Work()),
        *(buy(3, BTC, 2_000), Answer(kind="reject", rejection="final"), Work()),
        *(Pass(seconds=1_500), Late(), Late(attempt=1)),
        *(Answer(kind="reject", rejection="final"), buy(1, ETH, 2_000), Work()),
        *(Pass(seconds=3_600), Late(), Work(), Speak(), Answer(kind="lost_before")),
        *(buy(0, ABAN, 2_000), Work(), after(36), Late(fraction_ppm=0), Work(), after(7)),
    ),
    corner(
        "old prices, and clocks that are ahead and behind",
        Setup(),
        *(buy(0, BTC, 600), Pass(seconds=180, fresh=False), buy(1, BTC, 500), Work()),
        *(buy(0, BTC, 600), buy(1, BTC, 500), Pass(seconds=1, fresh=False), Work()),
        *(buy(1, BTC, 500), Pass(seconds=1), Clock(process=1, offset_ms=2_500)),
        *(buy(2, BTC, 2_000), Work(), after(7), Clock(process=1, offset_ms=0), after(7)),
        *(Clock(process=1, offset_ms=-2_400), Price(asset=BTC, ppm=1_010_000), buy(3, BTC, 700)),
    ),
    corner(
        "to the cent, and the same key again",
        Setup(),
        *(Deposit(person=0, cents=500, key=1), Repeat(command=0), Repeat(command=0, changed=True)),
        *(Deposit(person=3, cents=cents) for cents in (0, 1_000_000_000, 1_000_000_001)),
        Withdraw(person=3, plus=1_000_000_000),
        *(Deposit(person=1, cents=500, key=1), Withdraw(person=1, plus=1, key=1)),
        *(Buy(person=2, asset=BTC, plus=700, key=2), Repeat(command=2), Repeat(command=4)),
        *(Withdraw(person=0, aim=Aim.BALANCE, plus=1), Withdraw(person=0, aim=Aim.BALANCE)),
        *(Buy(person=1, asset=ABAN, aim=Aim.BALANCE, plus=1), Work()),
        *(buy(1, ABAN, 300), Refuse(), Cancel(order=-1), Refuse(), buy(1, ABAN, 300)),
        *(Together(steps=(same, same, same)) for same in _KEYED),
        *(
            Together(
                steps=(
                    Buy(person=person, asset=ETH, aim=Aim.BALANCE),
                    Withdraw(person=person, aim=Aim.BALANCE),
                    Buy(person=person, asset=BTC, aim=Aim.BALANCE, plus=-1),
                )
            )
            for person in (1, 2, 3)
        ),
        *(Work(), after(7), Refuse(), Deposit(person=0, cents=2_000), Refuse(), buy(0, BTC, 1_500)),
        *(Refuse(), Work()),
    ),
    *MARKET_CORNERS,
    *LIMIT_CORNERS,
    *SILENCE_CORNERS,
    *CRASH_CORNERS,
)
