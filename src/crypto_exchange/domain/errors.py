"""Everything the domain can say no with.

Three trees: `DomainError` is a refusal that a person may cause (stable `code`, typed fields, changes
nothing); `PortError` is a wire that broke or a race that was lost; `InvariantViolation` is a bug.
"""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """A refusal by a rule. Subclasses carry fields; the message says what was expected and was."""

    code: ClassVar[str]


class InvalidField(DomainError):
    """A field is missing, unknown, of the wrong type, or breaks its format."""

    code = "invalid_field"

    def __init__(self, field: str, expected: str, was: str) -> None:
        super().__init__(f"{field}: expected {expected}, was {was}")
        self.field, self.expected, self.was = field, expected, was


class InvalidAmount(DomainError):
    """An amount is zero, negative, not a plain decimal number or has too many decimals."""

    code = "invalid_amount"

    def __init__(self, field: str, expected: str, was: str) -> None:
        super().__init__(f"{field}: expected {expected}, was {was}")
        self.field, self.expected, self.was = field, expected, was


class AmountTooSmall(DomainError):
    """The quantity or total that follows from the request rounds to zero."""

    code = "amount_too_small"

    def __init__(self, field: str, smallest: str, was: str) -> None:
        super().__init__(f"{field}: expected enough to buy at least {smallest}, was {was}")
        self.field, self.smallest, self.was = field, smallest, was


class AmountTooLarge(DomainError):
    """An amount is above the most that one call, or the exchange, takes."""

    code = "amount_too_large"

    def __init__(self, field: str, largest: str, was: str) -> None:
        super().__init__(f"{field}: expected at most {largest}, was {was}")
        self.field, self.largest, self.was = field, largest, was


class UnknownAsset(DomainError):
    """No asset has this symbol."""

    code = "unknown_asset"

    def __init__(self, symbol: str) -> None:
        super().__init__(f"expected the name of a listed crypto-currency, was {symbol[:64]!r}")
        self.symbol = symbol


class AssetHalted(DomainError):
    """The asset cannot be bought now, by an operator's word or the exchange's."""

    code = "asset_halted"

    def __init__(self, symbol: str) -> None:
        super().__init__(f"{symbol}: expected status active, was halted")
        self.symbol = symbol


class PriceStale(DomainError):
    """No price, or one that is too old (or from the future) to quote with."""

    code = "price_stale"

    def __init__(self, symbol: str, age_us: int | None) -> None:
        if age_us is None:
            was = "no price yet"
        elif age_us < 0:
            was = f"a price from {-age_us // 1_000_000} s ahead"
        else:
            was = f"a price {age_us // 1_000_000} s old"
        super().__init__(f"{symbol}: expected a fresh price, was {was}; try again shortly")
        self.symbol, self.age_us = symbol, age_us


class InsufficientFunds(DomainError):
    """The wallet holds less than the command needs.

    The fields are in 10⁻⁸ dollars.
    """

    code = "insufficient_funds"

    def __init__(self, required: int, available: int) -> None:
        super().__init__(
            f"expected at least {_dollars(required)} USD in the wallet, was {_dollars(available)}"
        )
        self.required, self.available = required, available


class TooLate(DomainError):
    """The order can no longer be cancelled."""

    code = "too_late"

    def __init__(self, order_id: int, state: str) -> None:
        super().__init__(f"order {order_id}: expected state aggregated to cancel, was {state}")
        self.order_id, self.state = order_id, state


class UsernameTaken(DomainError):
    """Somebody has this username already, in this or another case."""

    code = "username_taken"

    def __init__(self, username: str) -> None:
        super().__init__(f"username: expected one that nobody has, was {username!r}, a taken one")
        self.username = username


class NotFound(DomainError):
    """There is no such thing, or it belongs to somebody else."""

    code = "not_found"

    def __init__(self, what: str, ident: object) -> None:
        super().__init__(f"expected an existing {what}, was {ident}")
        self.what, self.ident = what, ident


