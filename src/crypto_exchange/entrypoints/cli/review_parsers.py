"""Arguments of the commands about the fraud rules."""

from __future__ import annotations

from crypto_exchange.entrypoints.cli.definition import Commands, add

_NAME = "crypto-exchange review"
_EXAMPLE_ID = "7-0123456789abcdef01234567"


def add_reviews(commands: Commands) -> None:
    """Reviews: list, release, refuse; and deciding everything once more."""
    listing = "list what the fraud rules hold, the oldest first, at most 200"
    review = add(
        commands,
        "review",
        "reviews:list_reviews",
        "list what the fraud rules hold, release it, or refuse it",
        f"{_NAME} list",
    )
    actions = review.add_subparsers(metavar="ACTION", required=True)
    add(actions, "list", "reviews:list_reviews", listing, f"{_NAME} list")
    for action, text in (
        ("release", "let a held order go on, or a held withdrawal be made within a day"),
        ("refuse", "end a held order with a full refund, or say no to a held withdrawal"),
    ):
        example = f"{_NAME} {action} {_EXAMPLE_ID} --note 'called the customer'"
        decision = add(actions, action, f"reviews:{action}", text, example)
        decision.add_argument("id", metavar="ID", help="as `review list` shows it")
        decision.add_argument("--note", metavar="TEXT", help="one line for the audit log")
    _add_replay(commands)


def _add_replay(commands: Commands) -> None:
    replay = add(
        commands,
        "replay-risk",
        "risk_replay:replay_risk",
        "let the fraud rules decide on all past orders and withdrawals once more, and compare; exit code"
        " 1 if the same version of the rules says something else",
        "crypto-exchange replay-risk history.jsonl --rules under_per_day=10,history_factor=5",
    )
    replay.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="JSON lines as export-history writes them; - for input (default: the service's event log)",
    )
    replay.add_argument(
        "--database", action="store_true", help="read the service's event log, as without FILE"
    )
    replay.add_argument(
        "--rules",
        metavar="NAME=NUMBER,…",
        default="",
        help="other numbers of the rules; of amounts in 10⁻⁸ dollars, of times in microseconds",
    )
    replay.add_argument("--json", action="store_true", help="print one JSON object")
