"""Late fill: decides what becomes of a purchase that the exchange executed after it was given up.

Its batch has moved on, so the members must not pay for it: the house buys it into the inventory, above
the cap if need be, and a break record asks somebody to look at the exchange that broke its promise.
"""

from __future__ import annotations

from crypto_exchange.domain.audit import break_opened
from crypto_exchange.domain.booking import Buyer, book_fill
from crypto_exchange.domain.breaks import Break, BreakKind
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.events import LateFillBought
from crypto_exchange.domain.ledger import AccountKind, house_account
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.purchase import Filled, Purchase, PurchaseTrigger, fees, move

ALWAYS_US = 15 * 60 * SECOND_US
LATEST_US = 24 * 3600 * SECOND_US


def is_asked_after(age_us: int, every_us: int) -> bool:
    """Whether a look at attempts that were given up, taken every so often, asks after one of that age.

    In the first quarter of an hour each does, then one or two in the time it takes the age to double,
    for a day. What comes later only the balances tell.
    """
    rounds = age_us // every_us
    doubled = rounds.bit_length() > (rounds - 2).bit_length()
    return age_us <= ALWAYS_US or (doubled and age_us <= LATEST_US)


def buy_late(purchase: Purchase, filled: Filled, *, key: str, at_us: int) -> Change:
    """Book the fills of an attempt that had been given up as the house's; `key` names the break.

    Raises:
        InvariantViolation: the attempt was not given up, or this was booked before.
    """
    after = move(purchase, PurchaseTrigger.FILL_LATE)
    cost = sum(each.cost for each in filled.fills)
    found = Break(
        key=key,
        kind=BreakKind.LATE_FILL,
        subject=purchase.client_order_id,
        expected=0,
        found=filled.quantity,
        scale=purchase.scale,
        opened_at_us=at_us,
    )
    told = LateFillBought(
        at_us=at_us,
        batch=purchase.batch,
        attempt=purchase.attempt,
        asset=purchase.asset,
        bought=filled.quantity,
        cost=cost,
        fees=fees(filled.fills),
    )
    house = Buyer(
        purchase.asset,
        house_account(AccountKind.INVENTORY, purchase.asset),
        house_account(AccountKind.PNL),
    )
    return Change(
        purchases=(Transition(purchase, after),),
        fills=tuple((purchase, each) for each in filled.fills),
        transfers=tuple(t for each in filled.fills for t in book_fill(each, house, at_us)),
        new_breaks=(found,),
        events=(told, break_opened(found)),
    )
