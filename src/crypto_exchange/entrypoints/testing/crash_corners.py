"""Crash corners: a process ends at each point of its work, and a store's answers get lost."""

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
    COMMAND_CRASHES,
    WORKER_CRASHES,
    Aim,
    Answer,
    AnyStep,
    Buy,
    Cancel,
    Deposit,
    Pass,
    Refuse,
    Repeat,
    Setup,
    Withdraw,
    Work,
)

_VENUE, _RULES, _FINAL = (
    Answer(kind="reject", rejection=rejection) for rejection in ("venue", "rules", "final")
)
_LEADS_TO = {
    "return": _VENUE,
    "reject": _RULES,
    "retry": _RULES,
    "refund": _FINAL,
    "lose": Answer(kind="lost_before"),
    "give_up": Answer(kind="lost_before"),
    "resolve": Answer(kind="lost_after"),
}


def _worker(group: str) -> Corner:
    """At each point of a kind of work, again and again, then undisturbed."""
    points = [name for name in WORKER_CRASHES if name.startswith(group)]
    waits = 600 if group == "expire" else 36
    return corner(
        f"a worker ends when it should {group}",
        Setup(max_wait=600),
        *(
            steps(
                _LEADS_TO.get(group, Answer(kind="fill")),
                *(buy(number, BTC, 2_000), buy(number, ETH, 300), Work(crash=point)),
                *(Pass(seconds=waits), Work(crash=point), Pass(seconds=2), Work(crash=point)),
                *after(7, 36, 40),
            )
            for number, point in enumerate(points)
        ),
    )


def _command(number: int, point: str) -> list[AnyStep]:
    person, key = number % 4, 3 * number
    return steps(
        Deposit(person=person, cents=700, key=key, crash=point),
        Withdraw(person=person, plus=300, key=key + 1, crash=point),
        Buy(person=person, asset=ABAN, plus=400, key=key + 2, crash=point),
        *(Repeat(command=command) for command in (-1, -2, -3)),
        Cancel(order=-1, crash=point),
        Work(),
    )


CRASH_CORNERS = (
    *(_worker(group) for group in dict.fromkeys(name.split(".")[0] for name in WORKER_CRASHES)),
    corner(
        "a command ends at each of its points, and is sent again",
        Setup(),
        *(_command(number, point) for number, point in enumerate(COMMAND_CRASHES)),
        *(after(7), Buy(person=3, asset=BTC, aim=Aim.BALANCE), Work(), after(7)),
    ),
    corner(
        "written, but the answer got lost",
        Setup(),
        *(
            steps(
                *(Refuse(written=True), Buy(person=number, asset=BTC, plus=cents, key=number)),
                *(Repeat(command=-1), Refuse(written=True), Work(), Pass(seconds=7)),
                *(Refuse(written=True), Work(), *after(36, 2)),
            )
            for number, cents in enumerate((600, 700, 2_000, 1_000))
        ),
    ),
)
