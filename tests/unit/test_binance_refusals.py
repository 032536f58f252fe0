"""Which refusals of an order are definite, and what they mean."""

import pytest

from crypto_exchange.adapters.exchange.binance_refusals import TABLE, Row, classify
from crypto_exchange.adapters.exchange.binance_wire import Refusal
from crypto_exchange.domain.purchase import Rejected, RejectionKind


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.code} {row.beginning}")
def test_every_row_is_reached_and_keeps_the_words_of_the_exchange(row: Row) -> None:
    message = f"{row.beginning or 'Anything'} and more."

    rejected = classify(Refusal(code=row.code, msg=message))

    assert rejected == Rejected(kind=row.kind, code=str(row.code), message=message)
    assert row.why


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (-2010, "Account has insufficient balance for requested action.", RejectionKind.VENUE),
        (-2010, "Market is closed.", RejectionKind.VENUE),
        (-2010, "This symbol is not permitted for this account.", RejectionKind.VENUE),
        (-1013, "Market is closed.", RejectionKind.VENUE),
        (-1013, "Filter failure: LOT_SIZE", RejectionKind.RULES),
        (-1013, "Filter failure: MARKET_LOT_SIZE", RejectionKind.RULES),
        (-1013, "Filter failure: NOTIONAL", RejectionKind.RULES),
        (-1013, "Filter failure: MIN_NOTIONAL", RejectionKind.RULES),
        (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", RejectionKind.RULES),
        (-1013, "Invalid quantity.", RejectionKind.RULES),
        (-1013, "Filter failure: MAX_POSITION", RejectionKind.VENUE),
        (-1111, "Parameter 'quantity' has too much precision.", RejectionKind.RULES),
        (-1021, "Timestamp for this request is outside of the recvWindow.", RejectionKind.VENUE),
        (-1003, "Too many requests queued.", RejectionKind.VENUE),
        (-1015, "Too many new orders.", RejectionKind.VENUE),
        (-1121, "Invalid symbol.", RejectionKind.VENUE),
        (-1022, "Signature for this request is not valid.", RejectionKind.VENUE),
        (-2014, "API-key format invalid.", RejectionKind.VENUE),
        (-2015, "Invalid API-key, IP, or permissions for action.", RejectionKind.VENUE),
        (-1117, "Invalid side.", RejectionKind.FINAL),
        (-1104, "Not all sent parameters were read.", RejectionKind.FINAL),
    ],
)
def test_a_definite_refusal_says_whose_fault_it_is(
    code: int, message: str, kind: RejectionKind
) -> None:
    rejected = classify(Refusal(code=code, msg=message))

    assert rejected is not None
    assert rejected.kind is kind


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-2010, "Duplicate order sent."),
        (-2010, "Something new."),
        (-1000, "An unknown error occurred while processing the request."),
        (-1001, "Internal error; unable to process your request. Please try again."),
        (-1006, "An unexpected response was received. Execution status unknown."),
        (-1007, "Timeout waiting for response from backend server."),
        (-2013, "Order does not exist."),
        (-9999, "Account has insufficient balance for requested action."),
        (0, ""),
    ],
)
def test_what_the_table_does_not_list_is_unknown(code: int, message: str) -> None:
    assert classify(Refusal(code=code, msg=message)) is None
