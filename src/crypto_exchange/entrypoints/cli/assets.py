"""Commands about assets: list them, list a new one, halt one, bring in the exchange's rules."""

from __future__ import annotations

import argparse

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.audit_log import TERMINAL
from crypto_exchange.domain.money import PRICE_SCALE, USD_SCALE, format_units
from crypto_exchange.domain.use_cases import currencies, house
from crypto_exchange.entrypoints.cli.connection import run_with_context
from crypto_exchange.settings import Settings


def list_assets(settings: Settings, _options: argparse.Namespace) -> int:
    """List the assets as the database has them."""
    assets = run_with_context(settings, lambda context: context.queries.list_assets())
    row = "{:<8} {:<8} {:>18} {:>14} {:>14}"
    print(row.format("ASSET", "STATUS", "PRICE USD", "LOT STEP", "MINIMUM USD"))
    for asset in assets:
        print(row.format(*_columns(asset)))
    return 0


def add(settings: Settings, options: argparse.Namespace) -> int:
    """List a new asset with the exchange's rules."""
    symbol, scale = options.symbol, options.scale
    run_with_context(
        settings, lambda context: house.list_asset(context, symbol, scale, actor=TERMINAL)
    )
    print(f"{symbol} is listed; it can be bought as soon as there is a price of it")
    return 0


def refresh_rules(settings: Settings, _options: argparse.Namespace) -> int:
    """Bring the rules of all assets in from the exchange."""
    run_with_context(settings, lambda context: currencies.refresh_rules(context, actor=TERMINAL))
    print("the rules of all assets are those of the exchange")
    return 0


def halt(settings: Settings, options: argparse.Namespace) -> int:
    """Stop buying an asset."""
    return _set_halted(settings, options.symbol, halted=True)


def resume(settings: Settings, options: argparse.Namespace) -> int:
    """Buy an asset again."""
    return _set_halted(settings, options.symbol, halted=False)


def _set_halted(settings: Settings, symbol: str, *, halted: bool) -> int:
    run_with_context(
        settings,
        lambda context: currencies.halt_asset(context, symbol, halted=halted, actor=TERMINAL),
    )
    print(f"{symbol} is {'halted' if halted else 'no longer halted by an operator'}")
    return 0


def _columns(asset: Asset) -> tuple[str, str, str, str, str]:
    price = "-" if asset.price is None else format_units(asset.price, PRICE_SCALE, 2)
    lot_step = format_units(asset.rule.lot_step, asset.scale, 0)
    minimum = format_units(asset.rule.min_notional, USD_SCALE, 2)
    return asset.symbol, asset.status.value, price, lot_step, minimum
