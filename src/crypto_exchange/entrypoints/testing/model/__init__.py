"""The reference model: an independent statement of the rules, and the checker of histories.

It shares no code with the domain; import-linter sees to that.
"""

from crypto_exchange.entrypoints.testing.model.history import check_history, iter_violations
from crypto_exchange.entrypoints.testing.model.reference import HistoryError, ReferenceModel
from crypto_exchange.entrypoints.testing.model.rows import (
    ModelAttempt,
    ModelBatch,
    ModelInventory,
    ModelOrder,
)

__all__ = [
    "HistoryError",
    "ModelAttempt",
    "ModelBatch",
    "ModelInventory",
    "ModelOrder",
    "ReferenceModel",
    "check_history",
    "iter_violations",
]
