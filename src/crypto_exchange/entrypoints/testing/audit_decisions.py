"""Audit decisions: what counts as a difference, and which of them are recorded, by the rules alone."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import msgspec
from hypothesis import strategies as st

from crypto_exchange.domain import audit
from crypto_exchange.domain.breaks import Break, BreakKind, Difference
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.views import Mirror
from crypto_exchange.entrypoints.testing.contracts.checks import Suite
from crypto_exchange.entrypoints.testing.decisions import tried
from crypto_exchange.entrypoints.testing.suite import KitOptions

_SCALES = {"USD": 8, "BTC": 8, "ETH": 18, "ABAN": 4, "OLD": 3}
_PRICES = {"BTC": 63_127 * 10**12, "ETH": 2_499 * 10**12, "ABAN": 20 * 10**12}
_CURRENCIES = (*_SCALES, "FEE")
_SUBJECTS = st.sampled_from(["user:1:USD", "user:1:BTC", "order:1:1"])
_DIFFERENCES = st.lists(
    st.builds(
        Difference,
        kind=st.sampled_from([BreakKind.BALANCE, BreakKind.COST, BreakKind.ORDER]),
        subject=_SUBJECTS,
        expected=st.integers(-5, 5),
        found=st.integers(-5, 5),
    ),
    max_size=6,
    unique_by=lambda each: (each.kind, each.subject),
)
_BALANCES = st.dictionaries(
    st.sampled_from(_CURRENCIES), st.integers(-(10**18), 10**18), max_size=len(_CURRENCIES)
)


class AuditDecisionTests(Suite, port="audit_decisions"):
    """What differs is recorded once; what a purchase under way explains is no difference."""

    def test_every_difference_has_one_open_break_of_its_kind_and_subject(
        self, kit_options: KitOptions
    ) -> None:
        """Whatever else is open of its kind, or of its subject."""

        def check(known: list[Difference], found: list[Difference]) -> None:
            opened = [_opened(each) for each in known]
            change = audit.open_breaks(found, opened, keys=map(str, count()), at_us=7)

            told = {(each.kind, each.subject) for each in known}
            missing = [each for each in found if (each.kind, each.subject) not in told]
            new = () if change is None else change.new_breaks
            assert [(b.kind, b.subject, b.expected, b.found) for b in new] == [
                (d.kind, d.subject, d.expected, d.found) for d in missing
            ]
            assert (change is None) == (not missing)

        tried(check, kit_options, _DIFFERENCES, _DIFFERENCES)

    def test_what_two_looks_agree_on_is_a_difference(self, kit_options: KitOptions) -> None:
        """The same amount of the same kind and subject, more or less than expected."""

        def check(before: list[Difference], now: list[Difference]) -> None:
            known = {(d.kind, d.subject): d.found - d.expected for d in before}
            agreed = [d for d in now if known.get((d.kind, d.subject)) == d.found - d.expected]
            assert audit.seen_twice(before, now) == agreed

        tried(check, kit_options, _DIFFERENCES, _DIFFERENCES)

    def test_without_purchases_every_unit_more_or_less_at_the_exchange_is_found(
        self, kit_options: KitOptions
    ) -> None:
        """In every currency, also in those that only the books or only the exchange knows; what either
        of two looks at the books explains is none.
        """

        def check(data: st.DataObject) -> None:
            found, before, now = (data.draw(balances) for _ in range(3))
            now = data.draw(st.sampled_from([now, before]))
            told = list(audit.compare_with_venue(found, _mirror(before), _mirror(now)))

            differing = {
                currency
                for currency in _CURRENCIES
                if found.get(currency, 0) not in (before.get(currency, 0), now.get(currency, 0))
            }
            assert {each.subject for each in told} == {f"venue:{c}" for c in differing}
            for each in told:
                currency = each.subject.removeprefix("venue:")
                amounts = now.get(currency, 0), found.get(currency, 0)
                assert (each.expected, each.found) == amounts
                assert each.scale == _SCALES.get(currency, 8)

        near = st.dictionaries(st.sampled_from(_CURRENCIES), st.integers(-2, 2))
        balances = st.one_of(_BALANCES, near)
        tried(check, kit_options, st.data())

    def test_what_a_purchase_under_way_may_have_moved_is_no_difference(
        self, kit_options: KitOptions
    ) -> None:
        """Its coins, dollars, and a fee of a thousandth in any currency; but nothing else."""

        def check(data: st.DataObject) -> None:
            asset, paid_in = data.draw(_ASSETS), data.draw(st.sampled_from(_CURRENCIES))
            quantity = data.draw(st.integers(1, 1_000)) * 10 ** (_SCALES[asset] - 3)
            purchase = Purchase(
                batch="0" * 24,
                attempt=1,
                asset=asset,
                scale=_SCALES[asset],
                quantity=quantity,
                timestamp_ms=1,
                window_ms=5_000,
            )
            kept = dict.fromkeys(_CURRENCIES, 10**24)
            mirror = msgspec.structs.replace(_mirror(kept), in_flight=(purchase,))
            cost = quantity * _PRICES[asset] // 10 ** (_SCALES[asset] + 4)
            found = dict(kept)
            found[asset] += quantity
            found["USD"] -= cost
            found[paid_in] -= _worth(cost // 1_000, paid_in)
            assert list(audit.compare_with_venue(found, mirror, mirror)) == []

            for currency in _CURRENCIES:
                most = kept[currency] + (quantity if currency == asset else 0)
                more = {**found, currency: most + 1}
                told = list(audit.compare_with_venue(more, mirror, mirror))
                assert [each.subject for each in told] == [f"venue:{currency}"]

        tried(check, kit_options, st.data())


_ASSETS = st.sampled_from(sorted(_PRICES))


def _opened(difference: Difference) -> Break:
    return Break(**msgspec.structs.asdict(difference), key="known", opened_at_us=1)


def _mirror(balances: Mapping[str, int]) -> Mirror:
    return Mirror(balances=dict(balances), scales=_SCALES, in_flight=(), prices=_PRICES)


def _worth(usd: int, currency: str) -> int:
    """So many 10⁻⁸ dollars in units of a currency; what has no price is worth a dollar."""
    price, scale = _PRICES.get(currency, 10**12), _SCALES.get(currency, 8)
    return int(usd * 10 ** (scale + 4) // price)
