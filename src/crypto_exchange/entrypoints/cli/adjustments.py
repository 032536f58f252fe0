"""Adjustments of balances at the terminal: whoever may run commands here is nobody's second pair of eyes,
so an administrator logs in for each, as everywhere else.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.audit_log import TERMINAL, Actor, Via
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.money import USD_SCALE, format_units, parse_units
from crypto_exchange.domain.use_cases import accounts, adjustments, second_factor
from crypto_exchange.domain.use_cases.adjustments import Propose
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import AccessClaims, Challenge
from crypto_exchange.entrypoints.cli.connection import run_with_context
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.http.schemas import instant
from crypto_exchange.settings import Settings

_ROW = "{:<24} {:<9} {:>8} {:>14} {:>8} {:<27} {}"
_DEVICE = "terminal"


def list_adjustments(settings: Settings, _options: argparse.Namespace) -> int:
    """List adjustments, those that wait first."""
    found = run_with_context(settings, adjustments.list_adjustments)
    print(_ROW.format("KEY", "STATE", "USER", "USD", "BY", "PROPOSED AT", "REASON"))
    for each in found:
        print(
            _ROW.format(
                each.key,
                each.state.value,
                each.user_id,
                _dollars(each),
                each.proposed_by,
                instant(each.proposed_at_us),
                each.reason,
            )
        )
    return 0


def propose(settings: Settings, options: argparse.Namespace) -> int:
    """Propose to pay a user, or to be paid by one."""
    amount = _read_amount(options.amount)

    async def command(context: Context, actor: Actor) -> Adjustment:
        user_id = await _find_user(context, options.username)
        proposal = Propose(user_id=user_id, amount=amount, reason=options.reason)
        proposed, _ = await adjustments.propose(context, proposal, actor=actor)
        return proposed

    return _run(settings, options, command)


def approve(settings: Settings, options: argparse.Namespace) -> int:
    """Carry out what another administrator has proposed."""

    async def command(context: Context, actor: Actor) -> Adjustment:
        return await adjustments.approve(context, options.key, actor=actor)

    return _run(settings, options, command)


def reject(settings: Settings, options: argparse.Namespace) -> int:
    """End a proposal."""

    async def command(context: Context, actor: Actor) -> Adjustment:
        return await adjustments.reject(context, options.key, actor=actor)

    return _run(settings, options, command)


def _run(
    settings: Settings,
    options: argparse.Namespace,
    command: Callable[[Context, Actor], Awaitable[Adjustment]],
) -> int:
    password = _ask("Password", options)

    async def logged_in(context: Context) -> Adjustment:
        async with _login(context, options, password) as claims:
            actor = Actor(user_id=claims.user_id, via=Via.TERMINAL)
            return await command(context, actor)

    after = run_with_context(settings, logged_in)
    print(f"adjustment {after.key} of {_dollars(after)} USD is {after.state.value}")
    return 0


@asynccontextmanager
async def _login(
    context: Context, options: argparse.Namespace, password: str
) -> AsyncIterator[AccessClaims]:
    """A login for one command, with a code of the second factor where there is one."""
    answer = await accounts.log_in(
        context, options.administrator, password, device=_DEVICE, actor=TERMINAL
    )
    if isinstance(answer, Challenge):
        code = _ask("Code of the second factor", options)
        answer = await second_factor.finish_login(
            context, answer.token, code, device=_DEVICE, actor=TERMINAL
        )
    try:
        yield context.tokens.read_access(answer.access)
    finally:
        await accounts.log_out(context, answer.refresh, actor=TERMINAL)


def _ask(what: str, options: argparse.Namespace) -> str:
    """From the terminal itself, without showing it, or the next line of the input."""
    try:
        if not options.password_stdin:
            return getpass.getpass(f"{what} of {options.administrator}: ")
        line = sys.stdin.readline()
    except EOFError:
        line = ""
    if not line:
        raise CommandError(f"{what}: expected a line of input, was its end", 2)
    return line.rstrip("\n")


async def _find_user(context: Context, username: str) -> int:
    async with context.begin() as work:
        work.abandon()
        user = await work.find_user(username)
    if user is None:
        raise NotFound("user", repr(username[:64]))
    return user.id


def _read_amount(text: str) -> int:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    try:
        return sign * parse_units(digits, USD_SCALE)
    except ValueError as error:
        raise CommandError(f"AMOUNT: {error}", 2) from None


def _dollars(adjustment: Adjustment) -> str:
    return format_units(adjustment.amount, USD_SCALE, 2)
