"""M68 and on: bugs of which somebody who did not know the kit planted one, and it found none at first."""

from __future__ import annotations

from crypto_exchange.entrypoints.testing.mutants.mutant import Mutant

_DOMAIN = "crypto_exchange.domain"
_MEMORY = "crypto_exchange.adapters.memory"

STRANGERS = (
    Mutant(
        name="M68",
        title="what the house has is not counted where orders end at the exchange's maximum",
        module=f"{_DOMAIN}.plan",
        before="return need > 0 and _gross(need, self.asset, self.policy) > maximum",
        after="return _gross(quantity, self.asset, self.policy) > maximum",
    ),
    Mutant(
        name="M69",
        title="the first order that cannot come along keeps all later ones away",
        module=f"{_DOMAIN}.intent",
        before="            plan, quantity, total = wider, quantity + small.quantity, total + small.total",
        after="            plan, quantity, total = wider, quantity + small.quantity, total + small.total\n        else:\n            break",
    ),
    Mutant(
        name="M70",
        title="an overdue order calls for the others only if it passes the price guard itself",
        module=f"{_DOMAIN}.aggregation",
        before="overdue = min(waiting, key=_PLACED).is_overdue(self.policy, self.stamp.at_us)",
        after="overdue = any(o.is_overdue(self.policy, self.stamp.at_us) for o in passing)",
    ),
    Mutant(
        name="M71",
        title="overdue orders that the next purchase would buy are refunded",
        module=f"{_DOMAIN}.aggregation",
        before="        self.untried.update(stay)",
        after="        del chosen",
    ),
    Mutant(
        name="M72",
        title="a large order behind others that cannot be bought is never looked at",
        module=f"{_DOMAIN}.aggregation",
        before="cut_off = limit in (len(book.waiting), len(book.direct))",
        after="cut_off = limit == len(book.waiting)",
    ),
    Mutant(
        name="M73",
        title="coins of the house end the back-off of an exchange that sells nothing",
        module=f"{_DOMAIN}.settlement",
        before="retry_at_us=before.retry_at_us if opened.purchase is None else 0,",
        after="retry_at_us=0,",
    ),
    Mutant(
        name="M74",
        title="an exchange that has forgotten an order proves that it never came",
        module=f"{_DOMAIN}.attempt",
        before="return earliest_ms < absent.answered_ms <= purchase.timestamp_ms + reach_ms",
        after="return earliest_ms < absent.answered_ms",
    ),
    Mutant(
        name="M75",
        title="the answer to one attempt ends the next one",
        module=f"{_DOMAIN}.use_cases.trading",
        before="live = opened.batch.live and opened.batch.attempt == number",
        after="live = opened.batch.live",
    ),
    Mutant(
        name="M76",
        title="what was asked before a quarantine leads out of it",
        module=f"{_DOMAIN}.use_cases.trading",
        before="if opened.purchase is not None and opened.purchase.state is PurchaseState.QUARANTINED:",
        after="if opened.purchase is None:",
    ),
    Mutant(
        name="M77",
        title="after a rejection by the rules the old ones do if none can be read",
        module=f"{_DOMAIN}.use_cases.trading",
        before="            return False",
        after="            return True",
    ),
    Mutant(
        name="M78",
        title="orders of an asset in quarantine are taken until its next price",
        module=f"{_DOMAIN}.use_cases.trading",
        before="if change is not None and change.assets:",
        after="if change is not None and change.new_assets:",
    ),
    Mutant(
        name="M79",
        title="an operator's word that an executed order was rejected is believed",
        module=f"{_DOMAIN}.use_cases.reconciliation",
        before="if not isinstance(finding, Filled):",
        after="if isinstance(finding, Absent):",
    ),
    Mutant(
        name="M80",
        title="coins found at the exchange are booked in units of another scale",
        module=f"{_DOMAIN}.use_cases.house",
        before="await context.exchange.list_balances(scales)",
        after="await context.exchange.list_balances({})",
    ),
    Mutant(
        name="M81",
        title="a command that lost a race may lose it again for ever",
        module=f"{_DOMAIN}.use_cases.context",
        before="            lock = True",
        after="            lock = False",
    ),
    Mutant(
        name="M82",
        title="purchases are signed with our own clock while the exchange's is not known",
        module=f"{_DOMAIN}.use_cases.context",
        before="            exchange_ms = None",
        after="            exchange_ms = self.clock.now_us() // 1_000",
    ),
    Mutant(
        name="M83",
        title="an attempt is taken for lost while its sender may still tell",
        module=f"{_DOMAIN}.intent",
        before="return stamp.at_us + (policy.window_ms * 1_000 if plan.buy else 0)",
        after="return stamp.at_us + (policy.window_ms if plan.buy else 0)",
    ),
    Mutant(
        name="M84",
        title="of a subject one break hides those of every other kind",
        module=f"{_DOMAIN}.audit",
        before="if (difference.kind, difference.subject) not in told",
        after="if difference.subject not in {subject for _, subject in told}",
    ),
    Mutant(
        name="M85",
        title="a fee in coins of a purchase under way is a break",
        module=f"{_DOMAIN}.audit",
        before="return -_highest_fee(mirror, currency, value), coming",
        after="return 0, coming",
    ),
    Mutant(
        name="M86",
        title="a balance that no transfer explains is not noticed",
        module=f"{_MEMORY}.audit",
        before="for account in {**expected, **found}:",
        after="for account in expected:",
    ),
    Mutant(
        name="M87",
        title="a late fill is only found where an early one would be",
        module=f"{_MEMORY}.exchange",
        before="found is not None and _is_same(found, purchase) else None",
        after="found is not None and _is_ours(found, purchase) else None",
    ),
    Mutant(
        name="M88",
        title="a job that is cut off is lost",
        module=f"{_MEMORY}.queue",
        before="                self._broker.jobs.append((name, ids))",
        after="                LOG.info(name)",
    ),
)
