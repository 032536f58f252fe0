"""What a scripted venue tells: situations that nobody can bring a venue into by trading there."""

from __future__ import annotations

import time

import msgspec

from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.purchase import Purchase

COIN = 10**8
RULE = MarketRule(
    lot_step=100,
    min_notional=5 * DOLLAR,
    min_quantity=200,
    max_quantity=90 * COIN,
    fee_ppm=1_000,
)


class ToldTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade of an order, at the order's time. Amounts are plain decimals, of coins and of dollars;
    the fee is taken in dollars ("USD"), in the asset, or in another coin.
    """

    quantity: str
    price: str
    fee: str = "0"
    fee_currency: str = "USD"


class ToldOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The order of a purchase, taken by the venue at `at_ms` of its clock.

    `status` is in the venue's own words; None: as it is after a whole fill. Unless `named`, who asks for
    it by our name learns that there is none; unless `listed`, it is in no list of orders yet. Its
    trades are listed always, and who asks by the venue's own name for it is told. `quantity` is what was
    ordered, in units of the asset; None: what the purchase asks for.
    """

    @property
    def ordered(self) -> int:
        """What the venue says that was ordered, in units of the asset."""
        return self.purchase.quantity if self.quantity is None else self.quantity

    purchase: Purchase
    at_ms: int
    trades: tuple[ToldTrade, ...]
    quantity: int | None = None
    status: str | None = None
    named: bool = True
    listed: bool = True


class Script(msgspec.Struct, kw_only=True):
    """A venue that trades one asset for dollars. It may be changed while an adapter talks to it.

    `price` is what it last traded at, a plain decimal. `rule` is in units of 10⁻⁸ coins, and told the hardest way that the venue has: where two of its
    rules apply to a market order, the other one is weaker. Of the asset, `others` orders of somebody
    else, each with one trade, were taken before those of `orders`: one a millisecond, from the first
    one's timestamp on. Lists are cut off as the venue cuts them off. `balances` are what is free and
    what is held for open orders, as plain decimals. `clock_delay_s` are the seconds that an answer to
    the question for the time is under way, after the clock was read. `look_up_ms` goes by at the venue
    after each answer to a question for orders or trades, which `looked_up_ms` notes the time of.
    Whatever new order comes is refused, and noted in `sent` under its name.
    """

    asset: Symbol = "BTC"
    price: str = "50000.00"
    rule: MarketRule = RULE
    orders: tuple[ToldOrder, ...] = ()
    others: int = 0
    balances: dict[str, tuple[str, str]] = {}
    clock_delay_s: float = 0
    look_up_ms: int = 0
    looked_up_ms: list[int] = []
    sent: list[str] = []
    ahead_ms: int = 0

    def now_ms(self) -> int:
        """The venue's clock."""
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def look_up(self) -> None:
        """Note that a question for orders or trades is answered now, and let the time go by."""
        self.looked_up_ms.append(self.now_ms())
        self.ahead_ms += self.look_up_ms
