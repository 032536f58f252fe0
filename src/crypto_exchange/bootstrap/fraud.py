"""What fraud is found with: the rules' policy, the store of signals, and by the settings the learned score."""

from __future__ import annotations

from crypto_exchange.adapters.postgres import Database, PostgresSignals
from crypto_exchange.domain.risk_policy import RiskPolicy
from crypto_exchange.domain.signal_store import Scorer, SignalStore
from crypto_exchange.settings import Settings


def risk_policy(settings: Settings) -> RiskPolicy:
    """The fraud rules' policy as the settings have it."""
    return RiskPolicy(
        mode=settings.fraud_rules,
        orders_per_minute=settings.fraud_orders_per_minute,
        dollars_per_day=settings.fraud_orders_per_day,
        withdrawn_per_day=settings.fraud_withdrawals_per_day,
        new_account_us=settings.fraud_new_account,
    )


def make_scorer(settings: Settings) -> Scorer | None:
    """The model that a worker asks, if it is to ask one; it takes a second to load.

    Raises:
        ModuleNotFoundError: the extra `fraud` is not installed.
    """
    if not settings.fraud_score:
        return None
    from crypto_exchange.adapters.fraud import HalfSpaceScorer

    return HalfSpaceScorer()


def make_signals(database: Database) -> SignalStore:
    """Where a worker looks, and keeps what it finds."""
    return PostgresSignals(database)
