"""What the fraud rules find and whom they disturb, over simulated people.

python benchmarks/fraud.py [--users 500] [--actors 20] [--days 14] [--seed 1] [--json]

`fraud_traffic.py` says who they are, `fraud_service.py` how they are decided on.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from fraud_service import RULES, Decision, Service, is_strict, stops
from fraud_traffic import SCENARIOS, make_traffic

from crypto_exchange.adapters.fraud import HalfSpaceScorer
from crypto_exchange.domain.risk import Assessment


class Report:
    """What was found: by scenario, by rule, and of customers."""

    def __init__(self, service: Service, decisions: list[Decision]) -> None:
        self.service = service
        self.by_actor: dict[str, list[Decision]] = defaultdict(list)
        self.normal: list[Decision] = []
        for each in decisions:
            person = service.accounts[each.command.person].person
            if each.command.abuse:
                self.by_actor[person.actor].append(each)
            else:
                self.normal.append(each)
        self.took_us = statistics.median(each.took_ns for each in decisions) / 1_000

    def scenarios(self) -> dict[str, dict[str, Any]]:
        """Of each scenario: the share of actors that were stopped, and what they had got by then."""
        found = {}
        for scenario in SCENARIOS:
            name = scenario.__name__
            actors = [each for key, each in self.by_actor.items() if key.startswith(name)]
            stopped = [(a, n) for a in actors if (n := _first(a, stops)) is not None]
            firsts = [n for _, n in stopped]
            waits = [(a[n].command.at - a[0].command.at) / 1e6 for a, n in stopped]
            found[name] = {
                "actors": len(actors),
                "recall": len(firsts) / len(actors),
                "held": sum(_first(actor, is_strict) is not None for actor in actors) / len(actors),
                "passed": statistics.median(firsts) if firsts else None,
                "seconds": statistics.median(waits) if waits else None,
                "through": sum(_through(actor) for actor in actors) / sum(map(_asked, actors)),
            }
        return found

    def customers(self) -> dict[str, Any]:
        """How often rules stop whom they should not."""
        people = {each.command.person for each in self.normal}
        stopped = [each for each in self.normal if stops(each.assessment)]
        held = [each for each in self.normal if is_strict(each.assessment)]
        return {
            "users": len(people),
            "decisions": len(self.normal),
            "users_stopped": len({each.command.person for each in stopped}) * 1_000 / len(people),
            "users_held": len({each.command.person for each in held}) * 1_000 / len(people),
            "decisions_stopped": len(stopped) * 1_000 / len(self.normal),
            "decisions_held": len(held) * 1_000 / len(self.normal),
            "rules": dict(Counter(r for each in stopped for r in each.assessment.reasons)),
        }

    def scores(self) -> dict[str, float]:
        """The share of decisions at which the account's score counted, of whom it should and should not."""
        found = {"customers": _share(self.normal)}
        for scenario in SCENARIOS:
            name = scenario.__name__
            of_it = [d for key, each in self.by_actor.items() if key.startswith(name) for d in each]
            found[name] = _share(of_it)
        return found

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "scenarios": self.scenarios(),
            "customers": self.customers(),
            "scores": self.scores(),
            "assess_us": self.took_us,
        }


def _first(actor: list[Decision], found: Callable[[Assessment], bool]) -> int | None:
    return next((i for i, each in enumerate(actor) if found(each.assessment)), None)


def _share(decisions: list[Decision]) -> float:
    counted = [each.assessment.signals.score >= RULES.score_from for each in decisions]
    return sum(counted) / len(counted)


def _asked(actor: list[Decision]) -> int:
    return sum(each.command.amount for each in actor)


def _through(actor: list[Decision]) -> int:
    return sum(each.command.amount for each in actor if not stops(each.assessment))


def main() -> None:
    """Print what is found with the rules alone, and with the learned score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--actors", type=int, default=20)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    people, commands = make_traffic(options.seed, options.users, options.actors, options.days)
    reports = {}
    for name, scorer in (("rules", None), ("rules and score", HalfSpaceScorer())):
        service = Service(people, scorer)
        reports[name] = Report(service, list(service.run(commands))).as_json()
    if options.json:
        print(json.dumps(reports))
        return
    for name, report in reports.items():
        show(name, report)


def show(name: str, report: dict[str, Any]) -> None:
    """One report as a table."""
    print(f"{name}: {report['assess_us']:.1f} µs per decision")
    print(
        f"  {'scenario':<14}{'actors':>7}{'stopped':>9}{'held':>7}{'before':>8}{'after':>9}{'through':>9}"
    )
    for scenario, row in report["scenarios"].items():
        print(
            f"  {scenario:<14}{row['actors']:>7}{row['recall']:>9.0%}{row['held']:>7.0%}"
            f"{row['passed'] if row['passed'] is not None else '-':>8}"
            f"{_duration(row['seconds']):>9}{row['through']:>9.0%}"
        )
    customers = report["customers"]
    print(
        f"  {customers['users']:,} customers, {customers['decisions']:,} decisions; of a thousand"
        f" customers {customers['users_stopped']:.1f} are stopped once or more,"
        f" {customers['users_held']:.1f} held; of a thousand decisions"
        f" {customers['decisions_stopped']:.2f} and {customers['decisions_held']:.2f}"
    )
    print(f"  what stopped customers: {customers['rules']}")
    print(
        f"  decisions at which the score counts: { {k: round(v, 2) for k, v in report['scores'].items()} }\n"
    )


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds / 3_600:.1f} h" if seconds >= 3_600 else f"{seconds:.0f} s"


if __name__ == "__main__":
    main()
