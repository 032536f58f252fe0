"""Refusals have a stable code, typed fields, and say what was expected and what was."""

from __future__ import annotations

import pytest

from crypto_exchange.domain import errors
from crypto_exchange.domain.api_key import TooManyKeys
from crypto_exchange.domain.closing import AccountNotEmpty
from crypto_exchange.domain.errors import DomainError
from crypto_exchange.domain.money import DOLLAR

EXAMPLES: list[tuple[DomainError, str, dict[str, object], str]] = [
    (
        AccountNotEmpty("1.00 USD in the wallet", "1 open order for 2.00 USD"),
        "account_not_empty",
        {"found": ("1.00 USD in the wallet", "1 open order for 2.00 USD")},
        "expected an account with nothing left in it, was one with 1.00 USD in the wallet and 1 open "
        "order for 2.00 USD",
    ),
    (
        errors.InvalidField("username", "3 to 64 characters", "'a'"),
        "invalid_field",
        {"field": "username", "expected": "3 to 64 characters", "was": "'a'"},
        "username: expected 3 to 64 characters, was 'a'",
    ),
    (
        errors.InvalidAmount("amount", "a positive number", "0"),
        "invalid_amount",
        {"field": "amount", "expected": "a positive number", "was": "0"},
        "amount: expected a positive number, was 0",
    ),
    (
        errors.AmountTooSmall("spend", "0.01 BTC", "0.01"),
        "amount_too_small",
        {"field": "spend", "smallest": "0.01 BTC", "was": "0.01"},
        "spend: expected enough to buy at least 0.01 BTC, was 0.01",
    ),
    (
        errors.AmountTooLarge("amount", "10", "11"),
        "amount_too_large",
        {"field": "amount", "largest": "10", "was": "11"},
        "amount: expected at most 10, was 11",
    ),
    (
        errors.UnknownAsset("XYZ"),
        "unknown_asset",
        {"symbol": "XYZ"},
        "expected the name of a listed crypto-currency, was 'XYZ'",
    ),
    (
        errors.Forbidden("role admin", "role user"),
        "forbidden",
        {"needed": "role admin", "was": "role user"},
        "expected a bearer with role admin, was one with role user",
    ),
    (
        errors.AccountFrozen(),
        "account_frozen",
        {},
        "expected an active account, was one that an operator has frozen",
    ),
    (
        errors.WrongState("user 7", "one that is active", "one that is frozen"),
        "wrong_state",
        {"what": "user 7", "expected": "one that is active", "was": "one that is frozen"},
        "user 7: expected one that is active, was one that is frozen",
    ),
    (
        errors.Denied(queued=True),
        "denied",
        {},
        "expected something that needs no review, was something that does; "
        "an operator will look at it",
    ),
    (
        errors.Denied(queued=False),
        "denied",
        {},
        "expected something that needs no review, was something that is refused; try again later",
    ),
    (
        errors.AssetHalted("BTC"),
        "asset_halted",
        {"symbol": "BTC"},
        "BTC: expected status active, was halted",
    ),
    (
        errors.PriceStale("BTC", None),
        "price_stale",
        {"symbol": "BTC", "age_us": None},
        "BTC: expected a fresh price, was no price yet; try again shortly",
    ),
    (
        errors.PriceStale("BTC", 200_000_000),
        "price_stale",
        {"symbol": "BTC", "age_us": 200_000_000},
        "BTC: expected a fresh price, was a price 200 s old; try again shortly",
    ),
    (
        errors.PriceStale("BTC", -20_000_000),
        "price_stale",
        {"symbol": "BTC", "age_us": -20_000_000},
        "BTC: expected a fresh price, was a price from 20 s ahead; try again shortly",
    ),
    (
        errors.InsufficientFunds(12 * DOLLAR, DOLLAR // 100 * 105),
        "insufficient_funds",
        {"required": 12 * DOLLAR, "available": 105_000_000},
        "expected at least 12.00 USD in the wallet, was 1.05",
    ),
    (
        errors.TooLate(7, "pending"),
        "too_late",
        {"order_id": 7, "state": "pending"},
        "order 7: expected state aggregated to cancel, was pending",
    ),
    (
        errors.UsernameTaken("bob"),
        "username_taken",
        {"username": "bob"},
        "username: expected one that nobody has, was 'bob', a taken one",
    ),
    (
        errors.NotFound("order", 7),
        "not_found",
        {"what": "order", "ident": 7},
        "expected an existing order, was 7",
    ),
    (
        errors.IdempotencyKeyReused("k"),
        "idempotency_key_reused",
        {"key": "k"},
        "Idempotency-Key: expected a new key, or the same command again; 'k' was used before for "
        "another command",
    ),
    (
        errors.InvalidCredentials(),
        "invalid_credentials",
        {},
        "expected a username and its password, was a pair that nobody has",
    ),
    (
        errors.InvalidCode(),
        "invalid_code",
        {},
        "code: expected a new one of the authenticator or an unused recovery code, was neither",
    ),
    (
        errors.CodesLocked(899_000_001),
        "rate_limited",
        {"retry_after_s": 900},
        "code: expected one of the first 5 to be right, was none; try again in 900 s",
    ),
    (
        errors.StepUpRequired(),
        "step_up_required",
        {},
        "expected an access token for which a code of the second factor was given within the last "
        '5 minutes, was none; send {"code"} with it to accounts/auth/mfa/verify/, '
        "and try again with the new one",
    ),
    (
        errors.SecondFactorActive(),
        "second_factor_active",
        {},
        "expected no confirmed second factor, was one; disable it first, with a code of it",
    ),
    (
        TooManyKeys(),
        "too_many_keys",
        {},
        "expected fewer than 20 live API keys, was 20; end one",
    ),
    (errors.Unauthenticated("token: expired"), "unauthenticated", {}, "token: expired"),
    (
        errors.InvalidCursor("x"),
        "invalid_cursor",
        {"was": "x"},
        "cursor: expected one from a Link header of this list, was 'x'",
    ),
]


@pytest.mark.parametrize(("error", "code", "fields", "message"), EXAMPLES)
def test_a_refusal_says_why(
    error: DomainError, code: str, fields: dict[str, object], message: str
) -> None:
    assert error.code == code
    assert vars(error) == fields
    assert str(error) == message


def test_every_refusal_is_shown_above() -> None:
    shown = {type(error) for error, *_ in EXAMPLES}

    assert shown == set(DomainError.__subclasses__())


def test_each_refusal_has_a_code_of_its_own() -> None:
    codes = [refusal.code for refusal in DomainError.__subclasses__()]

    assert len(codes) == len(set(codes))
