"""Scripts: short stories that every run begins with, so that none misses an edge. Steps of `HttpMachine`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from crypto_exchange.entrypoints.testing.http.refusals import BAD

Script: TypeAlias = tuple[tuple[str, Mapping[str, object]], ...]


def _arrive(first: int, second: int) -> tuple[str, Mapping[str, object]]:
    return "arrive", {"first": first, "second": second}


def _spend(
    aim: str, plus: int = 0, cents: int = 0, **others: object
) -> tuple[str, dict[str, object]]:
    base = {"who": 0, "coin": 0, "aim": aim, "plus": plus, "cents": cents, "keyed": True}
    return "spend", {**base, **others}


def _order(coin: int, plus: int, cents: int) -> tuple[str, Mapping[str, object]]:
    _, drawn = _spend("some", plus, cents)
    return "order", {**drawn, "coin": coin}


def _withdraw(plus: int, *, keyed: bool = True) -> tuple[str, Mapping[str, object]]:
    return "withdraw", {"who": 0, "aim": "balance", "plus": plus, "cents": 0, "keyed": keyed}


def _look(who: int = 0, limit: int = 200) -> tuple[str, Mapping[str, object]]:
    return "look", {"who": who, "limit": limit}


def _at(step: str, place: int = -1) -> tuple[str, Mapping[str, object]]:
    return step, {"who": 0, "place": place}


def _repeat(spelling: str) -> tuple[str, Mapping[str, object]]:
    return "repeat", {"who": 0, "place": -1, "spelling": spelling}


_WAIT: tuple[str, Mapping[str, object]] = ("wait", {"who": 0})
_DEPOSIT = ("deposit", {"who": 0, "cents": 333, "keyed": True})

SCRIPTS: tuple[Script, ...] = (
    (_arrive(999, 1), _look(), _withdraw(1), _withdraw(0), _look(), _DEPOSIT, _look()),
    (
        _arrive(1_000, 1),
        ("knock", {"who": 0}),
        *(("refuse", {"who": 0, "coin": 0, "bad": bad}) for bad in BAD),
        _look(),
    ),
    (_arrive(3_000, 1), _spend("threshold", -1), _spend("threshold"), _look(), _WAIT),
    (_arrive(1_234, 1), _spend("balance", 1), _spend("balance"), _look(), _WAIT),
    (
        _arrive(777, 1),
        _spend("some", 0, 51, coin=2),
        _look(),
        _at("cancel"),
        _look(),
        _at("cancel"),
    ),
    (
        _arrive(5_001, 1),
        _order(1, 0, 1_700),
        _order(0, 1, 1_001),
        _order(2, -1, 7),
        _look(limit=2),
        _WAIT,
    ),
    (_arrive(3_000, 1), _spend("some", 0, 211), _repeat("number"), _look(), _at("change"), _look()),
    (_arrive(2_000, 1), _DEPOSIT, _repeat("string"), _repeat("zeros"), _at("change"), _look()),
    (_arrive(2_000, 1_000), _spend("some", 0, 120), ("use_elsewhere", {"who": 0}), _look(1)),
    (_arrive(100, 1), ("retry_refused", {"who": 0}), _look()),
    (_arrive(2_500, 1), ("race_with_a_key", {"who": 0, "coin": 0, "cents": 400}), _look()),
    (_arrive(450, 1), ("race_for_dollars", {"who": 0, "coin": 1}), _look()),
    (_arrive(800, 1), _spend("some", 0, 49, coin=2), _at("race_to_cancel"), _look()),
    (_arrive(1_500, 1_500), _spend("some", 0, 199), _at("pry"), _look(), _look(1)),
    (
        _arrive(1_500, 1_500),
        _spend("some", 0, 333, coin=1),
        _spend("some", 0, 250, coin=1, who=1, keyed=False),
        _spend("missing", coin=1),
        _look(limit=1),
        _look(1, limit=1),
    ),
)
