"""Arguments of the commands of whoever runs the house."""

from __future__ import annotations

from crypto_exchange.entrypoints.cli.definition import Commands, add


def add_house(commands: Commands) -> None:
    """The database, capital, administrators, assets."""
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
    _add_people(commands)
    asset = add(
        commands,
        "asset",
        "house:list_assets",
        "list the assets, halt one or resume it",
        "crypto-exchange asset halt BTC",
    )
    actions = asset.add_subparsers(metavar="ACTION", required=True)
    listing = "list symbols, prices, rules and states"
    add(actions, "list", "house:list_assets", listing, "crypto-exchange asset list")
    for action, text in (("halt", "stop buying an asset"), ("resume", "buy an asset again")):
        one = add(actions, action, f"house:{action}", text, f"crypto-exchange asset {action} BTC")
        one.add_argument("symbol", metavar="SYMBOL", help="a listed asset, as BTC")


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


def _add_people(commands: Commands) -> None:
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
    reset.add_argument("username", metavar="USERNAME", help="the name that the user logs in with")
