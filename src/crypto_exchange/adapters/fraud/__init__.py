"""The learned score: how strange a user's activity is among everybody's. Needs the extra `fraud`."""

from crypto_exchange.adapters.fraud.half_space import HalfSpaceScorer

__all__ = ["HalfSpaceScorer"]
