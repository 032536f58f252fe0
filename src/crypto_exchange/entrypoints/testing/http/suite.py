"""The HTTP level as a class to subclass: what a deployment's API has to keep, by its address alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from crypto_exchange.entrypoints.testing.contracts.checks import Suite

_BUDGET_S = 60


class HttpSuite(Suite, port="http"):
    """Set `base_url`, or make it a property; without one, `--cx-url` says it.

    `options` are fields of `HttpOptions` that only the deployment's operator knows, or that bound the
    run more tightly. With `require_reach` a run that missed an edge fails, as one may that a limit of the
    deployment ended. How long to search, and where to start, `--cx-budget` and `--cx-seed` say.
    """

    base_url: str = ""
    options: ClassVar[Mapping[str, Any]] = {}
    require_reach: ClassVar[bool] = True

    def test_people_find_nothing(self, request: pytest.FixtureRequest) -> None:
        """Everything that users can do and see follows the rules, and every order ends."""
        self._check(request, protocol_examples=0)

    def test_the_protocol_is_as_described(self, request: pytest.FixtureRequest) -> None:
        """What openapi.json says is what is answered."""
        self._check(request, examples=0)

    def _check(self, request: pytest.FixtureRequest, **part: int) -> None:
        from crypto_exchange.entrypoints.testing.http.run import run_http

        asked = {"examples": 20, **_options(request), **self.options, **part}
        url = self.base_url or request.config.getoption("cx_url", None)
        assert url, "expected an address: base_url, or --cx-url"
        report = run_http(str(url), **asked)
        assert not report.violations, report.text
        if asked["examples"] and self.require_reach:
            missing = ", ".join(report.missing)
            assert not missing, (
                f"expected a run that meets all edges, missed {missing}; {report.text}"
            )


def _options(request: pytest.FixtureRequest) -> dict[str, int]:
    """The plugin's; the defaults where the plugin is not loaded."""
    try:
        kit = request.getfixturevalue("kit_options")
    except pytest.FixtureLookupError:
        return {}
    budget_s = kit.budget_s or _BUDGET_S
    return {
        "seed": kit.seed,
        "examples": kit.examples,
        "steps": kit.steps,
        "budget_s": budget_s,
    }
