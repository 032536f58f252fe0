"""Mutants: seeded bugs that the kit's default run has to find, and what runs it over each of them."""

from crypto_exchange.entrypoints.testing.mutants.further import FURTHER
from crypto_exchange.entrypoints.testing.mutants.mutant import Mutant
from crypto_exchange.entrypoints.testing.mutants.published import PUBLISHED
from crypto_exchange.entrypoints.testing.mutants.reviewed import REVIEWED
from crypto_exchange.entrypoints.testing.mutants.strangers import STRANGERS

MUTANTS: tuple[Mutant, ...] = PUBLISHED + FURTHER + STRANGERS + REVIEWED

__all__ = ["MUTANTS", "Mutant"]
