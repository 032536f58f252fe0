"""Arguments of the commands of adjustments."""

from __future__ import annotations

import argparse

from crypto_exchange.entrypoints.cli.definition import Commands, add

_NAME = "crypto-exchange adjustment"


def add_adjustments(commands: Commands) -> None:
    """Propose, approve, reject and list."""
    adjustment = add(
        commands,
        "adjustment",
        "adjustments:list_adjustments",
        "list adjustments of balances, propose one, or decide on what another administrator proposed",
        f"{_NAME} list",
    )
    actions = adjustment.add_subparsers(metavar="ACTION", required=True)
    listing = "list adjustments, those that wait first, at most 200"
    add(actions, "list", "adjustments:list_adjustments", listing, f"{_NAME} list")
    propose = add(
        actions,
        "propose",
        "adjustments:propose",
        "propose that the house pays a user, or is paid by one; nothing moves yet",
        f"{_NAME} propose eve 12.50 --reason 'a fee charged twice' --as alice",
    )
    propose.add_argument("username", metavar="USERNAME", help="whose wallet it is")
    propose.add_argument(
        "amount", metavar="AMOUNT", help="dollars to the user; -AMOUNT if the user pays the house"
    )
    propose.add_argument(
        "--reason", metavar="TEXT", required=True, help="one line of 1 to 500 characters"
    )
    _add_login(propose)
    for action, text in (
        ("approve", "carry a proposal of another administrator out, within 7 days of it"),
        ("reject", "end a proposal; nothing moves"),
    ):
        example = f"{_NAME} {action} 0123456789abcdef01234567 --as bob"
        decision = add(actions, action, f"adjustments:{action}", text, example)
        decision.add_argument("key", metavar="KEY", help="as `adjustment list` shows it")
        _add_login(decision)


def _add_login(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as",
        dest="administrator",
        metavar="ADMIN",
        required=True,
        help="the administrator who says so, and logs in",
    )
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password, and a code if there is a second factor, a line each, from standard "
        "input (default: asked for)",
    )
