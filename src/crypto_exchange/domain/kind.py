"""Kind: the base of every enumeration of the domain."""

from __future__ import annotations

import enum


class Kind(enum.Enum):
    """An enumeration whose members are found in a dictionary at the speed of the machine: each is equal
    to itself alone, so its identity will do, where `enum.Enum` computes a hash of its name in Python.
    """

    __hash__ = object.__hash__
