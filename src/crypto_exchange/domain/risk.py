"""Risk: what the fraud rules say of an order or a withdrawal, from what its user has done so far.

Each rule looks at one thing and names a verdict, mostly in steps of its limit; the strictest holds, and
all that say anything are its reasons. They are pure, so the same events give the same assessments
again. Fixed windows let through up to twice a limit around their edge; the steps take that into account.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from crypto_exchange.domain.activity import Activity, Signals
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.kind import Kind
from crypto_exchange.domain.money import BPS
from crypto_exchange.domain.risk_policy import RiskPolicy

RULES_VERSION = 1
"""Raised with every change of a rule or of what a verdict follows from, not of a limit."""


class Verdict(Kind):
    """From lenient to strict: let it pass, ask for the second factor, let somebody look, say no."""

    ALLOW = "allow"
    CHALLENGE = "challenge"
    HOLD = "hold"
    DENY = "deny"

    @property
    def strictness(self) -> int:
        """0 to 3."""
        return _STRICTNESS[self]


_VERDICTS = tuple(Verdict)
_STRICTNESS = {verdict: number for number, verdict in enumerate(_VERDICTS)}
_ALLOW, _CHALLENGE, _HOLD, _DENY = _VERDICTS
_NOTHING = Signals()


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict with its reasons (names of rules), the version of the rules, and what of the worker's
    findings they were shown; what they saw else follows from the user's events.
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    rules: int = RULES_VERSION
    signals: Signals = _NOTHING

    @property
    def text(self) -> str:
        """As it is kept: `allow/1`, `hold/1 velocity_minute,score`, and the signals if there are any."""
        parts = [f"{self.verdict.value}/{self.rules}"]
        if self.reasons or self.signals != _NOTHING:
            parts.append(",".join(self.reasons) or "-")
        if self.signals != _NOTHING:
            parts.append(_signals_text(self.signals))
        return " ".join(parts)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What is assessed: an amount (10⁻⁸ dollars), what its user had done before, what they will have done
    with it, and what is known besides. `small` orders are below the threshold; withdrawals above
    `step_up` need the second factor anyway (None: none does).
    """

    amount: int
    before: Activity
    after: Activity
    signals: Signals
    at_us: int
    small: bool = False
    step_up: int | None = None


def assess_order(case: Case, policy: RiskPolicy) -> Assessment:
    """What the rules for orders say."""
    return _assess(case, policy, _ORDER_RULES)


def assess_withdrawal(case: Case, policy: RiskPolicy) -> Assessment:
    """What the rules for withdrawals say."""
    return _assess(case, policy, _WITHDRAWAL_RULES)


def find_signals(signals: Signals | None, policy: RiskPolicy, at_us: int) -> Signals:
    """What the worker has found lately; nothing if it has not looked for long."""
    if signals is None or at_us - signals.at_us > policy.signals_max_age_us:
        return _NOTHING
    return msgspec.structs.replace(signals, at_us=0)


def parse_assessment(text: str) -> Assessment:
    """Read what `Assessment.text` wrote.

    Raises:
        InvariantViolation: it did not.
    """
    head, _, rest = text.partition(" ")
    verdict, _, rules = head.partition("/")
    reasons, _, signals = rest.partition(" ")
    try:
        return Assessment(
            verdict=Verdict(verdict),
            reasons=tuple(reasons.split(",")) if reasons not in ("", "-") else (),
            rules=int(rules),
            signals=_read_signals(signals) if signals else _NOTHING,
        )
    except ValueError as error:
        raise InvariantViolation(f"no assessment: {text!r}") from error


def velocity_minute(case: Case, policy: RiskPolicy) -> Verdict:
    """More orders in a minute than a person places: card testing and runaway programs alike (the
    measure that OWASP's handbook of automated threats names first, for OAT-001 "carding").
    """
    return _in_steps(case.after.minute.count, policy.orders_per_minute, worst=_DENY)


def velocity_hour(case: Case, policy: RiskPolicy) -> Verdict:
    """More orders in an hour than a customer's program places."""
    return _in_steps(case.after.hour.count, policy.orders_per_hour)


def dollars_day(case: Case, policy: RiskPolicy) -> Verdict:
    """More dollars in a day than retail customers spend: what an account taken over is emptied by."""
    return _in_steps(case.after.day.total, policy.dollars_per_day)


def out_of_proportion(case: Case, policy: RiskPolicy) -> Verdict:
    """Many times the largest order so far, of somebody who has ordered before (amount against own
    history, the first sign of somebody else's hand in FFIEC's guidance on anomalous behaviour).
    """
    before = case.before
    if before.orders < policy.history_orders or case.amount < policy.history_minimum:
        return _ALLOW
    return _CHALLENGE if case.amount >= policy.history_factor * before.largest else _ALLOW


def structuring(case: Case, policy: RiskPolicy) -> Verdict:
    """Orders cut to stay just under the threshold (31 U.S.C. § 5324 is the model of such rules: what
    counts is the pattern, not the single amount).
    """
    if case.after.under == case.before.under:
        return _ALLOW
    return _HOLD if case.after.under.count > policy.under_per_day else _ALLOW


def accounts_on_address(case: Case, policy: RiskPolicy) -> Verdict:
    """More accounts in a day from one address than an office has people who trade."""
    return _in_steps(case.signals.on_address, policy.accounts_on_address, worst=_CHALLENGE)


