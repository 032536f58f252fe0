"""The API as any client sees it, over memory."""

from tests.unit.http.suite import ApiSuite


class TestApiOverMemory(ApiSuite):
    """All of the suite."""
