"""Refusals: what no deployment may take, and what belongs to somebody else."""

from __future__ import annotations

import msgspec

from crypto_exchange.entrypoints.testing.http.breaches import expect
from crypto_exchange.entrypoints.testing.http.deployment import Deployment
from crypto_exchange.entrypoints.testing.http.people import Person
from crypto_exchange.entrypoints.testing.reach import sometimes

_DEPOSIT, _WITHDRAW = "PATCH accounts/wallet/deposit", "PATCH accounts/wallet/withdraw"
_ORDER = "POST orders/"


class Bad(msgspec.Struct, frozen=True):
    """A request that is refused with a code. `CRYPTO` in the body stands for a listed name."""

    call: str
    body: str
    code: str
    content_type: str = "application/json"
    key: str | None = None


BAD = (
    *(
        Bad(call, f'{{"amount": {amount}}}', "invalid_amount")
        for call in (_DEPOSIT, _WITHDRAW)
        for amount in ("0", "-1", "0.001", "1e2", '"1e2"', '"abc"', '" 1"', '"1,00"', '""', "-0.01")
    ),
    Bad(_DEPOSIT, '{"amount": 10000000.01}', "amount_too_large"),
    Bad(_DEPOSIT, '{"amount": 99999999999999999999999999}', "amount_too_large"),
    Bad(_WITHDRAW, '{"amount": 10000000.01}', "amount_too_large"),
    Bad(_DEPOSIT, '{"amount": true}', "invalid_field"),
    Bad(_DEPOSIT, '{"amount": null}', "invalid_field"),
    Bad(_DEPOSIT, '{"amount": [1]}', "invalid_field"),
    Bad(_DEPOSIT, "{}", "invalid_field"),
    Bad(_DEPOSIT, '{"amount": 1, "currency": "USD"}', "invalid_field"),
    Bad(_DEPOSIT, '{"amount": 1', "malformed_json"),
    Bad(_DEPOSIT, "", "malformed_json"),
    Bad(_DEPOSIT, '{"amount": 1}', "unsupported_media_type", content_type="text/plain"),
    Bad(_DEPOSIT, '{"amount": 1}', "invalid_field", key="x" * 256),
    Bad(_WITHDRAW, '{"amount": 1, "amount_": 1}', "invalid_field"),
    Bad(_ORDER, '{"crypto": "CRYPTO", "amount": 1, "spend": 1}', "invalid_field"),
    Bad(_ORDER, '{"crypto": "CRYPTO"}', "invalid_field"),
    Bad(_ORDER, '{"crypto": 7, "amount": 1}', "invalid_field"),
    Bad(_ORDER, '{"amount": 1}', "invalid_field"),
    Bad(_ORDER, '{"crypto": "CRYPTO", "spend": 1, "user_id": 1}', "invalid_field"),
    Bad(_ORDER, '{"crypto": "NO-SUCH-COIN", "spend": 1}', "unknown_asset"),
    Bad(_ORDER, '{"crypto": "CRYPTO", "amount": 0}', "invalid_amount"),
    Bad(_ORDER, '{"crypto": "CRYPTO", "amount": -1}', "invalid_amount"),
    Bad(_ORDER, '{"crypto": "CRYPTO", "amount": 0.000000001}', "invalid_amount"),
    Bad(_ORDER, '{"crypto": "CRYPTO", "amount": 1e-3}', "invalid_amount"),
    Bad(_ORDER, '{"crypto": "CRYPTO", "amount": 1000000000.1}', "amount_too_large"),
    Bad(_ORDER, '{"crypto": "CRYPTO", "spend": 0.001}', "invalid_amount"),
    Bad(_ORDER, '{"crypto": "CRYPTO", "spend": 0}', "invalid_amount"),
    Bad(_ORDER, '{"crypto": "CRYPTO", "spend": -5}', "invalid_amount"),
    Bad(_ORDER, '{"crypto": "CRYPTO", "spend": 10000000.01}', "amount_too_large"),
    Bad(_ORDER, "[]", "invalid_field"),
)
"""What is wrong in exactly one way."""


def refuse(deployment: Deployment, person: Person, crypto: str, bad: Bad) -> None:
    """Send what is to be refused; that it changed nothing shows in the next look. Raises `Broken`."""
    method, _, path = bad.call.partition(" ")
    body = bad.body.replace("CRYPTO", crypto)
    answer = person.call(method, path, body, key=bad.key, content_type=bad.content_type)
    deployment.tell(f"{person.name}: {bad.call} {body} → {answer}")
    expect("X6 refused", answer.code == bad.code, f"{bad.call} {body}: {bad.code}", answer)
    sometimes("a request refused")


def pry(deployment: Deployment, owner: Person, stranger: Person, order_id: int) -> None:
    """Somebody else's order and transactions are not there. Raises `Broken`."""
    deployment.tell(f"{stranger.name}: asks for order {order_id} of {owner.name}")
    movement = owner.list_transactions()[0].id
    calls = [
        ("GET", f"orders/{order_id}/"),
        ("POST", f"orders/{order_id}/cancel/"),
        ("GET", f"transactions/{movement}"),
    ]
    if deployment.has_receipts:
        calls.append(("GET", f"orders/{order_id}/receipt/"))
    for method, path in calls:
        answer = stranger.call(method, path)
        is_hidden = answer.code == "not_found"
        expect("X7 own things alone", is_hidden, f"{method} {path}: 404 not_found", answer)
    owner.read_order(order_id)
    sometimes("a look at somebody else's order")


def knock(deployment: Deployment, owner: Person) -> None:
    """Without a token, or with one that was tampered with, nothing is shown. Raises `Broken`."""
    deployment.tell("somebody without a token asks for a wallet")
    head, _, signature = owner.access.rpartition(".")
    forged = f"{head}.{signature[::-1]}"
    for token in (None, "nonsense", forged):
        for path in ("accounts/wallet/", "orders/", "transactions/", "accounts/holdings/"):
            answer = deployment.client.call("GET", path, token=token)
            is_refused = answer.code == "unauthenticated"
            expect("X7 own things alone", is_refused, f"GET {path}: 401 unauthenticated", answer)
            challenge = answer.headers.get("www-authenticate", "")
            expect("X3 problem details", bool(challenge), "WWW-Authenticate with 401", "none")
    sometimes("a request without a token")