def accounts_on_device(case: Case, policy: RiskPolicy) -> Verdict:
    """More accounts in a day on one device than a family has members: a farm of accounts."""
    return _in_steps(case.signals.on_device, policy.accounts_on_device)


def linked_orders(case: Case, policy: RiskPolicy) -> Verdict:
    """Many tiny orders over accounts of one address or device: one person behind many names."""
    signals = case.signals
    if not case.small or signals.linked < policy.linked_accounts:
        return _ALLOW
    placed = signals.linked_orders + case.after.hour.count
    return _HOLD if placed > policy.linked_orders else _ALLOW


def withdrawals_day(case: Case, policy: RiskPolicy) -> Verdict:
    """More withdrawals in a day than anybody needs."""
    return _in_steps(case.after.withdrawals.count, policy.withdrawals_per_day)


def withdrawn_day(case: Case, policy: RiskPolicy) -> Verdict:
    """More dollars withdrawn in a day than is usual."""
    return _in_steps(case.after.withdrawals.total, policy.withdrawn_per_day)


def split_withdrawals(case: Case, policy: RiskPolicy) -> Verdict:  # noqa: ARG001 - as every rule
    """Withdrawals of a day that together need the second factor, each cut to do without."""
    if case.step_up is None or case.amount > case.step_up:
        return _ALLOW
    return _CHALLENGE if case.after.withdrawals.total > case.step_up else _ALLOW


def new_account(case: Case, policy: RiskPolicy) -> Verdict:
    """A withdrawal from an account that has just been made, of which nobody knows yet whose money
    came in. When accounts from before were made is not known, and long ago.
    """
    registered = case.before.registered_at_us
    young = registered > 0 and case.at_us - registered < policy.new_account_us
    return _HOLD if young and case.amount > policy.new_account_withdrawal else _ALLOW


def untraded(case: Case, policy: RiskPolicy) -> Verdict:
    """Money that comes in and leaves again with next to nothing traded: layering, the second step of
    laundering in FATF's terms (its red flags for virtual assets name just this). What may still come
    back does not count as traded.
    """
    before = case.before
    lately = before.deposited > 0 and case.at_us - before.deposited_at_us < policy.untraded_us
    if not lately or case.amount < policy.untraded_minimum:
        return _ALLOW
    traded = before.surely_traded(case.at_us)
    return _HOLD if traded * BPS < before.deposited * policy.untraded_bps else _ALLOW


def linked_accounts(case: Case, policy: RiskPolicy) -> Verdict:
    """A withdrawal by one of many accounts of the same address or device."""
    return _CHALLENGE if case.signals.linked >= policy.linked_accounts else _ALLOW


_Rule = Callable[[Case, RiskPolicy], Verdict]
_ORDER_RULES: tuple[tuple[str, _Rule], ...] = tuple(
    (rule.__name__, rule)
    for rule in (
        velocity_minute,
        velocity_hour,
        dollars_day,
        out_of_proportion,
        structuring,
        accounts_on_address,
        accounts_on_device,
        linked_orders,
    )
)
_WITHDRAWAL_RULES: tuple[tuple[str, _Rule], ...] = tuple(
    (rule.__name__, rule)
    for rule in (
        withdrawals_day,
        withdrawn_day,
        split_withdrawals,
        new_account,
        untraded,
        accounts_on_device,
        linked_accounts,
    )
)
RULES = (*dict((*_ORDER_RULES, *_WITHDRAWAL_RULES)), "score")
"""Every reason that there can be."""


def _assess(case: Case, policy: RiskPolicy, rules: Sequence[tuple[str, _Rule]]) -> Assessment:
    worst, reasons = 0, []
    for name, rule in rules:
        verdict = rule(case, policy)
        if verdict is not _ALLOW:
            reasons.append(name)
            worst = max(worst, _STRICTNESS[verdict])
    if reasons and case.signals.score >= policy.score_from:
        # A model alone decides nothing: it makes one step more of what a rule has said. It also looks at
        # what others do, by which nobody is denied anything.
        reasons.append("score")
        worst = max(worst, min(worst + 1, _STRICTNESS[_HOLD]))
    return Assessment(verdict=_VERDICTS[worst], reasons=tuple(reasons), signals=case.signals)


def _in_steps(found: int, limit: int, *, worst: Verdict = _HOLD) -> Verdict:
    """Over the limit, over twice, over four times: one step each, from a challenge to the worst."""
    if found <= limit:
        return _ALLOW
    steps = (found > 2 * limit) + (found > 4 * limit)
    return _VERDICTS[min(_STRICTNESS[_CHALLENGE] + steps, _STRICTNESS[worst])]


def _signals_text(signals: Signals) -> str:
    """Numbers in the order of the fields, then version and features."""
    numbers = (signals.on_address, signals.on_device, signals.linked, signals.linked_orders)
    words = [*map(str, (*numbers, signals.score)), signals.model, "+".join(signals.top)]
    return ":".join(words)


def _read_signals(text: str) -> Signals:
    *numbers, model, top = text.split(":")
    address, device, linked, orders, score = map(int, numbers)
    return Signals(
        on_address=address,
        on_device=device,
        linked=linked,
        linked_orders=orders,
        score=score,
        model=model,
        top=tuple(top.split("+")) if top else (),
    )
