"""What the paper exchange is started with."""

from decimal import Decimal
from pathlib import Path

import msgspec


class PaperRule(msgspec.Struct, frozen=True):
    """Market rule of one coin: quantities in whole coins, the minimum in the quote currency.

    `max_quantity` is the largest market order; `None` takes the default of the coin.
    """

    lot_step: Decimal
    min_notional: Decimal
    max_quantity: Decimal | None = None


class PaperConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one paper exchange; amounts have at most 8 decimals.

    The record of the account is `data_dir / "paper-exchange.sqlite3"`. A coin has a fixed price,
    a replayed candle file, or else a random walk that `seed` determines. `speed` is the multiple
    of real time at which candles are replayed. `latency_ms` delays the placing, testing and
    cancelling of orders: half before it takes effect, half before the answer; other calls are
    answered at once. `fee_in` is `quote`, `coin` (the currency received) or the symbol of a third
    coin.
    """

    host: str = "127.0.0.1"
    port: int
    data_dir: Path
    api_key: str
    api_secret: str
    quote: str = "USDT"
    seed: int = 0
    prices: dict[str, Decimal]
    candles: dict[str, Path]
    speed: Decimal = Decimal(1)
    latency_ms: int = 0
    fee_bps: Decimal = Decimal(10)
    fee_in: str = "quote"
    rules: dict[str, PaperRule]
