"""What becomes of a purchase that meets a fault of the exchange: rows that a test runs and a document shows.

`tests/integration/test_fault_matrix.py` runs each against a paper exchange, `make docs` writes them
into docs/fault-matrix.md.
"""

import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple


class Moment(enum.Enum):
    """Where the purchase stands when it meets the fault."""

    SUBMITTING = "submitting"
    """The order call meets it."""
    UNKNOWN = "unknown"
    """The order call got no answer; the look-ups meet it."""
    NOT_PLACED = "not_placed"
    """The first attempt provably never arrived; the order call of the second meets it."""
    GIVEN_UP = "given up"
    """The first attempt was given up and is executed after all; the look-ups after it meet it."""
    QUARANTINED = "quarantined"
    """The look-ups met it for more than a day."""


class Case(NamedTuple):
    """One row. `fault` is what is ordered at the exchange beside its kind, `patience_s` how long an
    answer is waited for; `bought`: whether the exchange had executed what is looked up.
    """

    kind: str
    happens: str
    follows: str
    moment: Moment = Moment.SUBMITTING
    orders: str = "completed"
    attempts: tuple[str, ...] = ("filled",)
    executed: int = 1
    breaks: tuple[str, ...] = ()
    fault: Mapping[str, object] = {}
    bought: bool = True
    patience_s: float = 5

    @property
    def name(self) -> str:
        """Short and unique."""
        return f"{self.moment.value}: {self.kind}: {self.happens}"


class Blindness(NamedTuple):
    """A fault of look-ups: what happens, and what is ordered for each of their calls."""

    happens: str
    fault: Mapping[str, object] = {}


def refusal(code: int, msg: str, count: int = 1) -> Mapping[str, object]:
    """What is ordered for `reject`."""
    return {"code": code, "msg": msg, "count": count}


AT_ONCE = {"after_ms": 0}
HALF = {"fraction": "0.5"}
AGAIN = ("not_placed", "filled")
REFUSED = ("rejected", "filled")
TOO_LATE_S = 0.8
"""The patience of those that are not to get an answer in time."""

SETTLED = "settled by the answer"
FOUND = "a look-up finds it: settled"
SENT_AGAIN = "proved absent after the window, then sent again under another name"
AT_FAULT = "the exchange is at fault: the members wait again, and the next batch is bought"
REFUNDED = "full refund"
EARLY = "an early answer proves nothing; a later one finds it"
HOUSE_BUYS = "the house buys it into inventory, and a break is recorded"

