"""The rules of the broker: pure decisions over frozen state, and `Simulation` to run them."""

from crypto_exchange.domain.asset import Asset, AssetStatus, Inventory, MarketRule
from crypto_exchange.domain.batch import Batch, BatchKind, BatchState
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import DomainError, InvariantViolation
from crypto_exchange.domain.ledger import Transfer
from crypto_exchange.domain.order import Order, OrderState, Reason
from crypto_exchange.domain.policy import FeeIn, OnDeadline, Policy
from crypto_exchange.domain.purchase import (
    Fill,
    Filled,
    Purchase,
    PurchaseState,
    Rejected,
    RejectionKind,
)
from crypto_exchange.domain.simulation import FullFills, Simulation, Venue
from crypto_exchange.domain.state import State
from crypto_exchange.domain.wallet import Wallet

__all__ = [
    "Asset",
    "AssetStatus",
    "Batch",
    "BatchKind",
    "BatchState",
    "Change",
    "DomainError",
    "FeeIn",
    "Fill",
    "Filled",
    "FullFills",
    "InvariantViolation",
    "Inventory",
    "MarketRule",
    "OnDeadline",
    "Order",
    "OrderState",
    "Policy",
    "Purchase",
    "PurchaseState",
    "Reason",
    "Rejected",
    "RejectionKind",
    "Simulation",
    "State",
    "Transfer",
    "Venue",
    "Wallet",
]
