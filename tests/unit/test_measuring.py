"""What `no_cover` promises: without it, tests would take twice as long for nothing."""

import subprocess
import sys

import pytest
from coverage import Coverage


@pytest.mark.no_cover
def test_what_is_marked_is_not_measured_by_anybody() -> None:
    assert Coverage.current() is None
    assert type(sys.gettrace()).__module__ != "coverage"


@pytest.mark.no_cover
def test_nor_is_a_process_that_it_starts() -> None:
    program = "import sys; print('coverage' in sys.modules)"

    told = subprocess.check_output([sys.executable, "-c", program], text=True)

    assert told == "False\n"
