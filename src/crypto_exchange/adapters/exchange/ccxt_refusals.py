"""What a refusal of a new order means at the exchanges that ccxt speaks to.

Definite is only what a table lists by code and beginning of the message, as the exchange itself wrote
them; ccxt's classes of errors decide nothing, because they mix both. Left out on purpose: whatever an
exchange says while it does not know itself (busy, timeout, internal error) and every complaint about a
name that was used before: something exists under it.

Codes: docs.kraken.com/api/docs/guides/global-intro, okx.com/docs-v5 (error code), bybit-exchange
.github.io/docs/v5/error, kucoin.com/docs-new/error-code, docs.cdp.coinbase.com (error responses).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from crypto_exchange.adapters.exchange import binance_refusals
from crypto_exchange.adapters.exchange.binance_wire import Refusal
from crypto_exchange.domain.purchase import Rejected, RejectionKind

_VENUE, _RULES, _FINAL = RejectionKind.VENUE, RejectionKind.RULES, RejectionKind.FINAL

Path = tuple[str | int, ...]


class Row(NamedTuple):
    """Messages with this code that begin like this mean that; the first row that fits counts."""

    code: str
    beginning: str
    kind: RejectionKind


class Told(NamedTuple):
    """The exchange's own words."""

    code: str
    message: str


class Refusals(msgspec.Struct, frozen=True):
    """Where one exchange's answer has code and message, and which of them are definite.

    The first pair of paths with a code counts. A code without a path for its message holds both, with
    a colon between.
    """

    paths: tuple[tuple[Path, Path | None], ...] = ()
    table: tuple[Row, ...] = ()


def classify(refusals: Refusals, status: int, answer: object) -> tuple[Told, Rejected | None]:
    """What an exchange said, and the rejection that it surely is, or None: unknown.

    With HTTP 408 or 5xx no exchange knows.
    """
    told = _read(refusals, answer)
    if status == 408 or not 200 <= status < 500:
        return told, None
    for row in refusals.table:
        if row.code == told.code and told.message.startswith(row.beginning):
            return told, Rejected(kind=row.kind, code=told.code, message=told.message)
    return told, None


def classify_binance(status: int, answer: object) -> tuple[Told, Rejected | None]:
    """The same for Binance's protocol, by the table of our own adapter."""
    told = _read(BINANCE, answer)
    if not 400 <= status < 500 or status == 408 or not told.code.lstrip("-").isdigit():
        return told, None
    return told, binance_refusals.classify(Refusal(code=int(told.code), msg=told.message))


def _read(refusals: Refusals, answer: object) -> Told:
    for code_path, message_path in refusals.paths:
        code = _follow(answer, code_path)
        if code and message_path is None:
            return Told(*code.partition(":")[::2])
        if code and message_path is not None:
            return Told(code, _follow(answer, message_path))
    return Told("", "")


def _follow(answer: object, path: Path) -> str:
    """The text or number at a path, or nothing; a list that is entered must have no second entry."""
    for step in path:
        if isinstance(answer, Mapping):
            answer = answer.get(step)
        elif isinstance(answer, Sequence) and not isinstance(answer, str) and len(answer) == 1:
            answer = answer[0]
        else:
            return ""
    return str(answer) if isinstance(answer, str | int) and not isinstance(answer, bool) else ""


def _rows(kind: RejectionKind, *codes: str) -> tuple[Row, ...]:
    """Rows of codes that mean one thing whatever the message; `code|beginning` restricts one."""
    return tuple(Row(*code.partition("|")[::2], kind) for code in codes)


BINANCE = Refusals(paths=((("code",), ("msg",)),))

KRAKEN = Refusals(
    paths=((("error", 0), None),),
    table=(
        *_rows(_VENUE, "EOrder|Insufficient funds", "EOrder|Rate limit exceeded"),
        *_rows(_VENUE, "EOrder|Orders limit exceeded", "EOrder|Positions limit exceeded"),
        *_rows(_VENUE, "EAPI|Invalid key", "EAPI|Invalid signature", "EAPI|Invalid nonce"),
        *_rows(_VENUE, "EAPI|Rate limit exceeded", "EGeneral|Permission denied"),
        *_rows(_VENUE, "EGeneral|Temporary lockout", "EQuery|Unknown asset pair"),
        *_rows(_VENUE, "EService|Market in cancel_only mode"),
        *_rows(_VENUE, "EService|Market in post_only mode"),
        *_rows(_VENUE, "EService|Market in limit_only mode"),
        *_rows(_VENUE, "EService|Market in maintenance mode"),
        *_rows(_RULES, "EOrder|Order minimum not met", "EOrder|Cost minimum not met"),
        *_rows(_RULES, "EGeneral|Invalid arguments:volume"),
    ),
)

OKX = Refusals(
    paths=((("data", 0, "sCode"), ("data", 0, "sMsg")), (("code",), ("msg",))),
    table=(
        *_rows(_VENUE, "51008", "51010", "51155", "51001", "51021", "51028"),
        *_rows(_VENUE, "50011", "50100", "50101", "50102", "50103", "50104", "50105"),
        *_rows(_VENUE, "50110", "50111", "50112", "50113", "50114"),
        *_rows(_RULES, "51020", "51121", "51201", "51202", "51203"),
        *_rows(_FINAL, "51000"),
    ),
)

BYBIT = Refusals(
    paths=((("retCode",), ("retMsg",)),),
    table=(
        *_rows(_VENUE, "170131", "170121", "170033", "170348"),
        *_rows(_VENUE, "10002", "10003", "10004", "10005", "10006", "10010", "10018", "33004"),
        *_rows(_RULES, "170124", "170135", "170136", "170137", "170140"),
        *_rows(_FINAL, "170130"),
    ),
)

KUCOIN = Refusals(
    paths=((("code",), ("msg",)),),
    table=(
        *_rows(_VENUE, "200004", "230003", "900001", "400001", "400002", "400003", "400004"),
        *_rows(_VENUE, "400005", "400006", "400007", "411100", "429000"),
        *_rows(_RULES, "400100|Order size", "400100|The order funds", "400100|The quantity"),
    ),
)

COINBASE = Refusals(
    paths=(
        (("error_response", "error"), ("error_response", "message")),
        (("error",), ("message",)),
    ),
    table=(
        *_rows(_VENUE, "INSUFFICIENT_FUND", "INSUFFICIENT_FUNDS", "INVALID_NO_LIQUIDITY"),
        *_rows(_VENUE, "INVALID_PRODUCT_ID", "INVALID_LEDGER_BALANCE", "PERMISSION_DENIED"),
        *_rows(_RULES, "INVALID_SIZE_PRECISION", "INVALID_MARKET_ORDER_SIZE"),
        *_rows(_FINAL, "UNSUPPORTED_ORDER_CONFIGURATION"),
    ),
)
