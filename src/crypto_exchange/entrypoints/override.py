"""`override` for what the bare package runs: Python 3.11 has none, and nothing may be needed for it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import override
else:

    def override(method):
        """Mark a method that replaces one of a base class."""
        return method


__all__ = ["override"]
