"""Signatures of Binance's protocol: HMAC-SHA256 over the parameters exactly as they are sent."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Mapping
from urllib.parse import urlencode

_SIGNATURE = re.compile("signature=[0-9a-f]+")


def sign(parameters: Mapping[str, str | int], secret: str) -> str:
    """Parameters as a query string or form, with their signature at the end."""
    payload = urlencode(parameters)
    signature = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    return f"{payload}&signature={signature}"


def hide_signature(record: logging.LogRecord) -> bool:
    """Take signatures out of what is logged: httpx logs the address of every call."""
    if isinstance(record.args, tuple):
        record.args = tuple(_hidden(each) for each in record.args)
    return True


def _hidden(argument: object) -> object:
    text = str(argument)
    return _SIGNATURE.sub("signature=***", text) if "signature=" in text else argument
