"""`crypto-exchange user export` and `user close`: for requests that come by letter."""

from __future__ import annotations

import argparse
import sys

from crypto_exchange.domain.audit_log import TERMINAL
from crypto_exchange.domain.money import format_units
from crypto_exchange.domain.use_cases import administration, closing
from crypto_exchange.domain.use_cases import export as exports
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.views import HoldingView
from crypto_exchange.entrypoints.cli.connection import run_with_context
from crypto_exchange.entrypoints.http.export import write_export
from crypto_exchange.settings import Settings


def export(settings: Settings, options: argparse.Namespace) -> int:
    """Write what is kept of a user to standard output, as the API answers it."""

    async def command(context: Context) -> None:
        user_id = await administration.find_user(context, options.username)
        exported = await exports.begin_for(context, user_id, actor=TERMINAL)
        async for piece in write_export(context, exported):
            sys.stdout.write(piece.decode())

    run_with_context(settings, command)
    return 0


def close(settings: Settings, options: argparse.Namespace) -> int:
    """Close an account that is empty, for good."""

    async def command(context: Context) -> tuple[HoldingView, ...]:
        return await closing.close_for(
            context,
            await administration.find_user(context, options.username),
            options.reason,
            leave_holdings=options.leave_holdings,
            actor=TERMINAL,
        )

    coins = run_with_context(settings, command)
    print(f"{options.username} is closed")
    for each in coins:
        quantity = format_units(each.quantity, each.scale, 0)
        print(f"{quantity} {each.asset} stay booked to the number of the account")
    return 0
