"""The corners are free of violations, and lead into what they are there for."""

from crypto_exchange.entrypoints.testing.corners import CORNERS
from crypto_exchange.entrypoints.testing.reach import Reach
from crypto_exchange.entrypoints.testing.simulation import replay


def test_every_corner_has_a_name_of_its_own() -> None:
    assert len({corner.name for corner in CORNERS}) == len(CORNERS)


def test_nothing_is_found_in_any_and_together_they_meet_what_drawn_traffic_seldom_meets() -> None:
    with Reach() as reach:
        for corner in CORNERS:
            replay(corner.steps, setup=corner.setup, seed=0).require_sound()

    met = {name for name, count in reach.counts.items() if count}
    assert met >= {
        "a batch of exactly the threshold",
        "a job done twice",
        "a purchase in quarantine",
        "a fill of what had been given up",
        "an answer that was heard much later",
        "a repeated command",
        "a key used for another command",
        "orders taken along",
        "an order served from the inventory",
        "two workers at once",
    }
