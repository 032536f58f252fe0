"""The wire: Structs that requests are decoded into, and those that responses are encoded from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from crypto_exchange.domain import money, views
from crypto_exchange.domain.asset import Asset, AssetStatus
from crypto_exchange.domain.order import Order, OrderState, Reason
from crypto_exchange.domain.user import Challenge, Session, TokenPair
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.http import amounts

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = 253_402_300_799_999_999
_PLAIN_TEXT = {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$"}

DollarsIn = Annotated[
    Raw,
    Meta(
        description="Dollars in whole cents, more than 0, at most 10,000,000.00.",
        extra_json_schema={
            "anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 10_000_000}, _PLAIN_TEXT]
        },
    ),
]
QuantityIn = Annotated[
    Raw,
    Meta(
        description="Coins, more than 0, at most 8 decimals and 1,000,000,000.",
        extra_json_schema={
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000},
                _PLAIN_TEXT,
            ]
        },
    ),
]
Dollars = Annotated[
    Raw, Meta(description="Dollars with 2 decimals.", extra_json_schema={"type": "number"})
]
Quantity = Annotated[Raw, Meta(description="Coins, exactly.", extra_json_schema={"type": "number"})]
Price = Annotated[
    Raw,
    Meta(
        description="Dollars for one coin with 2 to 12 decimals.",
        extra_json_schema={"type": "number"},
    ),
]
Instant = Annotated[
    str,
    Meta(
        description="RFC 3339 in UTC, to the microsecond.",
        extra_json_schema={"format": "date-time"},
    ),
]
Symbol = Annotated[str, Meta(description="Symbol of a listed crypto-currency, as BTC.")]
Ident = Annotated[int, Meta(ge=1, lt=2**53)]
Username = Annotated[str, Meta(description="3 to 64 characters of A-Z a-z 0-9 _ . @ -")]
Password = Annotated[
    str, Meta(description="8 to 128 characters", extra_json_schema={"format": "password"})
]

Code = Annotated[
    str, Meta(description="6 digits of the authenticator, or a recovery code; spaces do no harm.")
]


class CredentialsRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Who somebody is."""

    username: Username
    password: Password


class RefreshRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The newest refresh token of a login."""

    refresh: str


class PasswordRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The password until now, and another one; and a code of the second factor, if there is one."""

    password: Password
    new_password: Password
    code: Code | UnsetType = UNSET


class AmountRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars to put into the wallet, or to take out of it."""

    amount: DollarsIn


class OrderRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What to buy: exactly one of `amount` (coins) and `spend` (dollars)."""

    crypto: Symbol
    amount: QuantityIn | UnsetType = UNSET
    spend: DollarsIn | UnsetType = UNSET


class TokenPairResponse(Struct, frozen=True):
    """A short-lived access token, and the refresh token that gets the next pair."""

    access: str
    refresh: str


class LoginResponse(Struct, frozen=True):
    """A pair of tokens; for a user with a second factor, instead of them, a challenge, which is good for
    5 minutes and for `verify` alone.
    """

    access: str | UnsetType = UNSET
    refresh: str | UnsetType = UNSET
    challenge: str | UnsetType = UNSET


class SessionResponse(Struct, frozen=True):
    """A login: when it began, when it was last renewed (or began), when it ends unless it is renewed,
    what its client says of itself, and whether the token of this call belongs to it.
    """

    id: str
    created_at: Instant
    last_used_at: Instant
    expires_at: Instant
    device: str
    current: bool


class WalletResponse(Struct, frozen=True):
    """What can be spent."""

    balance: Dollars
    currency: Literal["USD"]


class HoldingResponse(Struct, frozen=True):
    """Coins of one crypto-currency: what they cost, and their value at the last price, rounded down
    to the cent; null without a price.
    """

    crypto: Symbol
    amount: Quantity
    cost: Dollars
    value: Dollars | None


