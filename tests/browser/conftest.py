"""What the tests of the pages may ask for."""

from tests.browser.visits import chromium, visit

__all__ = ["chromium", "visit"]
