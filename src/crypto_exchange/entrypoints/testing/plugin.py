"""The plugin of pytest: options of the testing kit, which loads nothing else until one is used.

    pytest --cx-adapters=mystore:make_adapters

runs the whole kit over what that function gives. It may also be named with test files of one's own, whose
suites then run with the same options.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from crypto_exchange.entrypoints.testing.suite import KitOptions


def _whole(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,15}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"expected a whole number of {least} or more, was {text!r}"
            )
        return int(text)

    return parse


def _level(text: str) -> int:
    if text not in {"0", "1", "2", "3"}:
        raise argparse.ArgumentTypeError(f"expected 0, 1, 2 or 3, was {text!r}")
    return int(text)


def _seconds(text: str) -> int:
    found = re.fullmatch("([0-9]{1,6})(s|m)?", text)
    if found is None or not int(found[1]):
        raise argparse.ArgumentTypeError(f"expected a time such as 60s or 2m, was {text!r}")
    return int(found[1]) * (60 if found[2] == "m" else 1)


def _factory(text: str) -> str:
    if text != "memory" and not re.fullmatch(r"[\w.]+:[\w.]+", text):
        raise argparse.ArgumentTypeError(f"expected memory or MODULE:FUNCTION, was {text!r}")
    return text


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+/?", text):
        raise argparse.ArgumentTypeError(
            f"expected an address such as http://127.0.0.1:8000, was {text!r}"
        )
    return text.rstrip("/")


OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "--cx-adapters",
        {
            "metavar": "MODULE:FUNCTION",
            "type": _factory,
            "help": "what gives the adapters to check, or: memory",
        },
    ),
    (
        "--cx-level",
        {
            "metavar": "N",
            "type": _level,
            "help": "how far to go: 0 decisions alone, 1 simulation over memory, 2 the adapters, "
            "3 a deployment (default: as far as adapters and an address are named)",
        },
    ),
    (
        "--cx-seed",
        {"metavar": "N", "type": _whole(0), "help": "where all that is drawn starts (default: 0)"},
    ),
    (
        "--cx-examples",
        {
            "metavar": "N",
            "type": _whole(1),
            "help": "how many examples the state machine tries (default: 20)",
        },
    ),
    (
        "--cx-steps",
        {"metavar": "N", "type": _whole(1), "help": "of how many steps each (default: 25)"},
    ),
    (
        "--cx-faults",
        {"metavar": "NAMES", "help": "all, none, or names of faults: a,b (default: all)"},
    ),
    (
        "--cx-budget",
        {
            "metavar": "TIME",
            "type": _seconds,
            "help": "how long to search in all: 60s, 2m (default: 60s for the kit's own cases, one "
            "round in a test file)",
        },
    ),
    (
        "--cx-require-reach",
        {
            "action": "store_true",
            "default": None,
            "help": "fail if a required situation was never met (default: for the kit's own cases)",
        },
    ),
    (
        "--no-cx-require-reach",
        {
            "dest": "cx_require_reach",
            "action": "store_false",
            "default": None,
            "help": "do not",
        },
    ),
    (
        "--cx-xfail",
        {
            "metavar": "FILE",
            "type": Path,
            "help": "checks that are expected to fail, strictly: a line `name: reason` each",
        },
    ),
    (
        "--cx-report",
        {
            "metavar": "FILE",
            "type": Path,
            "help": "write what was checked, found and reached, as JSON",
        },
    ),
    (
        "--cx-mutants",
        {
            "action": "store_true",
            "default": None,
            "help": "look for every seeded bug of the kit, too: it must find each",
        },
    ),
    (
        "--cx-url",
        {"metavar": "URL", "type": _url, "help": "the deployment to check through its API"},
    ),
)
NAMES = tuple(flag.lstrip("-").replace("-", "_") for flag, _ in OPTIONS if "--no-" not in flag)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say what there is to choose."""
    group = parser.getgroup("crypto-exchange", "checks of a purchase exchange (crypto-exchange)")
    for flag, settings in OPTIONS:
        group.addoption(flag, **settings)


def pytest_configure(config: pytest.Config) -> None:
    """Load the rest, if any option is used."""
    if all(config.getoption(name) is None for name in NAMES):
        return
    sys.path.insert(0, str(config.invocation_params.dir))
    from crypto_exchange.entrypoints.testing.session import KitSession

    config.pluginmanager.register(KitSession(config), "crypto-exchange-session")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Of a search that found something, show what it found, not the way there."""
    report = yield
    if call.excinfo is None or not call.excinfo.errisinstance(AssertionError):
        return report
    text = str(call.excinfo.value)
    if "To see it again:" in text:
        report.longrepr = _over_its_adapters(text, item)
    return report


def _over_its_adapters(text: str, item: pytest.Item) -> str:
    """The report, with the adapters named in the test that finds it again: it runs over memory else."""
    case, named = getattr(item, "cls", None), item.config.getoption("cx_adapters")
    if case is None:
        return text
    module, function = case.__module__, f"{case.__name__}().make_adapters"
    if hasattr(case, "level"):
        if case.__name__ != "TestAdapters" or named == "memory":
            return text
        module, _, function = named.partition(":")
    line = f"from {module} import {re.split(r'[.(]', function)[0]}\n"
    text = text.replace("\n\n\ndef test_found", f"\n{line}\n\ndef test_found")
    return text.replace(").require_sound()", f", adapters={function}).require_sound()")


@pytest.fixture(scope="session")
def kit_options(pytestconfig: pytest.Config) -> KitOptions:
    """How much of the kit to run, as the command line says."""
    from crypto_exchange.entrypoints.testing.suite import KitOptions

    names = ("seed", "examples", "steps", "faults", "level", "budget")
    values = {name: pytestconfig.getoption(f"cx_{name}") for name in names}
    values["budget_s"] = values.pop("budget")
    values["require_reach"] = pytestconfig.getoption("cx_require_reach")
    return KitOptions(**{name: value for name, value in values.items() if value is not None})
