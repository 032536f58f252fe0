"""Kind: the base of every enumeration of the domain."""

from __future__ import annotations

import enum
from operator import attrgetter
from typing import TYPE_CHECKING


class Kind(enum.Enum):
    """An enumeration whose members are found in a dictionary, and tell their value, at the speed of the
    machine, where `enum.Enum` does both in Python: each is equal to itself alone, so its identity will
    do as a hash.
    """

    __hash__ = object.__hash__
    if not TYPE_CHECKING:
        value = property(attrgetter("_value_"))
