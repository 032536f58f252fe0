"""What `no_cover` promises: without it, tests would take twice as long for nothing."""

import sys

import pytest
from coverage import Coverage


@pytest.mark.no_cover
def test_what_is_marked_is_not_measured_by_anybody() -> None:
    assert Coverage.current() is None
    assert type(sys.gettrace()).__module__ != "coverage"