class IdempotencyKeyReused(DomainError):
    """The key was used before, for another command."""

    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Idempotency-Key: expected a new key, or the same command again; {key!r} was used "
            "before for another command"
        )
        self.key = key


class InvalidCredentials(DomainError):
    """Unknown user or wrong password: the same answer for both."""

    code = "invalid_credentials"

    def __init__(self) -> None:
        super().__init__("expected a username and its password, was a pair that nobody has")


class Unauthenticated(DomainError):
    """The token is missing, malformed, expired, revoked or not meant for this use."""

    code = "unauthenticated"


def session_ended() -> Unauthenticated:
    """The refusal of an access token whose session is no more, or of an API key that is none."""
    return Unauthenticated(
        "bearer: expected a live session or API key, was one that has ended; log in again"
    )


class InvalidCode(DomainError):
    """The code of the second factor is wrong, or was used before."""

    code = "invalid_code"

    def __init__(self) -> None:
        super().__init__(
            "code: expected a new one of the authenticator or an unused recovery code, was neither"
        )


class CodesLocked(DomainError):
    """Too many codes were wrong: for a while none is looked at."""

    code = "rate_limited"

    def __init__(self, wait_us: int) -> None:
        self.retry_after_s = wait_us // 1_000_000 + 1
        super().__init__(
            "code: expected one of the first 5 to be right, was none; "
            f"try again in {self.retry_after_s} s"
        )


class StepUpRequired(DomainError):
    """The action needs a code of the second factor, or a login, of a short while before."""

    code = "step_up_required"

    def __init__(
        self,
        why: str = "expected an access token for which a code of the second factor was given within "
        'the last 5 minutes, was none; send {"code"} with it to accounts/auth/mfa/verify/, '
        "and try again with the new one",
    ) -> None:
        super().__init__(why)


class SecondFactorActive(DomainError):
    """There is a second factor already; it is replaced by disabling it first."""

    code = "second_factor_active"

    def __init__(self) -> None:
        super().__init__(
            "expected no confirmed second factor, was one; disable it first, with a code of it"
        )


class Forbidden(DomainError):
    """The bearer may not make this call at all."""

    code = "forbidden"

    def __init__(self, needed: str, was: str) -> None:
        super().__init__(f"expected a bearer with {needed}, was one with {was}")
        self.needed, self.was = needed, was


class WrongState(DomainError):
    """What the call is about is not in a state in which that can be done to it."""

    code = "wrong_state"

    def __init__(self, what: str, expected: str, was: str) -> None:
        super().__init__(f"{what}: expected {expected}, was {was}")
        self.what, self.expected, self.was = what, expected, was


class AccountFrozen(DomainError):
    """The account has been frozen by an operator: it can be looked at, and nothing else."""

    code = "account_frozen"

    def __init__(self) -> None:
        super().__init__("expected an active account, was one that an operator has frozen")


class Denied(DomainError):
    """The fraud rules say no, or that an operator has to look at it first: the text says which."""

    code = "denied"

    def __init__(self, *, queued: bool) -> None:
        what = "expected something that needs no review, was something that "
        super().__init__(
            what
            + ("does; an operator will look at it" if queued else "is refused; try again later")
        )


class InvalidCursor(DomainError):
    """The cursor is not one that a list gave."""

    code = "invalid_cursor"

    def __init__(self, was: str) -> None:
        super().__init__(f"cursor: expected one from a Link header of this list, was {was!r}")
        self.was = was


class PortError(Exception):
    """Something outside the domain failed; nothing is known to be wrong with the request."""


class Conflict(PortError):
    """A row was not as loaded: somebody else committed first. Load and decide again."""


class RequestRepeated(PortError):
    """The idempotency key of this change is stored already. Answer with what it stored."""


class Unavailable(PortError):
    """A service cannot be reached or does not answer in time."""


class OutcomeUnknown(PortError):
    """The exchange may or may not have executed the purchase. Never send it again: look it up."""


class InvariantViolation(Exception):
    """A bug: something that the rules make impossible has happened."""


def _dollars(usd: int) -> str:
    return f"{usd // 10**8}.{usd % 10**8 // 10**6:02d}"
