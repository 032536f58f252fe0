"""Calls of one account at one exchange, through ccxt: bounded in time and never repeated.

What is known of the exchange's clock is as in `binance_client`: `now_ms` is surely not ahead of it and
`latest_ms` not behind it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from crypto_exchange.adapters.exchange import ccxt_refusals
from crypto_exchange.adapters.exchange.ccxt_api import Api, Transport, open_api, shown
from crypto_exchange.adapters.exchange.ccxt_order_call import AT_ONCE, ORDER_CALL, OrderCall
from crypto_exchange.adapters.exchange.ccxt_refusals import Told
from crypto_exchange.adapters.exchange.ccxt_venues import Expiry, Venue, venue_of
from crypto_exchange.domain.errors import OutcomeUnknown, Unavailable
from crypto_exchange.domain.purchase import Rejected, RejectionKind

NOT_SENT = "not_sent"
"""Our own code for an order that never left us."""

_SLOWEST_COMPARISON_US = 1_000_000
_SECOND_MS = 1_000


class NoSuchOrder(Unavailable):
    """The exchange answered that it has no such order."""


class NoSuchMarket(Unavailable):
    """The exchange does not list what was asked about."""


class CcxtClient:
    """One account. `now_us` is a clock of ours that nobody sets, in microseconds since any moment.

    Raises:
        UnsupportedExchange: ccxt has none of this name, or it cannot do what we need.
        ModuleNotFoundError: ccxt is not installed.
    """

    def __init__(
        self,
        exchange_id: str,
        *,
        url: str | None,
        credentials: Mapping[str, str],
        now_us: Callable[[], int],
        connect_timeout_s: float,
        read_timeout_s: float,
    ) -> None:
        self.venue: Venue = venue_of(exchange_id)
        self.api: Api = open_api(exchange_id, self.venue, url=url, credentials=credentials)
        self._transport = Transport(connect_timeout_s, read_timeout_s, self._require_time)
        self.api.transport = self._transport
        self._now_us = now_us
        self._behind_us: int | None = None
        self._ahead_us = 0

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    def can(self, call: str) -> bool:
        """Whether ccxt can make a call (by its Python name) at this exchange."""
        first, *rest = call.split("_")
        return bool(self.api.has.get(first + "".join(map(str.title, rest))))

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

        An exchange that tells whole seconds may be almost one later than it says.
        """
        at_once = AT_ONCE.set(True)
        try:
            sent_us = self._now_us()
            server_ms = await self._call("fetch_time")
            received_us = self._now_us()
        finally:
            AT_ONCE.reset(at_once)
        if not isinstance(server_ms, int):
            raise Unavailable(f"expected the exchange's time, was {str(server_ms)[:40]!r}")
        if self._behind_us is None or received_us - sent_us <= _SLOWEST_COMPARISON_US:
            unit_ms = 1 if server_ms % _SECOND_MS else _SECOND_MS
            self._behind_us = server_ms * 1_000 - received_us
            self._ahead_us = (server_ms + unit_ms) * 1_000 - 1 - sent_us
        if not self.venue.rising_nonce:
            self.api.options["timeDifference"] = self.api.milliseconds() - server_ms
        return server_ms

    async def load_markets(self, *, again: bool = False) -> Mapping[str, Any]:
        """Every market by its name in ccxt, as `BTC/USDT`. Raises Unavailable."""
        if again or not self.api.markets:
            await self._call("load_markets", again)
        markets: Mapping[str, Any] = self.api.markets
        return markets

    async def ask(self, call: str, *arguments: Any, **named: Any) -> Any:
        """Put a question, by the name of ccxt's method.

        Raises:
            NoSuchOrder: there is no such order.
            Unavailable: there is no answer, or it is an error.
        """
        await self.load_markets()
        if self._behind_us is None:
            await self.sync_clock()
        return await self._call(call, *arguments, **named)

    async def order(
        self, symbol: str, call: OrderCall, parameters: Mapping[str, object]
    ) -> Mapping[str, Any] | tuple[Told, Rejected]:
        """Place a market buy, once: the order as ccxt read it, or a definite refusal.

        One that surely never left us is refused by ourselves where nothing else could ever tell that
        it will not come: only the process that has just committed an intent sends it.

        Raises:
            OutcomeUnknown: anything else.
        """
        try:
            return await self._place(symbol, call, parameters)
        except OutcomeUnknown as error:
            if call.left or self.venue.expiry is not Expiry.NONE:
                raise
            told = Told(NOT_SENT, str(error))
            return told, Rejected(kind=RejectionKind.VENUE, code=told.code, message=told.message)

    async def _place(
        self, symbol: str, call: OrderCall, parameters: Mapping[str, object]
    ) -> Mapping[str, Any] | tuple[Told, Rejected]:
        try:
            await self.load_markets()
            if self._behind_us is None:
                await self.sync_clock()
            self._require_time(call.until_ms)
        except Unavailable as error:
            raise OutcomeUnknown(f"not sent: {error}") from error
        tokens = ORDER_CALL.set(call), AT_ONCE.set(True)
        try:
            order: Mapping[str, Any] = await self.api.create_order(
                symbol, "market", "buy", call.quantity, None, dict(parameters)
            )
        except OutcomeUnknown:
            raise
        except Exception as error:
            return self._read_refusal(call, error)
        finally:
            ORDER_CALL.reset(tokens[0])
            AT_ONCE.reset(tokens[1])
        return order

    def _read_refusal(self, call: OrderCall, error: Exception) -> tuple[Told, Rejected]:
        if call.status is None:
            raise OutcomeUnknown(f"expected an answer to order {call.name}, was {shown(error)}")
        told, rejected = self._classify(call.status, call.answer)
        if rejected is None:
            was = f"{told.code} {told.message}" if told.code else shown(error)
            raise OutcomeUnknown(
                f"expected a fill or a definite rejection of order {call.name}, was HTTP status "
                f"{call.status}: {was[:300]}"
            )
        return told, rejected

    @functools.cached_property
    def _classify(self) -> Callable[[int, object], tuple[Told, Rejected | None]]:
        if self.venue.refusals is ccxt_refusals.BINANCE:
            return ccxt_refusals.classify_binance
        return functools.partial(ccxt_refusals.classify, self.venue.refusals)

    async def _call(self, call: str, *arguments: Any, **named: Any) -> Any:
        """Whatever ccxt raises means that there is no answer: also a bug of its own."""
        try:
            return await getattr(self.api, call)(*arguments, **named)
        except Unavailable:
            raise
        except Exception as error:
            kinds = {each.__name__ for each in type(error).__mro__}
            if "OrderNotFound" in kinds:
                raise NoSuchOrder(shown(error)) from error
            if "BadSymbol" in kinds:
                raise NoSuchMarket(shown(error)) from error
            raise Unavailable(f"expected an answer of the exchange, was {shown(error)}") from error

    def _require_time(self, until_ms: int) -> None:
        late_ms = self.latest_ms() - until_ms
        if late_ms > 0:
            raise OutcomeUnknown(
                f"not sent: expected to be within the window, was {late_ms} ms late"
            )
