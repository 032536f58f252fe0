"""Every kind of fault of the exchange, met by a purchase in every state: the stated outcome follows.

The rows stand in tests/fault_matrix.py, and in docs/fault-matrix.md. Each runs over HTTP against a real
paper exchange through the real adapter; the rest is in memory. They run side by side, each with a paper
exchange of its own meanwhile.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from crypto_exchange.entrypoints.exchange.faults import KINDS
from tests.fault_bench import Seen, Venue, run
from tests.fault_matrix import CASES, Case, Moment
from tests.paper_venue import FIXED, Paper, serving
from tests.running import UNMEASURED

pytestmark = pytest.mark.xdist_group("fault_matrix")
VENUES = 6


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Seen | Exception]]:
    """What came of each case."""
    directory = tmp_path_factory.mktemp("venues")
    with ExitStack() as stack, ThreadPoolExecutor(VENUES) as pool:
        venues = [serving(directory / str(number), UNMEASURED, **FIXED) for number in range(VENUES)]
        papers = list(pool.map(stack.enter_context, venues))
        yield asyncio.run(_run_all(papers))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_stated_outcome_follows(case: Case, outcomes: dict[str, Seen | Exception]) -> None:
    seen = outcomes[case.name]
    if isinstance(seen, Exception):
        raise seen

    expected = Seen(case.orders, case.attempts, case.executed, case.breaks, [])
    assert seen == expected


def test_every_kind_is_met_by_order_calls_and_while_an_outcome_is_unknown() -> None:
    for moment in (Moment.SUBMITTING, Moment.UNKNOWN, Moment.NOT_PLACED):
        assert {case.kind for case in CASES if case.moment is moment} == set(KINDS)


def test_no_two_rows_have_the_same_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


async def _run_all(papers: list[Paper]) -> dict[str, Seen | Exception]:
    free: asyncio.Queue[Venue] = asyncio.Queue()
    for paper in papers:
        free.put_nowait(Venue(paper))
    outcomes: dict[str, Seen | Exception] = {}

    async def run_one(case: Case) -> None:
        venue = await free.get()
        try:
            outcomes[case.name] = await run(case, venue)
        except Exception as error:  # shown by the test of its row
            outcomes[case.name] = error
        finally:
            free.put_nowait(venue)

    slowest_first = sorted(CASES, key=lambda case: case.moment is not Moment.GIVEN_UP)
    await asyncio.gather(*(run_one(case) for case in slowest_first))
    while not free.empty():
        await free.get_nowait().aclose()
    return outcomes
