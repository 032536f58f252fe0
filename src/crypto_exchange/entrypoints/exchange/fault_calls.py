"""The tester's calls at `/paper/faults`, unsigned: order faults, list them, take them back."""

import re
from collections.abc import Callable
from decimal import Decimal

import msgspec

from crypto_exchange.entrypoints.exchange.failures import unsupported
from crypto_exchange.entrypoints.exchange.faults import GROUPS, KINDS, NEW_ORDER, Fault, Kind
from crypto_exchange.entrypoints.exchange.replies import Reply, reply
from crypto_exchange.entrypoints.exchange.routes import ROUTES
from crypto_exchange.entrypoints.exchange.venue import Venue

FAULTS = "/paper/faults"

_MOST = 10**9
_LONGEST_MS = 24 * 60 * 60 * 1000


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of an order for a fault; what is not there has its kind's default."""

    kind: str
    symbol: str | None = None
    path: str | None = None
    count: int | None = None
    after_ms: int | None = None
    seed: int = 0
    fraction: Decimal | None = None
    code: int | None = None
    msg: str | None = None


def answer(
    venue: Venue, method: str, path: str, body: bytes, restart: Callable[[int], None]
) -> Reply:
    """Answer one call; `restart` is called for a restart that waits for no call."""
    single = re.fullmatch(rf"{FAULTS}/([0-9]{{1,18}})", path.rstrip("/"))
    if single is None and path.rstrip("/") != FAULTS:
        raise unsupported(404)
    if single is not None and method == "DELETE":
        found = venue.faults.remove(int(single[1]))
        return Reply(204, b"") if found else _wrong(404, f"There is no fault {single[1]}.")
    if single is None and method == "DELETE":
        venue.faults.remove()
        return Reply(204, b"")
    if single is None and method == "GET":
        return reply(200, venue.faults.in_force(venue.now_ms()))
    if single is None and method == "POST":
        return _add(venue, body, restart)
    raise unsupported(405, ("DELETE",) if single else ("GET", "POST", "DELETE"))


def _add(venue: Venue, body: bytes, restart: Callable[[int], None]) -> Reply:
    try:
        fault = read_fault(body, venue)
    except (msgspec.MsgspecError, ValueError) as error:
        return _wrong(400, f"{str(error).rstrip('.')}.")
    venue.faults.add(fault)
    if fault.kind == "restart" and fault.path is None and fault.symbol is None:
        fault.meet()
        venue.faults.remove(fault.id)
        restart(fault.after_ms or 0)
    return reply(201, fault)


def _wrong(status: int, sentence: str) -> Reply:
    return reply(status, {"msg": sentence})


def read_fault(body: bytes, venue: Venue) -> Fault:
    """The fault that is wished for, with its defaults; `ValueError` with one sentence."""
    wish = msgspec.json.decode(body, type=Wish)
    kind = KINDS.get(wish.kind)
    if kind is None:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, it is {wish.kind!r}")
    _check_range("count", wish.count, 1, _MOST)
    _check_range("after_ms", wish.after_ms, 0, _LONGEST_MS)
    _check_range("seed", wish.seed, -(2**63), 2**63 - 1)
    _check_range("code", wish.code, -99_999, 99_999)
    _check_terms(wish)
    fraction = Decimal("0.5") if wish.kind == "partial_fill" else None
    count = wish.count if kind.standing or wish.count is not None else 1
    return Fault(
        kind=wish.kind,
        symbol=_market(wish.symbol, venue),
        path=_path(wish, kind),
        after_ms=kind.after_ms if wish.after_ms is None else wish.after_ms,
        seed=wish.seed,
        fraction=fraction if wish.fraction is None else wish.fraction,
        code=wish.code,
        msg=wish.msg,
        count=count,
        remaining=count,
        since_ms=venue.now_ms(),
    )


def _check_range(name: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, it is {value}")


def _check_terms(wish: Wish) -> None:
    """Those that only one kind has."""
    if wish.fraction is not None:
        if wish.kind != "partial_fill":
            raise ValueError(
                f"fraction must be given with partial_fill only, it is with {wish.kind}"
            )
        number = wish.fraction if wish.fraction.is_finite() else Decimal(-1)
        if not 0 <= number <= 1 or number != round(number, 8):
            raise ValueError(
                f"fraction must be from 0 to 1 with at most 8 decimals, it is {wish.fraction}"
            )
    for name, value in (("code", wish.code), ("msg", wish.msg)):
        if wish.kind == "reject" and value is None:
            raise ValueError(f"reject must have a {name}, it has none")
        if wish.kind != "reject" and value is not None:
            raise ValueError(f"{name} must be given with reject only, it is with {wish.kind}")


def _market(symbol: str | None, venue: Venue) -> str | None:
    if symbol is None:
        return None
    for market in venue.symbols.values():
        if symbol in (market.coin, market.name):
            return market.name
    coins = ", ".join(market.coin for market in venue.symbols.values())
    raise ValueError(f"symbol must be one of {coins} or its market, it is {symbol!r}")


def _path(wish: Wish, kind: Kind) -> str | None:
    if wish.path is None:
        return kind.path
    if kind.standing:
        raise ValueError(f"{wish.kind} must have no path, it has {wish.path!r}")
    if kind.for_new_orders:
        if wish.path not in ("orders", NEW_ORDER, NEW_ORDER.split()[1]):
            raise ValueError(
                f"The path of {wish.kind} must be orders or {NEW_ORDER}, it is {wish.path!r}"
            )
        return NEW_ORDER
    calls = {f"{method} {path}" for path, methods in ROUTES.items() for method in methods}
    if wish.path not in (*GROUPS, *ROUTES, *calls):
        raise ValueError(
            f"path must be {', '.join(GROUPS)} or a call such as {NEW_ORDER}, it is {wish.path!r}"
        )
    return wish.path
