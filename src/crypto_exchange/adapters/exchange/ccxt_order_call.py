"""The one request that places an order, watched on its way out.

ccxt makes the request; what leaves is checked against what was asked for, because a parameter that it
drops silently would be an order without a name, or one for a sum instead of a quantity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from urllib.parse import unquote_plus

from crypto_exchange.domain.errors import OutcomeUnknown


class OrderCall:
    """A purchase's request: its name and quantity as texts, its timestamp (if it is to be signed with
    that), and until when it may leave (exchange's clock). `left` is set before its first byte is
    written; `status` and `answer` are what came back.
    """

    def __init__(self, *, name: str, quantity: str, stamp_ms: int | None, until_ms: int) -> None:
        self.name = name
        self.quantity = quantity
        self.stamp_ms = stamp_ms
        self.until_ms = until_ms
        self.sent = False
        self.left = False
        self.status: int | None = None
        self.answer: object = None

    def admit(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> bool:
        """Whether this is the request that places the order; anything but that may only ask.

        Raises:
            OutcomeUnknown: it is not as it must be, or the second of its kind: then it is not sent.
        """
        if method.upper() == "GET":
            return False
        text = unquote_plus(" ".join((url, *headers.values(), body or "")))
        if self.sent:
            raise OutcomeUnknown(f"not sent: order {self.name} was sent before")
        if self.name not in text:
            raise OutcomeUnknown(f"not sent: expected order {self.name} to be sent under its name")
        if not _number(self.quantity).search(text):
            raise OutcomeUnknown(
                f"not sent: expected order {self.name} to be for {self.quantity} coins"
            )
        self.sent = True
        return True


ORDER_CALL: ContextVar[OrderCall | None] = ContextVar("order_call", default=None)
"""The order that the current task places."""

AT_ONCE: ContextVar[bool] = ContextVar("at_once", default=False)
"""Whether the current task's requests wait for nobody: ccxt's rate limiter would delay them."""


def _number(text: str) -> re.Pattern[str]:
    zeros = "0*" if "." in text else r"(?:\.0+)?"
    return re.compile(rf"(?<![0-9A-Za-z.]){re.escape(text)}{zeros}(?![0-9.])")
