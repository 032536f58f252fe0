"""Commands of the house: seed data, capital, administrators, the ledger."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections import defaultdict
from collections.abc import Mapping

from crypto_exchange.domain.audit_log import TERMINAL
from crypto_exchange.domain.cashier import Deposit
from crypto_exchange.domain.errors import UnknownAsset, UsernameTaken
from crypto_exchange.domain.ledger import USD
from crypto_exchange.domain.money import (
    DEFAULT_ASSET_SCALE,
    DOLLAR,
    USD_SCALE,
    format_units,
    parse_units,
)
from crypto_exchange.domain.use_cases import accounts, currencies, house, second_factor, wallets
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role
from crypto_exchange.domain.views import LedgerBalance
from crypto_exchange.entrypoints.cli.connection import run_with_context
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.settings import Settings

DEMO_LOGIN = ("admin", "new_password")
_SEEDED = ("ABAN", "BTC", "ETH")
_DEMO_BALANCE = 1_000 * DOLLAR


def seed(settings: Settings, _options: argparse.Namespace) -> int:
    """Write the seed data; what is there already stays as it is."""
    with_login = settings.embedded_postgres
    run_with_context(settings, lambda context: seed_all(context, settings, with_login=with_login))
    return 0


async def seed_all(context: Context, settings: Settings, *, with_login: bool) -> None:
    """Create the demo administrator (`with_login`), list the assets and book the capital. Assets come
    with the exchange's rules: while it is away nothing is listed, so nothing is bought unbooked.

    The login is public, so it is only for an installation of this machine's own.
    """
    if with_login:
        await _create_demo_login(context)
    named = {*settings.paper_prices, *settings.paper_candles, *settings.paper_rules}
    symbols = (*_SEEDED, *sorted(named.difference(_SEEDED)))
    listed = await house.list_new_assets(context, dict.fromkeys(symbols, 8), actor=TERMINAL)
    found = await house.book_capital(context, actor=TERMINAL)
    await currencies.refresh_prices(context)
    print(
        f"seed: listed {', '.join(listed) or 'nothing new'}; capital booked: {_funds(found)}",
        flush=True,
    )


def fund(settings: Settings, options: argparse.Namespace) -> int:
    """Book capital moved to or from the exchange."""
    sign, text = (-1, options.amount[1:]) if options.amount.startswith("-") else (1, options.amount)

    async def command(context: Context) -> None:
        mirror = await context.queries.get_mirror()
        unlisted = dict.fromkeys(mirror.balances, DEFAULT_ASSET_SCALE)  # coins that pay fees
        scales = unlisted | mirror.scales | {USD: USD_SCALE}
        if options.currency not in scales:
            raise UnknownAsset(options.currency)
        try:
            amount = parse_units(text, scales[options.currency])
        except ValueError as error:
            raise CommandError(f"AMOUNT: {error}", 2) from None
        if amount == 0:
            raise CommandError("AMOUNT: expected more than 0, was 0", 2)
        await house.fund(context, options.currency, sign * amount, actor=TERMINAL)

    run_with_context(settings, command)
    print(f"booked {options.amount} {options.currency} as capital")
    return 0


def create_superuser(settings: Settings, options: argparse.Namespace) -> int:
    """Create an administrator."""
    try:
        username, password = _ask_credentials(options)
    except EOFError:
        raise CommandError("expected a username and a password, was the end of input", 2) from None
    run_with_context(
        settings,
        lambda context: accounts.register(
            context, username, password, role=Role.ADMIN, actor=TERMINAL
        ),
    )
    print(f"created administrator {username}")
    return 0


def reset_second_factor(settings: Settings, options: argparse.Namespace) -> int:
    """Take a user's second factor away; their password alone logs them in again."""
    run_with_context(
        settings,
        lambda context: second_factor.reset(context, options.username, actor=TERMINAL),
    )
    print(f"{options.username}: second factor disabled")
    return 0


def ledger(settings: Settings, options: argparse.Namespace) -> int:
    """Print all balances and sums; exit code 1 if a currency's accounts do not sum to zero."""
    rows = run_with_context(settings, lambda context: context.queries.list_ledger())
    accounts_by_name = {row.account: format_units(row.balance, row.scale) for row in rows}
    sums = _sums(rows)
    if options.json:
        print(json.dumps({"accounts": accounts_by_name, "sums": sums}, indent=2))
    else:
        for name, balance in accounts_by_name.items():
            print(f"{name:<48} {balance:>28}")
        for currency, total in sums.items():
            print(f"{'sum of ' + currency:<48} {total:>28}")
    return int(any(total.strip("-0.") for total in sums.values()))


def ledger_sums(settings: Settings) -> dict[str, str]:
    """Each currency's sum over all accounts."""
    return _sums(run_with_context(settings, lambda context: context.queries.list_ledger()))


def show_urls(_settings: Settings, _options: argparse.Namespace) -> int:
    """List the calls of the API, then its pages."""
    from crypto_exchange.entrypoints.http.app import list_served

    for served in list_served():
        print(f"{served.method:<7} {served.path.replace(':str', ''):<44} {served.summary}")
    return 0


def _ask_credentials(options: argparse.Namespace) -> tuple[str, str]:
    username: str = options.username or input("Username: ")
    if options.password_stdin:
        return username, sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise CommandError("expected the same password twice", 2)
    return username, password


async def _create_demo_login(context: Context) -> None:
    username, password = DEMO_LOGIN
    try:
        pair = await accounts.register(context, username, password, role=Role.ADMIN, actor=TERMINAL)
    except UsernameTaken:
        return
    user_id = context.tokens.read_access(pair.access).user_id
    await wallets.deposit(context, Deposit(user_id=user_id, amount=_DEMO_BALANCE))


def _funds(found: Mapping[str, int]) -> str:
    return ", ".join(f"{format_units(a, 8, 2)} {c}" for c, a in found.items()) or "nothing new"


def _sums(rows: tuple[LedgerBalance, ...]) -> dict[str, str]:
    totals: dict[str, int] = defaultdict(int)
    scales = {row.currency: row.scale for row in rows}
    for row in rows:
        totals[row.currency] += row.balance
    return {c: format_units(total, scales[c]) for c, total in sorted(totals.items())}
