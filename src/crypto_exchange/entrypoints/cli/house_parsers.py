"""Arguments of the commands of whoever runs the house."""

from __future__ import annotations

from crypto_exchange.entrypoints.cli.definition import Commands, add


def add_house(commands: Commands) -> None:
    """The database and capital."""
    migrate = "bring the database to the newest migration"
    add(commands, "migrate", "database:migrate", migrate, "crypto-exchange migrate")
    seed = "write the seed data: assets, capital found at the exchange, demo administrator"
    add(commands, "seed", "house:seed", seed, "crypto-exchange seed")
    fund = add(
        commands,
        "fund",
        "house:fund",
        "book a balance moved to the exchange as the house's capital",
        "crypto-exchange fund USD 5000.00",
    )
    fund.add_argument("currency", metavar="CURRENCY", help="USD, an asset or a fee coin")
    fund.add_argument(
        "amount",
        metavar="AMOUNT",
        help="dollars or coins, with at most 8 decimals; -AMOUNT if moved away",
    )


def add_tools(commands: Commands) -> None:
    """What shows how things are."""
    ledger = add(
        commands,
        "ledger",
        "house:ledger",
        "print every account's balance and each currency's sum, in dollars and coins",
        "crypto-exchange ledger --json",
    )
    ledger.add_argument(
        "--json", action="store_true", help="print one JSON object (default: a table)"
    )
    dump = (
        "write all rows, as they are stored, as JSON lines to standard output (no password hashes, "
        "nothing that second factors are made of)"
    )
    add(commands, "dump-data", "database:dump_data", dump, "crypto-exchange dump-data > all.jsonl")
    demo = "walk through the main job against the running server"
    add(commands, "demo", "demo:demo", demo, "crypto-exchange demo")
    urls = "list the calls of the API"
    url_example = "crypto-exchange show-urls"
    add(commands, "show-urls", "house:show_urls", urls, url_example, needs_servers=False)
    shell = "open a Python shell with the running service's ports as `context`"
    add(commands, "shell", "shell:shell", shell, "crypto-exchange shell")
    version = "crypto-exchange version"
    points = add(
        commands,
        "crash-points",
        "crash_points:crash_points",
        "list the points at which a test may end a process",
        "crypto-exchange crash-points --json",
        needs_servers=False,
    )
    points.add_argument("--json", action="store_true", help="print one JSON object")
    add(commands, "version", "version:version", "print the version", version, needs_servers=False)