ON_ORDER_CALLS: tuple[Case, ...] = (
    Case("latency", "executed, answered late", SETTLED, fault={"after_ms": 150}),
    Case(
        "latency",
        "executed, answered when nobody waits any more",
        FOUND,
        fault={"after_ms": 2_500},
        patience_s=TOO_LATE_S,
    ),
    Case("timeout_before", "not executed, HTTP 504", SENT_AGAIN, fault=AT_ONCE, attempts=AGAIN),
    Case("timeout_after", "executed, HTTP 504", FOUND, fault=AT_ONCE),
    Case(
        "timeout_late",
        "HTTP 504, executed later within its window",
        FOUND,
        fault={"after_ms": 300},
    ),
    Case(
        "timeout_late",
        "HTTP 504, its window is over before it would be executed",
        SENT_AGAIN,
        fault={"after_ms": 60_000},
        attempts=AGAIN,
    ),
    Case(
        "late_fill",
        "HTTP 504, executed while its outcome is unknown",
        FOUND,
        fault={"after_ms": 300},
    ),
    Case("http_5xx", "executed, a gateway's error", FOUND, fault={"seed": 1}),
    Case(
        "http_5xx",
        "not executed, a gateway's error",
        SENT_AGAIN,
        fault={"seed": 0},
        attempts=AGAIN,
    ),
    Case("garbage", "executed, the answer is cut off", FOUND, fault={"seed": 0}),
    Case("garbage", "executed, the answer is another page", FOUND, fault={"seed": 2}),
    Case("garbage", "executed, the answer has other types", FOUND, fault={"seed": 1}),
    Case(
        "partial_fill",
        "half of it filled, the rest expires",
        "shared: each is charged for what they got, and refunded the rest",
        fault=HALF,
        orders="partially_completed",
        attempts=("partially_filled",),
    ),
    Case(
        "partial_fill",
        "nothing filled, all expires",
        f"nobody is charged: {REFUNDED}",
        fault={"fraction": "0"},
        orders="failed (unfilled)",
        attempts=("partially_filled",),
        executed=0,
    ),
    Case("partial_fill", "all filled, in several trades", SETTLED, fault={"fraction": "1"}),
    Case(
        "reject",
        "the house is out of funds",
        AT_FAULT,
        fault=refusal(-2010, "Account has insufficient balance for requested action."),
        attempts=REFUSED,
    ),
    Case(
        "reject",
        "a filter that we do not know",
        "our rules are out of date: loaded again, planned again, counted",
        fault=refusal(-1013, "Filter failure: NOTIONAL"),
        attempts=REFUSED,
    ),
    Case(
        "reject",
        "a filter that we do not know, three times",
        f"the third of these refusals ends it: {REFUNDED}",
        fault=refusal(-1013, "Filter failure: NOTIONAL", 3),
        orders="failed (exchange_rejected)",
        attempts=("rejected",) * 3,
        executed=0,
    ),
    Case(
        "reject",
        "malformed",
        f"it would never be accepted: {REFUNDED}",
        fault=refusal(-1102, "Mandatory parameter 'side' was not sent."),
        orders="failed (exchange_rejected)",
        attempts=("rejected",),
        executed=0,
    ),
    Case(
        "reject",
        "a code that our table does not list",
        f"not surely a no, so unknown; {SENT_AGAIN}",
        fault=refusal(-1006, "An unexpected response was received from the message bus."),
        attempts=AGAIN,
    ),
    Case("duplicate_fill", "filled once, listed twice", "counted once, by its trade id"),
    Case("rate_limit", "not executed, HTTP 429", AT_FAULT, attempts=REFUSED),
    Case("halt", "the market is closed", AT_FAULT, fault={"count": 1}, attempts=REFUSED),
    Case(
        "filter_change",
        "larger lots, a larger minimum",
        "refused; the new rules are loaded, a new plan is bought, the rest of a lot is inventory",
        attempts=REFUSED,
    ),
    Case(
        "restart",
        "executed, the connection is cut",
        FOUND,
        fault={"seed": 0, "after_ms": 100},
    ),
    Case(
        "restart",
        "not executed, the connection is cut",
        SENT_AGAIN,
        fault={"seed": 1, "after_ms": 100},
        attempts=AGAIN,
    ),
)

BLINDNESS: dict[str, Blindness] = {
    "latency": Blindness("look-ups are answered when nobody waits any more", {"after_ms": 2_000}),
    "timeout_before": Blindness("look-ups get HTTP 504", AT_ONCE),
    "timeout_after": Blindness("look-ups get HTTP 504", AT_ONCE),
    "http_5xx": Blindness("look-ups get a gateway's error"),
    "garbage": Blindness("look-ups get garbage", {"seed": 1}),
    "reject": Blindness("look-ups are refused", refusal(-1000, "An unknown error occurred.")),
    "rate_limit": Blindness("look-ups get HTTP 429"),
    "restart": Blindness("the connections of look-ups are cut", {"after_ms": 100}),
}


def blind(kind: str, follows: str, moment: Moment) -> Case:
    """A fault that look-ups meet, so that they say nothing."""
    happens, fault = BLINDNESS[kind]
    patience_s = TOO_LATE_S if kind == "latency" else 5
    return Case(kind, happens, follows, moment, fault=fault, patience_s=patience_s)


def _on_look_ups() -> Iterator[Case]:
    for kind in BLINDNESS:
        case = blind(kind, "unknown until they are answered: found, settled", Moment.UNKNOWN)
        yield case._replace(happens=f"executed; {case.happens}")
        yield case._replace(
            happens=f"never executed; {case.happens}",
            follows=f"unknown until they are answered; {SENT_AGAIN}",
            attempts=AGAIN,
            bought=False,
        )
    for case in OTHERS_ON_LOOK_UPS:
        yield case._replace(moment=Moment.UNKNOWN)


