"""Arguments of the commands that check what has happened, and that the checks find bugs."""

from __future__ import annotations

from crypto_exchange.entrypoints.cli.definition import Commands, add


def add_histories(commands: Commands) -> None:
    """Histories: check one, export one."""
    check = add(
        commands,
        "check-history",
        "history:check",
        "check a history of events against the rules, record by record; needs no server",
        "crypto-exchange check-history history.jsonl",
        needs_servers=False,
    )
    check.add_argument(
        "file", metavar="FILE", help="JSON lines as export-history writes them; - for input"
    )
    check.add_argument(
        "--no-policy",
        action="store_true",
        help="do not check what settings decide: they were changed in the time that the file tells of",
    )
    export = add(
        commands,
        "export-history",
        "history:export",
        "write all events as JSON lines, in commit order; first the assets, and the policy by these settings",
        "crypto-exchange export-history history.jsonl",
    )
    export.add_argument("file", metavar="FILE", help="where to; - for standard output")
    export.add_argument(
        "--follow", action="store_true", help="go on writing what happens, until Ctrl-C"
    )
    _add_mutants(commands)


def _add_mutants(commands: Commands) -> None:
    mutants = add(
        commands,
        "mutants",
        "mutants:mutants",
        "plant known bugs, one after the other, and show that the testing kit finds each of them",
        "crypto-exchange mutants --seed 2 M05 M12",
        needs_servers=False,
    )
    mutants.add_argument("names", metavar="NAME", nargs="*", help="which of them (default: all)")
    mutants.add_argument(
        "--seed", type=int, default=0, metavar="N", help="what is drawn (default: 0)"
    )
    mutants.add_argument(
        "--jobs", type=int, default=2, metavar="N", help="so many at a time (default: 2)"
    )
    mutants.add_argument(
        "--budget",
        type=int,
        default=10,
        metavar="S",
        help="seconds of drawn traffic for each, before the contract suites (default: 10)",
    )
    mutants.add_argument("--json", action="store_true", help="print one JSON object")
