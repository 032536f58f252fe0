"""Dramatiq: jobs, sent as messages over Redis, that any worker takes."""

from crypto_exchange.adapters.dramatiq.job_queue import JobQueue

__all__ = ["JobQueue"]
