"""ccxt's class for one exchange, with what it does by itself taken away.

Its requests go through a connection of ours, once, decoded without floats; no proxy or setting of the
machine is looked at, nothing is logged by it, and an order leaves only as `OrderCall` admits it.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx

from crypto_exchange.adapters.exchange.ccxt_order_call import AT_ONCE, ORDER_CALL
from crypto_exchange.adapters.exchange.ccxt_venues import Venue

Api: TypeAlias = Any
"""An instance of one of ccxt's classes, which carry hardly any types."""

_SIGNIFICANT_DIGITS = 3
_SECRET = re.compile(r"(?i)\b(signature|sign|api-?key|accesskeyid|token)=[^&\s]+")

_log = logging.getLogger(__name__)


class UnsupportedExchange(ValueError):
    """This exchange cannot do what we need: `expected` and `was` in words."""

    def __init__(self, expected: str, was: str) -> None:
        super().__init__(f"expected {expected}, was {was}")
        self.expected, self.was = expected, was


class Transport:
    """Sends a request, once; `require_time` refuses one that is past its time (exchange's clock)."""

    def __init__(
        self, connect_timeout_s: float, read_timeout_s: float, require_time: Callable[[int], None]
    ) -> None:
        self._whole_call_s = connect_timeout_s + read_timeout_s
        logging.getLogger("httpx").addFilter(_hide_secrets)
        self._require_time = require_time
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(read_timeout_s, connect=connect_timeout_s),
            limits=httpx.Limits(max_connections=100, keepalive_expiry=3),
            follow_redirects=False,
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def send(
        self, method: str, url: str, headers: Mapping[str, object], body: str | None
    ) -> httpx.Response:
        """Send it, byte for byte as ccxt signed it.

        Raises:
            OutcomeUnknown: it is an order that may not be sent, or not any more.
            httpx.HTTPError, OSError, RuntimeError: no answer.
        """
        call = ORDER_CALL.get()
        texts = {name: str(value) for name, value in headers.items()}
        is_order = call is not None and call.admit(method, url, texts, body)

        async def stop_if_late(event: str, _: Mapping[str, object]) -> None:
            if is_order and call is not None and event == "http11.send_request_headers.started":
                self._require_time(call.until_ms)
                call.left = True

        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        request = self._http.build_request(
            method,
            url,
            headers=texts,
            content=body,
            extensions={"trace": stop_if_late, "target": target.encode()},
        )
        async with asyncio.timeout(self._whole_call_s):
            return await self._http.send(request)


def open_api(
    exchange_id: str, venue: Venue, *, url: str | None, credentials: Mapping[str, str]
) -> Api:
    """An instance for an account, which cannot send anything before it is given a `transport`.

    Raises:
        UnsupportedExchange: there is none of this name, or it cannot do what we need.
        ModuleNotFoundError: ccxt is not installed.
    """
    ccxt = importlib.import_module("ccxt.async_support")
    if exchange_id not in ccxt.exchanges:
        raise UnsupportedExchange("an exchange that ccxt knows", f"'{exchange_id}'")
    api = _tamed(getattr(ccxt, exchange_id), rising_nonce=venue.rising_nonce)(
        {
            **credentials,
            "options": {**venue.options, "maxRetriesOnFailure": 0, "warnOnFetchOpenOrders": False},
        }
    )
    api.options["maxRetriesOnFailure"] = 0
    _require_support(api, venue)
    if url:
        api.urls["api"] = _moved(api.urls["api"], url)
    return api


def shown(error: BaseException) -> str:
    """What an error says, without what must not be logged."""
    return _SECRET.sub(r"\1=***", f"{type(error).__name__} {error}".strip())[:300]


