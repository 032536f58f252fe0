"""What every test may ask for."""

from collections.abc import Callable

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.contracts")

# The same examples every time, and no limit of time: the machine may be busy.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")

pytest_plugins = ["tests.servers", "tests.running"]


@pytest.fixture(scope="session")
def migrate() -> Callable[[str], None]:
    """Bring the empty database at a DSN to the newest schema."""
    from crypto_exchange.adapters.postgres import schema

    return schema.migrate
