"""Reuse: Hypothesis checks a strategy when it is first drawn from, which takes longer than the draw."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


def reused(make: Callable[P, R]) -> Callable[P, R]:
    """Give the same strategy for the same arguments (hashable), a few hundred of them."""
    return cast("Callable[P, R]", lru_cache(maxsize=512)(make))