def _tamed(base: Any, *, rising_nonce: bool) -> Any:
    """A subclass of one of ccxt's classes; see the module."""
    network_error = importlib.import_module("ccxt").NetworkError

    class Tamed(base):  # type: ignore[misc] # known only when the exchange is
        number = str  # what ccxt parses stays text
        enableLastHttpResponse = False  # noqa: N815 - ccxt's names
        enableLastJsonResponse = False  # noqa: N815
        transport: Transport
        last_nonce = 0

        @staticmethod
        def on_json_response(text: str) -> Any:
            return json.loads(text, parse_float=str)

        def nonce(self) -> Any:
            call = ORDER_CALL.get()
            if call is not None and call.stamp_ms is not None:
                return call.stamp_ms
            nonce = super().nonce()
            if rising_nonce:
                nonce = self.last_nonce = max(nonce, self.last_nonce + 1)
            return nonce

        async def throttle(self, cost: Any = None) -> Any:
            return None if AT_ONCE.get() else await super().throttle(cost)

        async def fetch(
            self, url: str, method: str = "GET", headers: Any = None, body: str | None = None
        ) -> Any:
            outgoing = self.prepare_request_headers(headers)
            try:
                response = await self.transport.send(method, url, outgoing, body)
            except (httpx.HTTPError, OSError, RuntimeError) as error:
                path = urlsplit(url).path
                _log.warning("no answer from the exchange to %s: %s", path, shown(error))
                raise network_error(f"no answer to {path}: {shown(error)}") from error
            return _read(self, response, url, method, outgoing, body)

    return Tamed


def _read(
    api: Api, response: httpx.Response, url: str, method: str, outgoing: Any, body: str | None
) -> Any:
    """Decode an answer, or raise as ccxt does for what it takes for an error."""
    text = response.content.decode("utf-8", "replace")
    status, reason = response.status_code, response.reason_phrase
    headers = {name.title(): value for name, value in response.headers.items()}
    answer = api.parse_json(text)
    call = ORDER_CALL.get()
    if call is not None and method.upper() != "GET":
        call.status, call.answer = status, answer
    api.handle_errors(status, reason, url, method, headers, text, answer, outgoing, body)
    api.handle_http_status_code(status, reason, url, method, text)
    return text if answer is None else answer


def _hide_secrets(record: logging.LogRecord) -> bool:
    """Take secrets out of what is logged: httpx logs the address of every call."""
    if isinstance(record.args, tuple):
        record.args = tuple(_hidden(each) for each in record.args)
    return True


def _hidden(argument: object) -> object:
    text = str(argument)
    return _SECRET.sub(r"\1=***", text) if _SECRET.search(text) else argument


def _require_support(api: Api, venue: Venue) -> None:
    """Refuse an exchange where a purchase could not be made as we make it."""
    name = f"'{api.id}'"
    can = {what: bool(api.has.get(what)) for what in ("spot", "createMarketOrder", "fetchTime")}
    orders = any(api.has.get(each) for each in ("fetchOrders", "fetchClosedOrders"))
    if not (can["spot"] and can["createMarketOrder"]):
        raise UnsupportedExchange("a spot exchange that takes market orders", f"{name}, without")
    if not (can["fetchTime"] and orders and api.has.get("fetchMyTrades")):
        raise UnsupportedExchange("an exchange that tells its time, orders and trades", name)
    if not venue.may_require_price and _buys_for_a_sum(api):
        raise UnsupportedExchange(
            "an exchange where a market buy is for a quantity of coins",
            f"{name}, where it is for a sum of money",
        )
    if api.precisionMode == _SIGNIFICANT_DIGITS:
        raise UnsupportedExchange("an exchange with a fixed lot step", f"{name}, without")
    lacking = [n for n, needed in api.requiredCredentials.items() if needed and not getattr(api, n)]
    if lacking:
        raise UnsupportedExchange(
            f"{name} with the credentials that it needs", f"without {', '.join(lacking)}"
        )


def _buys_for_a_sum(api: Api) -> bool:
    features = ((api.features or {}).get("spot") or {}).get("createOrder") or {}
    option = "createMarketBuyOrderRequiresPrice"
    return bool(features.get("marketBuyRequiresPrice") or api.options.get(option))


def _moved(urls: Any, base: str) -> Any:
    """All addresses with another scheme, host and port (and beginning of the path)."""
    if isinstance(urls, Mapping):
        return {name: _moved(each, base) for name, each in urls.items()}
    return f"{base}{urlsplit(urls).path}" if isinstance(urls, str) else urls
