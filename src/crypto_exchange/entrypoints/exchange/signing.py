"""Who may call: API key, signature and the time window of a signed request."""

import hashlib
import hmac
import re

import msgspec

from crypto_exchange.entrypoints.exchange.failures import ApiError
from crypto_exchange.entrypoints.exchange.parameters import Parameters

SIGNED_PARAMETERS = frozenset({"timestamp", "recvWindow", "signature"})

_AHEAD_MS = 1000
_DEFAULT_WINDOW_MS = 5000
_LONGEST_WINDOW_MS = 60_000
_SIGNATURE = re.compile(rb"(?:^|&)signature=[^&]*")


class Window(msgspec.Struct, frozen=True):
    """The span in which a request may take effect, in milliseconds since 1970."""

    timestamp: int
    length_us: int

    def check(self, now_ms: int) -> None:
        """Refuse earlier than 1 s before `timestamp` and after `timestamp` + the window.

        Called on arrival and again when the request takes effect.
        """
        if self.timestamp >= now_ms + _AHEAD_MS:
            ahead = self.timestamp - now_ms
            raise ApiError(
                -1021,
                f"Timestamp for this request was {ahead}ms ahead of the server's time.",
            )
        if (now_ms - self.timestamp) * 1000 > self.length_us:
            raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def check_key(sent: str | None, expected: str) -> None:
    """Refuse a malformed key, and one that is not ours."""
    if sent is None or not re.fullmatch(r"[\x21-\x7e]{1,256}", sent):
        raise ApiError(-2014, "API-key format invalid.", 401)
    if not hmac.compare_digest(sent.encode(), expected.encode()):
        raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def check_signature(query: bytes, body: bytes, parameters: Parameters, secret: str) -> None:
    """The signature covers query string + body as sent, itself taken out."""
    sent = parameters.required("signature", "^[A-Fa-f0-9]{64}$")
    payload = _unsigned(query) + _unsigned(body)
    expected = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(sent.lower(), expected):
        raise ApiError(-1022, "Signature for this request is not valid.")


def read_window(parameters: Parameters) -> Window:
    """The window of `timestamp` and `recvWindow` (5 s unless told, at most 60 s)."""
    timestamp = int(parameters.required("timestamp", "^[0-9]{1,20}$"))
    text = parameters.text("recvWindow", r"^([0-9]{1,20})(\.[0-9]{1,3})?$")
    if text is None:
        return Window(timestamp, _DEFAULT_WINDOW_MS * 1000)
    whole, _, decimals = text.partition(".")
    length_us = int(whole) * 1000 + int(decimals.ljust(3, "0"))
    if length_us > _LONGEST_WINDOW_MS * 1000:
        raise ApiError(-1131, f"recvWindow must be less than {_LONGEST_WINDOW_MS}.")
    return Window(timestamp, length_us)


def _unsigned(encoded: bytes) -> bytes:
    return _SIGNATURE.sub(b"", encoded).removeprefix(b"&")
