"""Any exchange that ccxt speaks to, behind the same port as our own adapter.

The quote coin is booked 1:1 as USD. What ccxt is not trusted with, and why, is in docs/adr.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from crypto_exchange.adapters.exchange.ccxt_amounts import exact, rounded_down, rounded_up
from crypto_exchange.adapters.exchange.ccxt_client import CcxtClient, NoSuchMarket
from crypto_exchange.adapters.exchange.ccxt_lookup import (
    find_late_order,
    find_order,
    get_order,
    list_trades,
)
from crypto_exchange.adapters.exchange.ccxt_markets import fee_ppm, market_rule
from crypto_exchange.adapters.exchange.ccxt_orders import (
    Order,
    conclude,
    is_asked_for,
    is_terminal,
    order_call,
    order_parameters,
    symbol_of,
)
from crypto_exchange.adapters.exchange.ccxt_venues import Expiry
from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.errors import OutcomeUnknown, Unavailable
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.ledger import USD
from crypto_exchange.domain.money import PRICE_SCALE, USD_SCALE
from crypto_exchange.domain.purchase import (
    Absent,
    Filled,
    Finding,
    Outcome,
    Purchase,
    Rejected,
    Working,
)

_PAUSES_S = (0.2, 0.5, 1.0)
"""Most exchanges answer a new order with its number alone: when they are asked what came of it."""

_PATIENCE_S = 8

_log = logging.getLogger(__name__)


class CcxtExchange:
    """The port `Exchange`. `now_us` is a clock of ours, in microseconds since any moment.

    Call `sync_clock` at the start and every few minutes.

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
        quote: str,
        now_us: Callable[[], int],
        connect_timeout_s: float = 2,
        read_timeout_s: float = 10,
    ) -> None:
        self._quote = quote
        self._client = CcxtClient(
            exchange_id,
            url=url,
            credentials=credentials,
            now_us=now_us,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
        )
        self._venue = self._client.venue

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def sync_clock(self) -> None:
        """Compare our clock with the exchange's. Raises Unavailable."""
        await self._client.sync_clock()

    def now_ms(self) -> int:
        return self._client.now_ms()

    def reach_ms(self) -> int:
        return self._venue.reach_ms

    async def list_prices(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, int]:
        names = await self._listed(symbols)
        rows = await self._list_prices(tuple(names)) if names else {}
        with _amounts_checked():
            prices = {
                names[name]: rounded_up(price, PRICE_SCALE)
                for name, row in rows.items()
                if name in names and (price := row.get("price") or row.get("last"))
            }
        return {symbol: price for symbol, price in prices.items() if price > 0}

    async def list_rules(self, scales: Mapping[Symbol, int]) -> Mapping[Symbol, MarketRule | None]:
        markets = await self._client.load_markets(again=True)
        names = await self._listed(tuple(scales))
        rules: dict[Symbol, MarketRule | None] = dict.fromkeys(scales)
        rates = await self._taker_rates(tuple(names))
        with _amounts_checked():
            for name, symbol in names.items():
                rules[symbol] = market_rule(
                    markets[name],
                    precision_mode=self._client.api.precisionMode,
                    scale=scales[symbol],
                    fee_ppm=fee_ppm(rates[name]),
                )
        return rules

    async def list_balances(self, scales: Mapping[str, int]) -> Mapping[str, int]:
        totals = (await self._get_balance()).get("total") or {}
        with _amounts_checked():
            return {
                name: rounded_down(amount, scales.get(name, USD_SCALE))
                for currency, amount in totals.items()
                if amount and exact(amount)
                for name in (USD if currency == self._quote else currency,)
                if currency == self._quote
                or name != USD  # real dollars are not what we book as USD
            }

    async def submit(self, purchase: Purchase) -> Outcome:
        call = order_call(purchase, self._venue)
        parameters = order_parameters(purchase, self._venue, call)
        answer = await self._client.order(symbol_of(purchase, self._quote), call, parameters)
        if isinstance(answer, tuple):
            told, rejected = answer
            _log.warning("order %s was refused: %s %s", call.name, *told)
            await self._compare_after(rejected)
            return rejected
        with suppress(ValueError):
            # Amounts or trades that are not there yet are asked for below.
            if is_asked_for(answer, purchase, self._venue, self._quote):
                outcome = conclude(purchase, answer, answer.get("trades") or (), self._quote)
                if outcome is not None:
                    return outcome
        outcome = await self._ask_for_the_end(purchase, answer)
        if outcome is None:
            _log.warning("order %s: nothing was settled yet", call.name)
            raise OutcomeUnknown(f"expected the end of order {call.name}, was not there yet")
        return outcome

    async def find(self, purchase: Purchase) -> Finding:
        # Asked first, so that the look-ups were answered at this time or later, never earlier.
        answered_ms = await self._client.sync_clock()
        with _amounts_checked():
            order = await find_order(self._client, purchase, self._quote)
            if order is not None:
                return await self._conclude(purchase, order) or Working()
        if self._venue.expiry is Expiry.NONE:
            return Working()
        return Absent(answered_ms=answered_ms)

    async def find_late(self, purchase: Purchase) -> Filled | None:
        outcome = None
        with _amounts_checked(), suppress(NoSuchMarket):  # no longer listed: nothing is known of it
            order = await find_late_order(self._client, purchase, self._quote)
            outcome = None if order is None else await self._conclude(purchase, order)
        return outcome if isinstance(outcome, Filled) else None

    async def _conclude(self, purchase: Purchase, order: Order) -> Outcome | None:
        """What came of our order, with its trades; None while that is open. Raises ValueError."""
        if not is_terminal(order):
            return None
        return conclude(purchase, order, await list_trades(self._client, order), self._quote)

    async def _ask_for_the_end(self, purchase: Purchase, order: Order) -> Outcome | None:
        """Look up what the exchange has just accepted, by its number, a few times."""
        if not order.get("id"):
            return None
        symbol = symbol_of(purchase, self._quote)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                for pause_s in _PAUSES_S:
                    await asyncio.sleep(pause_s)
                    with suppress(Unavailable, ValueError):
                        found = await get_order(self._client, str(order["id"]), symbol)
                        if is_asked_for(found, purchase, self._venue, self._quote):
                            outcome = await self._conclude(purchase, found)
                            if outcome is not None:
                                return outcome
        return None

    async def _compare_after(self, rejected: Rejected) -> None:
        """A refusal may be due to clocks that differ."""
        if any(word in rejected.message.lower() for word in ("timestamp", "expired", "nonce")):
            with suppress(Unavailable):
                await self._client.sync_clock()

    async def _listed(self, symbols: Sequence[Symbol]) -> dict[str, Symbol]:
        """Those of our symbols that are listed, by their market's name in ccxt."""
        markets = await self._client.load_markets()
        names = {f"{symbol}/{self._quote}": symbol for symbol in symbols}
        return {name: symbol for name, symbol in names.items() if name in markets}

    async def _list_prices(self, names: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        if self._client.can("fetch_last_prices"):
            ids = [self._client.api.markets[name]["id"] for name in names]
            compact = json.dumps(ids, separators=(",", ":"))
            parameters = {"symbols": compact} if self._venue.prices_by_id else {}
            rows: Mapping[str, Any] = await self._client.ask(
                "fetch_last_prices", list(names), parameters
            )
            return rows
        if self._client.can("fetch_tickers"):
            tickers: Mapping[str, Any] = await self._client.ask("fetch_tickers", list(names))
            return tickers
        return {name: await self._client.ask("fetch_ticker", name) for name in names}

    async def _taker_rates(self, names: Sequence[str]) -> Mapping[str, object]:
        """The fees of market buys: our account's, or where the exchange does not tell the usual ones."""
        rates: dict[str, object] = {n: self._client.api.markets[n].get("taker") for n in names}
        if self._venue.taker_in_balance and names:
            told = (await self._get_balance()).get("info")
            for step in self._venue.taker_in_balance:
                told = told.get(step) if isinstance(told, Mapping) else None
            rates = {name: told or rate for name, rate in rates.items()}
        elif self._client.can("fetch_trading_fee"):
            for name in names:
                told = (await self._client.ask("fetch_trading_fee", name)).get("taker")
                rates[name] = told or rates[name]
        return rates

    async def _get_balance(self) -> Mapping[str, Any]:
        balance: Mapping[str, Any] = await self._client.ask(
            "fetch_balance", dict(self._venue.balance)
        )
        return balance


@contextmanager
def _amounts_checked() -> Iterator[None]:
    """An amount that is no plain decimal is as good as no answer."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"expected an answer of the exchange, was one with {error}") from error
