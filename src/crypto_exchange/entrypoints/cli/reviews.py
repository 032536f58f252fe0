"""`crypto-exchange review`: what the fraud rules hold, released or refused at the terminal."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable

from crypto_exchange.domain import clearance
from crypto_exchange.domain.audit_log import TERMINAL
from crypto_exchange.domain.money import USD_SCALE, format_units
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.risk import parse_assessment
from crypto_exchange.domain.use_cases import reviews
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.cli.connection import run_with_context
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.http.schemas import instant
from crypto_exchange.settings import Settings

_ROW = "{:<34} {:<10} {:>14} {:<27} {:<27} {}"


def list_reviews(settings: Settings, _options: argparse.Namespace) -> int:
    """List what is held, the oldest first."""

    async def find(context: Context) -> list[tuple[Review, int]]:
        found = await reviews.list_open(context)
        return [(each, clearance.deadline_us(each, context.policy)) for each in found]

    print(_ROW.format("ID", "KIND", "USD", "SINCE", "UNTIL", "REASONS"))
    for review, deadline_us in run_with_context(settings, find):
        print(
            _ROW.format(
                f"{review.user_id}-{review.id}",
                review.kind.value,
                format_units(review.amount, USD_SCALE, 2),
                instant(review.opened_at_us),
                instant(deadline_us),
                _reasons(review),
            )
        )
    return 0


def release(settings: Settings, options: argparse.Namespace) -> int:
    """Let a held order go on, or a held withdrawal be made within a day."""
    return _decide(settings, options, reviews.release)


def refuse(settings: Settings, options: argparse.Namespace) -> int:
    """End a held order with a full refund, or say no to a held withdrawal."""
    return _decide(settings, options, reviews.refuse)


def _decide(
    settings: Settings,
    options: argparse.Namespace,
    act: Callable[..., Awaitable[tuple[Review, Order | None]]],
) -> int:
    user_id, dash, review_id = options.id.partition("-")
    if not (dash and user_id.isascii() and user_id.isdecimal()):
        raise CommandError(f"ID: expected one as `review list` shows it, was {options.id!r}", 2)

    async def decide(context: Context) -> Review:
        review, _ = await act(context, int(user_id), review_id, actor=TERMINAL, note=options.note)
        return review

    review = run_with_context(settings, decide)
    amount = format_units(review.amount, USD_SCALE, 2)
    print(f"{review.kind.value} of {amount} USD is {review.state.value}")
    return 0


def _reasons(review: Review) -> str:
    assessment = parse_assessment(review.risk)
    text = ", ".join(assessment.reasons)
    if not assessment.signals.score:
        return text
    return f"{text} (score {assessment.signals.score}: {', '.join(assessment.signals.top)})"
