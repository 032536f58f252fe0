"""M01–M33: the published list of bugs that such a harness has to find, as one-line patches.

Where today's code has no place for one, another of its class stands for it: `origin` says which.
"""

from __future__ import annotations

from crypto_exchange.entrypoints.testing.mutants.mutant import Mutant

_DOMAIN = "crypto_exchange.domain"
_MEMORY = "crypto_exchange.adapters.memory"

PUBLISHED = (
    Mutant(
        name="M01",
        title="the idempotency key of a command is not stored",
        module=f"{_DOMAIN}.change",
        before="return StoredRequest(user_id, request.operation, request.key,",
        after="return None and StoredRequest(user_id, request.operation, request.key,",
        origin="M01 idempotency key ignored",
    ),
    Mutant(
        name="M02",
        title="a wallet may be overdrawn by a cent",
        module=f"{_DOMAIN}.wallet",
        before="if wallet.balance < amount:",
        after="if wallet.balance + 1_000_000 < amount:",
        origin="M02 overdraft by 1 cent",
    ),
    Mutant(
        name="M03",
        title="an order of exactly the threshold waits",
        module=f"{_DOMAIN}.placement",
        before="direct = total >= policy.threshold",
        after="direct = total > policy.threshold",
        origin="M03 exactly $10 batched",
    ),
    Mutant(
        name="M04",
        title="orders of all assets are sealed together",
        module=f"{_DOMAIN}.state",
        before="if o.asset == symbol and is_loose(o)",
        after="if is_loose(o)",
        origin="M04 one batch for all assets",
    ),
    Mutant(
        name="M05",
        title="orders that reach the threshold exactly are not sealed",
        module=f"{_DOMAIN}.aggregation",
        before="enough = total >= self.policy.threshold or below",
        after="enough = total > self.policy.threshold or below",
        origin="M05 > for >= at the threshold",
    ),
    Mutant(
        name="M06",
        title="orders that wait join a batch that is under way",
        module=f"{_DOMAIN}.state",
        before="if order.batch == key)",
        after="if order.batch in (key, None) and order.asset == batch.asset)",
        origin="M06 order joins a submitted batch",
    ),
    Mutant(
        name="M07",
        title="only the last order counts towards the threshold",
        module=f"{_DOMAIN}.aggregation",
        before="quantity, total = wider",
        after="quantity, total = wider[0], order.total",
        origin="M07 batch total not updated",
    ),
    Mutant(
        name="M08",
        title="a purchase without an answer is sent again under a new name",
        module=f"{_DOMAIN}.use_cases.trading",
        before="await _note_lost(context, key, purchase.attempt)",
        after="await context.exchange.submit(msgspec.structs.replace(purchase, attempt=99))",
        origin="M08 retry with a new client id (double buy)",
    ),
    Mutant(
        name="M09",
        title="no answer is taken for a rejection",
        module=f"{_DOMAIN}.use_cases.trading",
        before="await _note_lost(context, key, purchase.attempt)",
        after=(
            "await _conclude(context, key, purchase.attempt, Rejected("
            'kind=attempt.RejectionKind.FINAL, code="timeout", message="no answer"))'
        ),
        origin="M09 timeout treated as reject",
    ),
    Mutant(
        name="M10",
        title="a purchase is sent under a name that nobody wrote down",
        module=f"{_DOMAIN}.use_cases.trading",
        before="await context.exchange.submit(purchase)",
        after=(
            "await context.exchange.submit("
            "msgspec.structs.replace(purchase, batch=context.ids.new_key()))"
        ),
        origin="M10 client id not persisted before the call",
    ),
    Mutant(
        name="M11",
        title="a purchase that never reached the exchange is not tried again",
        module=f"{_DOMAIN}.attempt",
        before="return earliest_ms < absent.answered_ms <= purchase.timestamp_ms + reach_ms",
        after="return False",
        origin="M11 unknown, not found, never retried",
    ),
    Mutant(
        name="M12",
        title="a trade that is reported twice is settled twice",
        module=f"{_DOMAIN}.purchase",
        before="if len(self.fills) > 1:",
        after="if not self.fills:",
        origin="replaces M12 duplicate settlement credits twice: a closed batch cannot be settled",
    ),
    Mutant(
        name="M13",
        title="a purchase filled in part is settled as if it were whole",
        module=f"{_DOMAIN}.statement",
        before="units = self.used",
        after="units = self.used + self.bought - self.filled",
        origin="M13 partial fill booked as full",
    ),
    Mutant(
        name="M14",
        title="units that cannot be split evenly are given to nobody",
        module=f"{_DOMAIN}.allocation",
        before="for index in by_remainder[: amount - sum(parts)]:",
        after="for index in by_remainder[:0]:",
        origin="M14 floor allocation loses units",
    ),
    Mutant(
        name="M15",
        title="shares are rounded to the nearest unit",
        module=f"{_DOMAIN}.allocation",
        before="parts = [floor for floor, _ in shares]",
        after="parts = [round(amount * weight / whole) for weight in weights]",
        origin="M15 float/round allocation creates units",
    ),
    Mutant(
        name="M16",
        title="cents of a cost that cannot be split evenly are charged to nobody",
        module=f"{_DOMAIN}.allocation",
        before="charges = allocate(cents, totals, ties)",
        after="charges = [cents * total // sum(totals) for total in totals]",
        origin="M16 cents lost in pro rata spend",
    ),
    Mutant(
        name="M17",
        title="an order filled in part gets nothing back",
        module=f"{_DOMAIN}.settlement",
        before="if charged < order.total:",
        after="if not charged:",
        origin="M17 unspent cents not refunded",
    ),
    Mutant(
        name="M18",
        title="an order filled in part gets all of its total back",
        module=f"{_DOMAIN}.settlement",
        before="order.total - charged, at_us=at_us)",
        after="order.total, at_us=at_us)",
        origin="M18 refund after settled",
    ),
    Mutant(
        name="M19",
        title="orders fail without their money coming back",
        module=f"{_DOMAIN}.intent",
        before="o.total, at_us=at_us) for o in orders)",
        after="o.total, at_us=at_us) for o in orders[1:])",
        origin="M19 refunded state without the money",
    ),
    Mutant(
        name="M20",
        title="what an exchange delivers of a batch is split equally",
        module=f"{_DOMAIN}.allocation",
        before="shared = allocate(left, [m.quantity for m in group], _ties(group))",
        after="shared = allocate(left, [1 for m in group], _ties(group))",
        origin="M20 equal instead of pro rata split",
    ),
    Mutant(
        name="M21",
        title="no order is ever overdue",
        module=f"{_DOMAIN}.order",
        before="return at_us >= self.created_at_us + policy.max_wait_us",
        after="return False",
        origin="M21 max-wait never fires",
    ),
    Mutant(
        name="M22",
        title="a wallet's version is not compared when it is written",
        module=f"{_DOMAIN}.state",
        before="if current is None or current.version != change.wallet.version:",
        after="if current is None:",
        origin="M22 read-modify-write without lock or version",
    ),
    Mutant(
        name="M23",
        title="nobody looks after a purchase whose sender died",
        module=f"{_DOMAIN}.intent",
        before="return stamp.at_us + (policy.window_ms * 1_000 if plan.buy else 0)",
        after="return stamp.at_us + (1 << 61 if plan.buy else 0)",
        origin=(
            "replaces M23 crash between debit and batch append loses the order:"
            " an order waits from its debit on, but a batch can be lost"
        ),
    ),
    Mutant(
        name="M24",
        title="a job that was done already makes one more attempt",
        module=f"{_DOMAIN}.use_cases.trading",
        before="if opened.batch.live:",
        after="if opened.batch.state is not BatchState.SEALED:",
        origin="replaces M24 redelivery after commit settles again: it buys again",
    ),
    Mutant(
        name="M25",
        title="the deadline is counted from the newest order that waits",
        module=f"{_MEMORY}.read_models",
        before="oldest_us=min(order.created_at_us for order in orders)",
        after="oldest_us=max(order.created_at_us for order in orders)",
        origin="replaces M25 max-wait on the wall clock: the domain has no clock to read",
    ),
    Mutant(
        name="M26",
        title="a fee in coin is taken of all that was asked for, also of what was not filled",
        module=f"{_DOMAIN}.statement",
        before="units += fill.quantity - (fill.fee if fill.fee_currency == self.asset else 0)",
        after=(
            "units += fill.quantity - (fill.fee * self.bought // max(self.filled, 1) "
            "if fill.fee_currency == self.asset else 0)"
        ),
        origin="M26 fee on full instead of filled notional",
    ),
    Mutant(
        name="M27",
        title="a price loses digits on its way in",
        module=f"{_DOMAIN}.state",
        before="repriced(self.assets[symbol], prices[symbol], at_us)",
        after="repriced(self.assets[symbol], round(prices[symbol], -10), at_us)",
        origin="replaces M27 float at the JSON boundary: among the mutants of the servers",
    ),
    Mutant(
        name="M28",
        title="refunds of several orders go to the owner of the first",
        module=f"{_DOMAIN}.intent",
        before="refund(o.user_id, o.id, o.total, at_us=at_us)",
        after="refund(orders[0].user_id, o.id, o.total, at_us=at_us)",
        origin="M28 refund to the wrong user",
    ),
    Mutant(
        name="M29",
        title="a fill that comes after its refund is dropped",
        module=f"{_DOMAIN}.use_cases.reconciliation",
        before="bought += await _buy_late(context, purchase, filled)",
        after="bought += 1",
        origin="M29 late fill after refund dropped silently",
    ),
    Mutant(
        name="M30",
        title="an asset gets the price of another one",
        module=f"{_DOMAIN}.state",
        before="repriced(self.assets[symbol], prices[symbol], at_us)",
        after="repriced(self.assets[symbol], next(iter(prices.values())), at_us)",
        origin="M30 price of another asset",
    ),
    Mutant(
        name="M31",
        title="an idempotency key is found whoever used it",
        module=f"{_MEMORY}.unit_of_work",
        before="return self._state.requests.get((user_id, operation, key))",
        after=(
            "return next((r for r in self._state.requests.values()"
            " if (r.operation, r.key) == (operation, key)), None)"
        ),
        origin="M31 key scoped across users",
    ),
    Mutant(
        name="M32",
        title="an idempotency key is taken with another command",
        module=f"{_DOMAIN}.use_cases.wallets",
        before="if stored is not None and stored.fingerprint != request.fingerprint:",
        after="if stored is not None and stored.operation != request.operation:",
        origin="M32 same key, other body accepted",
    ),
    Mutant(
        name="M33",
        title="rejections by rules are not counted: the purchase is tried for ever",
        module=f"{_DOMAIN}.attempt",
        before="counted = opened.batch.counted + 1",
        after="counted = opened.batch.counted",
        origin=(
            "replaces M33 remainder below the minimum resubmitted forever:"
            " a remainder is refunded, but a rejected purchase is tried again"
        ),
    ),
)
