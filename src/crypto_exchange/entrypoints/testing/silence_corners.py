"""Silence corners: what the exchange does not tell, and what a worker hears too late."""

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
    Answer,
    Clock,
    Down,
    Freeze,
    Pass,
    Rule,
    Setup,
    Silent,
    Speak,
    Standing,
    Wake,
    Work,
)

_OLD_RULES = Answer(kind="reject", rejection="rules")
_NO_RULES, _NO_CLOCK = Down(what=Silent.RULES), Down(what=Silent.CLOCK)
_RULES, _CLOCK = Down(down=False, what=Silent.RULES), Down(down=False, what=Silent.CLOCK)
_ANSWERS = (
    Answer(kind="fill"),
    Answer(kind="zero"),
    Answer(kind="lost_before"),
    *(Answer(kind="reject", rejection=kind) for kind in ("venue", "rules", "final")),
)


def _heard_late(answer: Answer) -> Corner:
    """An answer that a worker writes when others have proven absence and tried again, asked, or given
    up asking.
    """
    ask, send = Freeze(asset=BTC, after=Standing.LOOK_UP), Freeze(asset=BTC, after=Standing.ANSWER)
    return corner(
        f"heard too late: {answer.rejection or answer.kind}",
        Setup(quarantine=3_600),
        *(answer, buy(0, BTC, 2_000), send, after(36), Answer(kind="lost_after"), after(2)),
        *(Wake(), after(7, 36)),
        *(answer, buy(1, BTC, 1_500), send, ask, after(36), Answer(kind="lost_before"), after(2)),
        *(ask, Wake(), Wake(), after(40), Wake(), after(7, 36)),
        *(Answer(kind="lost_before"), buy(2, BTC, 1_700), Work(), Pass(seconds=36), ask, answer),
        *(after(1, 2), Wake(), after(7, 40)),
        *(answer, buy(3, BTC, 1_900), send, ask, Down(), Pass(seconds=3_601, fresh=False), Work()),
        *(Down(down=False), Wake(frozen=1), Wake(), Work(), Speak(), after(7, 36)),
    )


SILENCE_CORNERS = (
    *(_heard_late(answer) for answer in _ANSWERS),
    corner(
        "proven absent twice, and only then rejected by the rules",
        Setup(),
        *(Answer(kind="lost_before"), Answer(kind="lost_before"), _OLD_RULES),
        *(buy(0, BTC, 2_000), Work(), after(36, 2, 36, 4, 5, 9)),
    ),
    corner(
        "asked when absence is proven, heard when an operator has it",
        Setup(quarantine=3_600),
        *(Answer(kind="lost_before"), buy(0, BTC, 2_000), Work(), Pass(seconds=36)),
        *(Freeze(asset=BTC, after=Standing.LOOK_UP), Down(), Pass(seconds=3_601, fresh=False)),
        *(Work(), Wake(), Down(down=False), Work(), Speak(), after(7)),
    ),
    corner(
        "looked at while its sender may still tell",
        Setup(),
        *(buy(0, BTC, 2_000), Freeze(asset=BTC), Work(), after(1, 3), Wake(), after(1, 7)),
        *(buy(1, ETH, 2_000), Freeze(asset=ETH, after=Standing.ANSWER), after(4), Wake()),
        *(_OLD_RULES, buy(2, ABAN, 2_000), Work(), Pass(seconds=1)),
        *(Answer(kind="lost_before"), Work(), after(4, 1, 36)),
    ),
    corner(
        "silent for so long that nobody asks often, and heard at once",
        Setup(),
        *(
            steps(
                *(Answer(kind=kind), buy(0, asset, 2_000), Work(), Down()),
                *(*after(*[30] * 7), Down(down=False), *after(16)),
            )
            for kind in ("lost_after", "lost_before")
            for asset in (BTC, ETH)
        ),
    ),
    corner(
        "silent for hours, and nothing is left to an operator before its time",
        Setup(),
        *(Answer(kind="lost_after"), buy(0, BTC, 2_000), Work(), Down()),
        *(after(3 * 3_600, 20 * 3_600), Down(down=False), after(16)),
    ),
    corner(
        "silent for longer than the exchange remembers",
        Setup(reach=7_200),
        *(Answer(kind="lost_after"), buy(0, BTC, 2_000), Work(), Down(), after(3_600, 3_601)),
        *(after(16), Down(down=False), Speak(), after(7)),
    ),
    corner(
        "a price from the future, as far as clocks may differ, and farther",
        Setup(),
        *(
            steps(Clock(process=0, offset_ms=offset_ms), buy(0, BTC, 700), buy(1, ETH, 2_000))
            for offset_ms in (-1, -5_000, -5_001)
        ),
        *(Clock(process=0, offset_ms=0), Work(), after(7)),
    ),
    corner(
        "rules that cannot be read when they should be",
        Setup(max_wait=600),
        *(
            steps(
                *(Rule(asset=asset, lots=7, told=False), buy(0, asset, 2_000), Work(), _NO_RULES),
                *(*after(1, 2, 4), _RULES, *after(10), Rule(asset=asset)),
            )
            for asset in (BTC, ETH)
        ),
        *(_OLD_RULES, buy(0, BTC, 2_000), Work(), _NO_RULES, Pass(seconds=600), Work(), _RULES),
    ),
    corner(
        "nothing is signed while the clock of the exchange is not known",
        Setup(max_wait=600),
        *(_NO_CLOCK, buy(0, BTC, 2_000), buy(1, ETH, 600), buy(2, ETH, 600), Work(), after(10)),
        *(_CLOCK, Work(), Answer(kind="lost_before"), buy(0, BTC, 2_000), Work(), _NO_CLOCK),
        *(after(36, 2), _CLOCK, after(7), _NO_CLOCK, buy(3, ETH, 600), after(600), _CLOCK),
    ),
    corner(
        "an asset halted by a quarantine is not sold by what is near by",
        Setup(quarantine=600),
        *(
            steps(
                *(Answer(kind="lost_after"), buy(0, asset, 2_000), Work(), Down()),
                *(Pass(seconds=601, fresh=False), Work(), buy(1, asset, 700)),
                *(Down(down=False), Speak(), *after(7)),
            )
            for asset in (BTC, ABAN)
        ),
    ),
)
