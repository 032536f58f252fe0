"""Draws that come again: streams of whole numbers by a name, and what is made of them by tables.

A table is computed once with floats and rounded; from there on, all is whole numbers, so that a flow is
the same on every machine and with every version of Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate
from math import log
from random import Random
from struct import unpack
from typing import Literal

STEPS = 1 << 16
"""How many equally likely values a table has."""
TICKS = 1 << 20
"""Parts of the mean distance in which arrivals are counted."""


def numbers(bits: Literal[16, 32], *name: object) -> Iterator[int]:
    """An endless stream of numbers of so many bits; each name has its own."""
    random = Random("/".join(str(part) for part in name))
    layout = "<8192H" if bits == 16 else "<4096I"
    while True:
        yield from unpack(layout, random.randbytes(1 << 14))


def looked_up(table: Sequence[int], *name: object) -> Iterator[int]:
    """An endless stream of a table's values, each as likely as the others; it has STEPS of them."""
    return map(table.__getitem__, numbers(16, *name))


def below(limit: int, *name: object) -> Iterator[int]:
    """An endless stream of numbers from 0, below the limit."""
    return (number * limit >> 32 for number in numbers(32, *name))


def distances(*name: object) -> Iterator[int]:
    """An endless stream of times between what happens at random, TICKS on average."""
    return looked_up(_distances(), *name)


def arrivals(*name: object) -> Iterator[int]:
    """An endless stream of rising times, at random and TICKS apart on average."""
    return accumulate(distances(*name))


@cache
def _distances() -> tuple[int, ...]:
    """Exponential, mean TICKS: the middle of each of the equally likely ranges."""
    return tuple(round(-log((step + 0.5) / STEPS) * TICKS) for step in range(STEPS))