class CurrencyResponse(Struct, frozen=True):
    """A crypto-currency, its last price, and what the exchange accepts: multiples of `lot_step`
    (coins), worth at least `min_notional` (dollars).
    """

    name: Symbol
    price: Price | None
    as_of: Instant | None
    status: AssetStatus
    lot_step: Quantity
    min_notional: Dollars


class OrderResponse(Struct, frozen=True):
    """A purchase: as quoted, where it stands, what was delivered, and what came back."""

    id: Ident
    crypto: Symbol
    amount: Quantity
    unit_price: Price
    total_price: Dollars
    state: OrderState
    filled_amount: Quantity
    refunded: Dollars
    reason: Reason | None
    created_at: Instant


class TransactionResponse(Struct, frozen=True):
    """A movement of the wallet; with an `order_id`, a purchase (withdrawal) or refund (deposit)."""

    id: Ident
    type: Literal["deposit", "withdrawal"]
    amount: Dollars
    order_id: Ident | None
    created_at: Instant


class HealthResponse(Struct, frozen=True):
    """That the process lives, or that it is ready for work."""

    status: Literal["live", "ready"]


def tokens_response(pair: TokenPair) -> TokenPairResponse:
    """A login."""
    return TokenPairResponse(pair.access, pair.refresh)


def login_response(answer: TokenPair | Challenge) -> LoginResponse:
    """What a login is answered with."""
    if isinstance(answer, Challenge):
        return LoginResponse(challenge=answer.token)
    return LoginResponse(answer.access, answer.refresh)


def session_response(session: Session, current_id: str) -> SessionResponse:
    """A login, as the bearer of a token of the current one sees it."""
    return SessionResponse(
        id=session.id,
        created_at=instant(session.created_at_us),
        last_used_at=instant(session.used_at_us),
        expires_at=instant(session.expires_at_us),
        device=session.device,
        current=session.id == current_id,
    )


def wallet_response(wallet: Wallet) -> WalletResponse:
    """A wallet."""
    return WalletResponse(amounts.dollars(wallet.balance), "USD")


def holding_response(view: views.HoldingView) -> HoldingResponse:
    """A holding; its value is rounded down to the cent."""
    value = None
    if view.price is not None:
        value = amounts.cents_below(money.value_of(view.quantity, view.price, view.scale))
    return HoldingResponse(
        crypto=view.asset,
        amount=amounts.quantity(view.quantity, view.scale),
        cost=amounts.dollars(view.cost),
        value=value,
    )


def currency_response(asset: Asset) -> CurrencyResponse:
    """A crypto-currency."""
    return CurrencyResponse(
        name=asset.symbol,
        price=None if asset.price is None else amounts.price(asset.price),
        as_of=None if asset.priced_at_us is None else instant(asset.priced_at_us),
        status=asset.status,
        lot_step=amounts.quantity(asset.rule.lot_step, asset.scale),
        min_notional=amounts.dollars(asset.rule.min_notional),
    )


def order_response(order: Order, scale: int) -> OrderResponse:
    """An order whose quantities are in units of 10⁻ˢᶜᵃˡᵉ."""
    return OrderResponse(
        id=order.id,
        crypto=order.asset,
        amount=amounts.quantity(order.quantity, scale),
        unit_price=amounts.price(order.unit_price),
        total_price=amounts.dollars(order.total),
        state=order.state,
        filled_amount=amounts.quantity(order.filled, scale),
        refunded=amounts.dollars(order.refunded),
        reason=order.reason,
        created_at=instant(order.created_at_us),
    )


def transaction_response(view: views.TransactionView) -> TransactionResponse:
    """A movement of a wallet."""
    return TransactionResponse(
        id=view.id,
        type="deposit" if view.amount > 0 else "withdrawal",
        amount=amounts.dollars(abs(view.amount)),
        order_id=view.order_id,
        created_at=instant(view.created_at_us),
    )


def instant(at_us: int) -> str:
    """Microseconds since 1970 as RFC 3339 in UTC; the last of the year 9999 for any later one."""
    moment = _EPOCH + timedelta(microseconds=min(max(at_us, 0), _LAST_US))
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
