"""Examples of refusals: what a call answers, for each code that it declares, in the very words."""

from __future__ import annotations

from crypto_exchange.domain.api_key import Scope, TooManyKeys, find_excess
from crypto_exchange.domain.closing import AccountNotEmpty
from crypto_exchange.domain.errors import (
    AccountFrozen,
    AmountTooLarge,
    AmountTooSmall,
    AssetHalted,
    Denied,
    DomainError,
    Forbidden,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidAmount,
    InvalidCode,
    InvalidCredentials,
    InvalidCursor,
    InvalidField,
    NotFound,
    PriceStale,
    SecondFactorActive,
    StepUpRequired,
    TooLate,
    Unauthenticated,
    UnknownAsset,
    UsernameTaken,
    WrongState,
)
from crypto_exchange.domain.limits import Limit
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.user import Role
from crypto_exchange.entrypoints.http.limits import tell_refusal
from crypto_exchange.entrypoints.http.operations import Operation
from crypto_exchange.entrypoints.http.problems import (
    INTERNAL_ERROR,
    UNAVAILABLE,
    Problem,
    describe,
    find_field,
)

_DETAILS = {
    "malformed_json": "body: expected JSON, was empty",
    "invalid_host": "Host: expected the name of this service, was another one",
    "body_too_large": "body: expected at most 65536 bytes, was more",
    "unsupported_media_type": "Content-Type: expected application/json, was 'text/plain'",
    "internal_error": INTERNAL_ERROR,
    "unavailable": UNAVAILABLE,
}


def give_example(call: Operation, code: str) -> Problem:
    """Problem details as the call may answer them with this code."""
    if code == "rate_limited":
        limit = Limit(call.counted[-1], 3, 60 * SECOND_US)
        return describe(code, tell_refusal(limit, 41 * SECOND_US))
    error = _refusals(call).get(code)
    if error is None:
        return describe(code, _DETAILS[code])
    return describe(code, str(error), find_field(error))


def _refusals(call: Operation) -> dict[str, DomainError]:
    thing = call.tag.removesuffix("s") if "{id" in call.path else "wallet"
    if "{session_id" in call.path:
        thing = "session"
    if "{key_id" in call.path:
        thing = "API key"
    name, remedy = ("refresh", "log in again") if call.public else ("access", "renew it")
    dollars = "a positive number of whole cents"
    field = call.request.__struct_fields__[0] if call.request else "limit"
    was = ("a value", "missing") if call.request else ("one integer from 1 to 200", "'0'")
    errors = (
        AccountNotEmpty("100.00 USD in the wallet"),
        AccountFrozen(),
        AmountTooLarge("amount", "10000000.00", "10000000.01"),
        AmountTooSmall("spend", "0.00000001 BTC", "0.01"),
        AssetHalted("BTC"),
        Denied(queued=True),
        _forbidden(call),
        IdempotencyKeyReused("my-key-1"),
        InsufficientFunds(100 * DOLLAR, 12 * DOLLAR),
        InvalidCode(),
        InvalidAmount("amount", dollars, "0.00"),
        InvalidCredentials(),
        InvalidCursor("abc"),
        InvalidField(field, *was),
        NotFound(thing, 7),
        PriceStale("BTC", 200_000_000),
        SecondFactorActive(),
        StepUpRequired(),
        TooLate(7, "completed"),
        TooManyKeys(),
        Unauthenticated(
            f"{name} token: expected one that is still good, was one past its time; {remedy}"
        ),
        UnknownAsset("NOPE"),
        UsernameTaken("alice"),
        WrongState(f"{thing} 7", "one that is active", "one that is frozen"),
    )
    return {error.code: error for error in errors}


def _forbidden(call: Operation) -> DomainError:
    """To whom it is: somebody without the role that it needs, or a key without the scope."""
    others = frozenset(scope for scope in Scope if scope is not call.scope)
    if call.role is Role.USER and (excess := find_excess(others, call.scope)):
        return excess
    return Forbidden(f"role {call.role.value}", "role user")