OTHERS_ON_LOOK_UPS = (
    Case(
        "reject",
        "executed; the order is said not to exist",
        "the list of orders knows it: settled",
        fault=refusal(-2013, "Order does not exist."),
    ),
    Case("timeout_late", "looked up before it is executed", EARLY, fault={"after_ms": 400}),
    Case("late_fill", "looked up before it is executed", EARLY, fault={"after_ms": 400}),
    Case(
        "partial_fill",
        "half of it filled; the answer got lost",
        "a look-up finds the part: shared, charged and refunded in part",
        fault=HALF,
        orders="partially_completed",
        attempts=("partially_filled",),
        patience_s=TOO_LATE_S,
    ),
    Case(
        "duplicate_fill",
        "filled once, listed twice; the answer got lost",
        "a look-up finds it: counted once",
        patience_s=TOO_LATE_S,
    ),
    Case("halt", "executed; then the market is closed", FOUND, fault={"count": 1}),
    Case(
        "halt",
        "never executed; then the market is closed",
        f"proved absent; {AT_FAULT}",
        fault={"count": 1},
        attempts=("not_placed", *REFUSED),
        bought=False,
    ),
    Case("filter_change", "executed; then the rules change", FOUND),
    Case(
        "filter_change",
        "never executed; then the rules change",
        "proved absent; the next attempt is refused, the one after it knows the rules",
        attempts=("not_placed", *REFUSED),
        bought=False,
    ),
)


def _on_the_second_order_call() -> Iterator[Case]:
    """The first row of each kind, met by the second attempt."""
    kinds: set[str] = set()
    for case in ON_ORDER_CALLS:
        if case.kind not in kinds:
            kinds.add(case.kind)
            yield case._replace(moment=Moment.NOT_PLACED, attempts=("not_placed", *case.attempts))


def _after_giving_up() -> Iterator[Case]:
    late = Case(
        "late_fill",
        "executed after the second attempt",
        HOUSE_BUYS,
        Moment.GIVEN_UP,
        attempts=("late", "filled"),
        executed=2,
        breaks=("late_fill",),
    )
    yield late
    yield late._replace(
        happens="executed after its members left at their deadline",
        follows=f"they stay refunded; {HOUSE_BUYS}",
        orders="failed (deadline)",
        attempts=("late",),
        executed=1,
    )
    for kind in BLINDNESS:
        case = blind(kind, f"asked again until answered; then {HOUSE_BUYS}", Moment.GIVEN_UP)
        yield case._replace(attempts=late.attempts, executed=2, breaks=late.breaks)


AFTER_A_DAY = (
    Case(
        "http_5xx",
        "executed; look-ups fail for more than a day",
        "the asset is halted, nobody is charged or refunded; settled by the operator's word",
        Moment.QUARANTINED,
    ),
    Case(
        "http_5xx",
        "never executed; look-ups fail for more than a day",
        "the asset is halted; by the operator's word sent again, once the asset is resumed",
        Moment.QUARANTINED,
        attempts=AGAIN,
        bought=False,
    ),
)
CASES: tuple[Case, ...] = (
    *ON_ORDER_CALLS,
    *_on_look_ups(),
    *_on_the_second_order_call(),
    *_after_giving_up(),
    *AFTER_A_DAY,
)
"""All rows, by the moment."""


def matrix() -> str:
    """Kinds against moments, as Markdown: in each cell what orders and attempts can become."""
    kinds = dict.fromkeys(case.kind for case in CASES)
    rows = [(f"`{kind}`", *(_cell(kind, moment) for moment in Moment)) for kind in kinds]
    return _table(("fault", *(moment.value for moment in Moment)), rows)


def rows_of(moment: Moment) -> str:
    """The rows of one moment, as Markdown."""
    heads = ("fault", "what happens", "what follows", "orders", "attempts", "executed there")
    rows = [
        (
            f"`{case.kind}`",
            case.happens,
            case.follows,
            case.orders,
            ", ".join(case.attempts),
            str(case.executed),
        )
        for case in CASES
        if case.moment is moment
    ]
    return _table(heads, rows)


def _cell(kind: str, moment: Moment) -> str:
    met = [case for case in CASES if (case.kind, case.moment) == (kind, moment)]
    ways = dict.fromkeys(f"{case.orders}: {', '.join(case.attempts)}" for case in met)
    return "<br>".join(ways) or "–"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
