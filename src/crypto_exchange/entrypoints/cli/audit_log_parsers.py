"""Arguments of the commands of the audit log."""

from __future__ import annotations

from crypto_exchange.domain.audit_log import Action
from crypto_exchange.entrypoints.cli.definition import Commands, add


def add_audit_log(commands: Commands) -> None:
    """Show it, verify it."""
    text = (
        "show who did what that needs a right or guards one, or verify that nobody has edited that"
    )
    log = add(
        commands, "audit-log", "audit_log:list_entries", text, "crypto-exchange audit-log list"
    )
    actions = log.add_subparsers(metavar="ACTION", required=True)
    listing = add(
        actions,
        "list",
        "audit_log:list_entries",
        "print entries of the audit log, the newest first",
        "crypto-exchange audit-log list --user alice --action login_failed",
    )
    whom = listing.add_mutually_exclusive_group()
    whom.add_argument("--user", metavar="NAME", help="what a user did, and what concerns them")
    whom.add_argument("--user-id", metavar="ID", type=int, help="the same, of a user by their id")
    kinds = [action.value for action in Action]
    listing.add_argument(
        "--action", metavar="ACTION", choices=kinds, help="one of " + ", ".join(kinds)
    )
    listing.add_argument(
        "--limit", metavar="N", type=int, default=50, help="how many at most (default: 50)"
    )
    listing.add_argument("--json", action="store_true", help="print one JSON list")
    verify = add(
        actions,
        "verify",
        "audit_log:verify",
        "compute the chain of hashes again; exit code 1 if an entry was changed, removed or inserted",
        "crypto-exchange audit-log verify --kept 6b1f…",
    )
    verify.add_argument(
        "--kept",
        metavar="HASH",
        help="a last hash of before, kept elsewhere: it must still be there",
    )
