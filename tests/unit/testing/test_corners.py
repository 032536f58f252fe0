"""Corners; that nothing is found in any, and what they meet, says tests/harness/test_kit.py."""

from crypto_exchange.entrypoints.testing.corners import CORNERS


def test_every_corner_has_a_name_of_its_own() -> None:
    assert len({corner.name for corner in CORNERS}) == len(CORNERS)
