"""What the fraud rules find of simulated abuse, and whom they disturb, in a short run of the benchmark."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.package_copy import ROOT

pytestmark = [
    pytest.mark.xdist_group("fraud_evaluation"),  # one run for all of them
    pytest.mark.no_cover,
]


@pytest.fixture(scope="module")
def reports() -> dict[str, Any]:
    argv = ["benchmarks/fraud.py", "--users", "60", "--actors", "4", "--days", "8", "--json"]
    done = subprocess.run(
        [sys.executable, *argv], cwd=ROOT, check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ["rules", "rules and score"])
def test_every_kind_of_abuse_is_stopped_most_of_it_always(
    name: str, reports: dict[str, Any]
) -> None:
    recall = {scenario: row["recall"] for scenario, row in reports[name]["scenarios"].items()}

    assert recall.pop("takeover") >= 0.25  # who takes less than the step-up limit is not noticed
    assert recall == dict.fromkeys(
        ("card_testing", "structuring", "smurfing", "laundering"), pytest.approx(1.0)
    )


@pytest.mark.parametrize("name", ["rules", "rules and score"])
def test_customers_are_hardly_ever_stopped(name: str, reports: dict[str, Any]) -> None:
    customers = reports[name]["customers"]

    assert customers["decisions"] > 1_000
    assert customers["users_stopped"] <= 50
    assert customers["decisions_stopped"] <= 5


def test_a_score_stops_nobody_whom_no_rule_stops(reports: dict[str, Any]) -> None:
    alone, scored = reports["rules"], reports["rules and score"]

    for scenario, row in alone["scenarios"].items():
        assert scored["scenarios"][scenario]["recall"] == row["recall"]
        assert scored["scenarios"][scenario]["held"] >= row["held"]
    assert scored["customers"]["users_stopped"] == alone["customers"]["users_stopped"]
