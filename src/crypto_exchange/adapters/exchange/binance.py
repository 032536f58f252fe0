"""Binance's spot market as an exchange: api.binance.com, its testnet, or our paper exchange.

The quote coin is booked 1:1 as USD.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

import msgspec

from crypto_exchange.adapters.exchange.binance_amounts import fine, unit
from crypto_exchange.adapters.exchange.binance_client import BinanceClient, Refused
from crypto_exchange.adapters.exchange.binance_filters import market_rule, taker_fee_ppm
from crypto_exchange.adapters.exchange.binance_lookup import find_named, find_order, list_trades
from crypto_exchange.adapters.exchange.binance_orders import (
    conclude,
    is_asked_for,
    is_terminal,
    order_parameters,
)
from crypto_exchange.adapters.exchange.binance_refusals import (
    ILLEGAL_CHARACTERS,
    INVALID_SYMBOL,
    OUTSIDE_WINDOW,
    classify,
)
from crypto_exchange.adapters.exchange.binance_wire import (
    Account,
    ExchangeInfo,
    NewOrder,
    Price,
    Refusal,
)
from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.errors import OutcomeUnknown, Unavailable
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.ledger import USD
from crypto_exchange.domain.money import PRICE_SCALE, USD_SCALE, parse_units
from crypto_exchange.domain.purchase import (
    Absent,
    Filled,
    Finding,
    Outcome,
    Purchase,
    Rejected,
    Working,
)

A = TypeVar("A")

_REACH_MS = 90 * 24 * 3600 * 1_000
"""Binance archives orders 90 days after their end (github.com/binance/binance-spot-api-docs)."""

_log = logging.getLogger(__name__)


class BinanceExchange:
    """The port `Exchange`. `now_us` is our own clock, in microseconds since 1970.

    Call `sync_clock` at the start and every few minutes; until then our clock counts as theirs.
    """

    def __init__(
        self,
        *,
        url: str,
        api_key: str,
        api_secret: str,
        quote: str,
        now_us: Callable[[], int],
        connect_timeout_s: float = 2,
        read_timeout_s: float = 10,
    ) -> None:
        self._quote = quote
        self._client = BinanceClient(
            url=url,
            api_key=api_key,
            api_secret=api_secret,
            now_us=now_us,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def sync_clock(self) -> None:
        """Compare our clock with the exchange's. Raises Unavailable."""
        await self._client.sync_clock()

    def now_ms(self) -> int:
        return self._client.now_ms()

    async def list_prices(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, int]:
        names = self._names(symbols)
        answers = await self._ask_named("/api/v3/ticker/price", list(names), list[Price])
        with _amounts_checked():
            prices = {
                names[row.symbol]: parse_units(row.price, PRICE_SCALE)
                for rows in answers
                for row in rows
                if row.symbol in names
            }
        return {symbol: price for symbol, price in prices.items() if price}

    async def list_rules(self, scales: Mapping[Symbol, int]) -> Mapping[Symbol, MarketRule | None]:
        names = self._names(tuple(scales))
        answers = await self._ask_named("/api/v3/exchangeInfo", list(names), ExchangeInfo)
        markets = [market for answer in answers for market in answer.symbols]
        rules: dict[Symbol, MarketRule | None] = dict.fromkeys(scales)
        if not markets:
            return rules
        account = await self._get_account()
        with _amounts_checked():
            fee_ppm = taker_fee_ppm(account.commission_rates)
            for market in markets:
                if symbol := names.get(market.symbol):
                    rules[symbol] = market_rule(market, scale=scales[symbol], fee_ppm=fee_ppm)
        return rules

    async def list_balances(self, scales: Mapping[str, int]) -> Mapping[str, int]:
        account = await self._get_account()
        with _amounts_checked():
            return {
                name: (fine(row.free) + fine(row.locked)) // unit(scales.get(name, USD_SCALE))
                for row in account.balances
                for name in (USD if row.asset == self._quote else row.asset,)
                if row.asset == self._quote
                or name != USD  # real dollars are not what we book as USD
            }

    async def submit(self, purchase: Purchase) -> Outcome:
        answer = await self._client.order(
            order_parameters(purchase, self._quote), NewOrder, until_ms=purchase.window_end_ms
        )
        if isinstance(answer, Refusal):
            return await self._rejection(purchase, answer)
        try:
            asked_for = is_asked_for(answer, purchase, self._quote)
            outcome = conclude(purchase, answer, answer.fills, self._quote)
        except ValueError as error:
            raise OutcomeUnknown(f"expected amounts in plain digits: {error}") from error
        if outcome is None or not asked_for:
            name, status = purchase.client_order_id, answer.status
            _log.warning("order %s: the answer (status %s) settles nothing", name, status)
            raise OutcomeUnknown(f"expected the end of order {name}, was status {status}")
        return outcome

    async def find(self, purchase: Purchase) -> Finding:
        # Asked first, so that the look-ups were answered at this time or later, never earlier.
        answered_ms = await self._client.sync_clock()
        with _amounts_checked():
            order = await find_order(self._client, purchase, self._quote)
            if order is None:
                return Absent(answered_ms=answered_ms)
            if not is_terminal(order):
                return Working()
            trades = await list_trades(self._client, order)
            return conclude(purchase, order, trades, self._quote) or Working()

    async def find_late(self, purchase: Purchase) -> Filled | None:
        with _amounts_checked():
            try:
                order = await find_named(self._client, purchase, self._quote)
            except Refused as refused:
                if refused.code == INVALID_SYMBOL:  # no longer listed: nothing is known of it
                    return None
                raise
            if order is None or order.time < purchase.timestamp_ms or not is_terminal(order):
                return None
            trades = await list_trades(self._client, order)
            outcome = conclude(purchase, order, trades, self._quote)
            return outcome if isinstance(outcome, Filled) else None

    def reach_ms(self) -> int:
        return _REACH_MS

    def _names(self, symbols: Sequence[Symbol]) -> dict[str, Symbol]:
        """Our symbols by their names at the exchange."""
        return {f"{symbol}{self._quote}": symbol for symbol in symbols}

    async def _get_account(self) -> Account:
        return await self._client.ask_signed(
            "/api/v3/account", {"omitZeroBalances": "true"}, Account
        )

    async def _ask_named(self, path: str, names: Sequence[str], answer: type[A]) -> list[A]:
        """Ask for all in one call, or for each alone if the exchange does not know one of them."""
        if not names:
            return []
        symbols = msgspec.json.encode(names).decode()
        try:
            return [await self._client.ask(path, {"symbols": symbols}, answer)]
        except Refused as refused:
            if refused.code not in {INVALID_SYMBOL, ILLEGAL_CHARACTERS}:
                raise
        if len(names) == 1:
            return []
        return [one for name in names for one in await self._ask_named(path, [name], answer)]

    async def _rejection(self, purchase: Purchase, refusal: Refusal) -> Rejected:
        rejected = classify(refusal)
        told = f"{refusal.code} {refusal.msg}"
        _log.warning("order %s: the exchange answered %s", purchase.client_order_id, told)
        if refusal.code == OUTSIDE_WINDOW:
            with suppress(Unavailable):
                await self._client.sync_clock()
        if rejected is None:
            raise OutcomeUnknown(f"expected a fill or a definite rejection, was {told}")
        return rejected


@contextmanager
def _amounts_checked() -> Iterator[None]:
    """An amount that is no plain decimal is as good as no answer."""
    try:
        yield
    except ValueError as error:
        raise Unavailable(f"expected amounts of the exchange in plain digits: {error}") from error
