"""Arguments of the commands about people and assets."""

from __future__ import annotations

import argparse

from crypto_exchange.entrypoints.cli.definition import Commands, add


def add_people(commands: Commands) -> None:
    """Administrators, and what they do to accounts."""
    admin = add(
        commands,
        "create-superuser",
        "house:create_superuser",
        "create an administrator; asks for what is not given",
        "crypto-exchange create-superuser --username alice",
    )
    admin.add_argument(
        "--username", help="3 to 64 characters of A-Z a-z 0-9 _ . @ - (default: asked for)"
    )
    admin.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password, 8 to 128 characters, from standard input (default: asked for)",
    )
    reset = add(
        commands,
        "reset-second-factor",
        "house:reset_second_factor",
        "take the second factor away from a user who lost it; make sure who asks",
        "crypto-exchange reset-second-factor alice",
    )
    _add_username(reset)
    _add_users(commands)


def add_assets(commands: Commands) -> None:
    """What can be bought."""
    asset = add(
        commands,
        "asset",
        "assets:list_assets",
        "list the assets, list a new one, halt one or resume it",
        "crypto-exchange asset halt BTC",
    )
    actions = asset.add_subparsers(metavar="ACTION", required=True)
    listing = "list symbols, prices, rules and states"
    add(actions, "list", "assets:list_assets", listing, "crypto-exchange asset list")
    new = add(
        actions,
        "add",
        "assets:add",
        "list a new asset with the exchange's rules; it is never taken back",
        "crypto-exchange asset add DOGE --scale 8",
    )
    new.add_argument("symbol", metavar="SYMBOL", help="as the exchange names it, as DOGE")
    new.add_argument(
        "--scale",
        metavar="DIGITS",
        type=int,
        default=8,
        help="digits of its smallest unit, from 0 to 18, never changed again (default: 8)",
    )
    rules = "bring the rules of all assets in from the exchange, as workers do every few minutes"
    add(actions, "rules", "assets:refresh_rules", rules, "crypto-exchange asset rules")
    for action, text in (("halt", "stop buying an asset"), ("resume", "buy an asset again")):
        one = add(actions, action, f"assets:{action}", text, f"crypto-exchange asset {action} BTC")
        one.add_argument("symbol", metavar="SYMBOL", help="a listed asset, as BTC")


def _add_users(commands: Commands) -> None:
    user = add(
        commands,
        "user",
        "people:list_users",
        "list and show users, freeze, export and close accounts, give roles, end logins",
        "crypto-exchange user freeze alice --reason 'asked for by its owner'",
    )
    actions = user.add_subparsers(metavar="ACTION", required=True)
    listing = "list users, those with the highest ids first"
    listed = add(actions, "list", "people:list_users", listing, "crypto-exchange user list al")
    listed.add_argument(
        "prefix",
        metavar="PREFIX",
        nargs="?",
        default="",
        help="what their names begin with, in any case (default: everybody)",
    )
    shown = "print a user as one JSON object"
    _add_username(add(actions, "show", "people:show", shown, "crypto-exchange user show alice"))
    for action, text in (
        ("freeze", "freeze an account: it can be looked at, and nothing else"),
        ("unfreeze", "let a frozen account be used again"),
    ):
        example = f"crypto-exchange user {action} alice --reason 'ticket 4711'"
        one = add(actions, action, f"people:{action}", text, example)
        _add_username(one)
        _add_reason(one)
    text = "give a user another role, which ends all their logins"
    role = add(actions, "role", "people:change_role", text, "crypto-exchange user role alice admin")
    _add_username(role)
    role.add_argument("role", choices=("user", "operator", "admin"), help="what they shall be")
    text = "end all logins of a user"
    _add_username(
        add(actions, "logout", "people:end_sessions", text, "crypto-exchange user logout alice")
    )
    _add_letters(actions)


def _add_letters(actions: Commands) -> None:
    """What people ask for by letter."""
    text = "write everything that is kept of a user to standard output, as JSON"
    example = "crypto-exchange user export alice > alice.json"
    _add_username(add(actions, "export", "privacy:export", text, example))
    closed = add(
        actions,
        "close",
        "privacy:close",
        "close an account that is empty, for good; make sure who asks",
        "crypto-exchange user close alice --reason 'ticket 4711' --leave-holdings",
    )
    _add_username(closed)
    _add_reason(closed)
    closed.add_argument(
        "--leave-holdings", action="store_true", help="its coins are given up (default: refused)"
    )


def _add_reason(parser: argparse.ArgumentParser) -> None:
    why = "why, in one line of at most 500 characters; kept in the audit log"
    parser.add_argument("--reason", metavar="TEXT", required=True, help=why)


def _add_username(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("username", metavar="USERNAME", help="the name that the user logs in with")
