"""Calls of Binance's spot REST protocol: signed, bounded in time, decoded exactly, never repeated.

Nobody knows the exchange's clock, only bounds of it. It was read between our sending and our
receiving, so each answer of `/api/v3/time` gives two: `now_ms` is surely not ahead of the exchange's
clock and `latest_ms` not behind it, but for what clocks drift until the next comparison. A purchase
stamped with the first can't be accepted "before" its timestamp, and nothing is sent once the second
is past its window.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

import httpx
import msgspec

from crypto_exchange.adapters.exchange.binance_refusals import OUTSIDE_WINDOW
from crypto_exchange.adapters.exchange.binance_wire import Refusal, ServerTime
from crypto_exchange.adapters.exchange.signing import hide_signature, sign
from crypto_exchange.domain.errors import OutcomeUnknown, Unavailable

A = TypeVar("A")

_SLOWEST_COMPARISON_US = 1_000_000
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}

_log = logging.getLogger(__name__)


class Refused(Unavailable):
    """A question was answered with an error code."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"the exchange answered {refusal.code}: {refusal.msg}")
        self.code = refusal.code


class BinanceClient:
    """One account at one exchange. `now_us` is a clock of ours, in microseconds since any moment, that
    nobody sets: a step of the time of day must not look like one of the exchange's.
    """

    def __init__(
        self,
        *,
        url: str,
        api_key: str,
        api_secret: str,
        now_us: Callable[[], int],
        connect_timeout_s: float,
        read_timeout_s: float,
    ) -> None:
        self._secret = api_secret
        self._now_us = now_us
        self._whole_call_s = connect_timeout_s + read_timeout_s
        self._behind_us: int | None = None
        self._ahead_us = 0
        logging.getLogger("httpx").addFilter(hide_signature)
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"X-MBX-APIKEY": api_key},
            timeout=httpx.Timeout(read_timeout_s, connect=connect_timeout_s),
            # Shorter than servers keep idle connections, so that none closes under a request.
            limits=httpx.Limits(max_connections=100, keepalive_expiry=3),
            follow_redirects=False,
            trust_env=False,  # a proxy or ~/.netrc of the machine must not see orders by accident
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def now_ms(self) -> int:
        """The exchange's clock, at the earliest. Raises Unavailable before it was first read."""
        if self._behind_us is None:
            raise Unavailable("the exchange's clock has not been read yet")
        return (self._now_us() + self._behind_us) // 1_000

    def latest_ms(self) -> int:
        """The exchange's clock, at the latest."""
        return (self._now_us() + self._ahead_us) // 1_000

    async def sync_clock(self) -> int:
        """Compare the clocks; returns the exchange's, in milliseconds. Raises Unavailable.

        An answer that took more than a second tells too little to replace an earlier comparison.
        """
        sent_us = self._now_us()
        server_ms = (await self.ask("/api/v3/time", {}, ServerTime)).server_time
        received_us = self._now_us()
        if self._behind_us is None or received_us - sent_us <= _SLOWEST_COMPARISON_US:
            self._behind_us = server_ms * 1_000 - received_us
            self._ahead_us = server_ms * 1_000 + 999 - sent_us
        return server_ms

    async def ask(self, path: str, parameters: Mapping[str, str | int], answer: type[A]) -> A:
        """Put a public question.

        Raises:
            Refused: the exchange answered with an error code.
            Unavailable: there is no answer, or it is not one of this kind.
        """
        response = await self._send(self._http.build_request("GET", path, params=parameters))
        return _read_answer(response, answer)

    async def ask_signed(
        self, path: str, parameters: Mapping[str, str | int], answer: type[A]
    ) -> A:
        """Put a question about the account; once more if the clocks were found to differ.

        Raises:
            Refused: the exchange answered with an error code.
            Unavailable: there is no answer, or it is not one of this kind.
        """
        if self._behind_us is None:
            await self.sync_clock()
        try:
            return await self._ask_signed(path, parameters, answer)
        except Refused as refused:
            if refused.code != OUTSIDE_WINDOW:
                raise
        await self.sync_clock()
        return await self._ask_signed(path, parameters, answer)

    async def order(
        self, parameters: Mapping[str, str | int], answer: type[A], *, until_ms: int
    ) -> A | Refusal:
        """Place an order, once, with its parameters as they are, unless the exchange's clock is past
        `until_ms`: checked also after waiting for a connection.

        Raises:
            OutcomeUnknown: anything but an answer of this kind or a refusal with its code.
        """

        async def stop_if_late(event: str, _: Mapping[str, object]) -> None:
            if event == "http11.send_request_headers.started":
                self._require_time(until_ms)

        self._require_time(until_ms)
        request = self._http.build_request(
            "POST",
            "/api/v3/order",
            content=sign(parameters, self._secret),
            headers=_FORM,
            extensions={"trace": stop_if_late},
        )
        try:
            return _read_order(await self._send(request), answer)
        except Unavailable as error:
            raise OutcomeUnknown(str(error)) from error

    async def _ask_signed(
        self, path: str, parameters: Mapping[str, str | int], answer: type[A]
    ) -> A:
        query = sign({**parameters, "timestamp": self.now_ms()}, self._secret)
        response = await self._send(self._http.build_request("GET", f"{path}?{query}"))
        return _read_answer(response, answer)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            async with asyncio.timeout(self._whole_call_s):
                return await self._http.send(request)
        except (httpx.HTTPError, OSError, RuntimeError) as error:
            why = f"{type(error).__name__} {error}".strip()
            _log.warning("no answer from the exchange to %s: %s", request.url.path, why)
            raise Unavailable(f"expected an answer from the exchange, was {why}") from error

    def _require_time(self, until_ms: int) -> None:
        late_ms = self.latest_ms() - until_ms
        if late_ms > 0:
            raise OutcomeUnknown(
                f"not sent: expected to be within the window, was {late_ms} ms late"
            )


def _read_answer(response: httpx.Response, answer: type[A]) -> A:
    if response.status_code == httpx.codes.OK:
        return _decode(response, answer)
    raise Refused(_read_refusal(response))


def _read_order(response: httpx.Response, answer: type[A]) -> A | Refusal:
    if response.status_code == httpx.codes.OK:
        return _decode(response, answer)
    return _read_refusal(response)


def _read_refusal(response: httpx.Response) -> Refusal:
    """What the exchange surely refused. With HTTP 408 or 5xx it doesn't know that itself."""
    status = response.status_code
    if status == httpx.codes.REQUEST_TIMEOUT or not response.is_client_error:
        raise Unavailable(f"expected an answer of the exchange, was HTTP status {status}")
    return _decode(response, Refusal)


def _decode(response: httpx.Response, answer: type[A]) -> A:
    try:
        return msgspec.json.decode(response.content, type=answer)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise Unavailable(
            f"expected an answer of the exchange, was something else with HTTP status "
            f"{response.status_code}: {error}"
        ) from error
