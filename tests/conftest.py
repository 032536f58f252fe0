"""What every test may ask for."""

import gc
import os
import signal
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from _pytest.nodeid import NodeId
from coverage import Coverage
from hypothesis import settings

# Nobody here speaks TLS: reading certificates would take each new HTTP client longer than its calls.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)

# Whoever is started in the background ignores Ctrl-C, and so would the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples every time, and no limit of time: the machine may be busy.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")

pytest_plugins = ["tests.servers", "tests.running"]

_MEASURES_PROCESSES = "COVERAGE_PROCESS_CONFIG"
"""The setting in which coverage tells each Python that it is to be measured, and how."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector what stays to the end: modules and thousands of tests.

    It would look through all of that again and again, which takes a fifth of the time of short tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep tests of one group together: pytest-xdist 3.8 writes the group where pytest 9.2 does not look.

    The run that waits the longest comes first, then the others with servers of their own, and the
    short tests at the end, so that no worker is left alone with a long one.
    """
    if not config.getoption("loadgroup", default=False):
        return
    for item in items:
        named = vars(item).get("_nodeid")
        if named is not None:
            item._id = NodeId.parse(named)
        grouped = item.get_closest_marker("xdist_group") is not None
        if grouped and "@" not in item.nodeid.rpartition("]")[2]:
            raise pytest.UsageError(
                f"expected the group in the name of {item.nodeid}, was not there"
            )
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    if group is not None:
        return 0 if group.args == ("chaos",) else 1
    return 2 if "integration" in item.path.parts else 3


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Do not measure whoever hands out the tests: it runs none."""
    _stop_measuring()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Have nobody measure what is marked `no_cover`: not what it sets up, and no process that it starts.

    In a process of pytest-xdist several do, one inside the other, and pytest-cov stops the last alone.
    """
    if item.get_closest_marker("no_cover") is None:
        return (yield)
    measuring, wanted = _stop_measuring(), os.environ.pop(_MEASURES_PROCESSES, None)
    try:
        return (yield)
    finally:
        _stop_measuring()
        for measurement in reversed(measuring):
            measurement.start()
        if wanted is not None:
            os.environ[_MEASURES_PROCESSES] = wanted


def _stop_measuring() -> list[Coverage]:
    """Stop all measurements; return them, the innermost first."""
    stopped = []
    while (measurement := Coverage.current()) is not None:
        measurement.stop()
        stopped.append(measurement)
    return stopped


@pytest.fixture(scope="session")
def migrate() -> Callable[[str], None]:
    """Bring the empty database at a DSN to the newest schema."""
    from crypto_exchange.adapters.postgres import schema

    return schema.migrate
