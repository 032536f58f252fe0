"""A short chaos run: people trade while processes die at every quick crash point, and all records agree.

CX_SEED replays another one. `make chaos` is the long one; docs/chaos.md says how to read it.
"""

import os
from pathlib import Path

import pytest

from tests.chaos.run import QUICK, Plan, run

SEED = int(os.environ.get("CX_SEED", "27"))


@pytest.mark.xdist_group("chaos")
@pytest.mark.no_cover
@pytest.mark.timeout(300)
async def test_nothing_is_lost_or_bought_twice_whatever_dies(tmp_path: Path) -> None:
    plan = Plan(
        seed=SEED,
        seconds=5,
        longest_s=90,
        customers=8,
        apis=1,
        workers=2,
        pause_s=0.2,
        strike_s=2.5,
        points=QUICK,
        within_s=8,
        max_wait="2s",
        window_s=1,
    )

    result = await run(plan, tmp_path)

    assert result.differences == [], result.told()
    assert result.deaths >= len(QUICK)
    assert result.orders > 0
