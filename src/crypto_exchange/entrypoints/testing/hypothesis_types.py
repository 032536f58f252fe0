"""Hypothesis types: lets `hypothesis.strategies.from_type` draw the domain's types realistically.

Hypothesis loads this in every run of everybody who has the package installed, so it loads nothing until
a type of the domain is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

DOMAIN = "crypto_exchange.domain"
_REGISTRY = "crypto_exchange.entrypoints.testing.strategies.registry"


def register() -> None:
    """Hypothesis calls this as it starts (entry point group `hypothesis`).

    It keeps a table of modules whose types it asks about only once they are imported, which it does not
    document. Without that table the domain's types are registered at once, which takes longer.
    """
    types = import_module("hypothesis.strategies._internal.types")
    lookup = getattr(types, "_global_extra_lookup", None)
    if isinstance(lookup, dict):
        lookup[DOMAIN] = resolve
    else:
        _register_all()


def resolve(thing: object) -> SearchStrategy[Any] | None:
    """The strategy of a type of the domain; None for what is not one, or needs none of its own."""
    home = str(getattr(thing, "__module__", ""))
    if not home.startswith(DOMAIN):
        return None
    found: SearchStrategy[Any] | None = import_module(_REGISTRY).find_strategy(thing)
    return found


def _register_all() -> None:
    strategies = import_module("hypothesis.strategies")
    for each, make in import_module(_REGISTRY).STRATEGIES.items():
        strategies.register_type_strategy(each, lambda _, make=make: make())
