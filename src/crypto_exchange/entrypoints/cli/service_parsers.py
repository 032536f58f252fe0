"""Arguments of the commands that start processes."""

from __future__ import annotations

from crypto_exchange.entrypoints.cli.definition import Commands, add


def add_services(commands: Commands) -> None:
    """Serve, or run one process of it."""
    serve = add(
        commands,
        "serve",
        "serve:serve",
        "start everything and keep it running; Ctrl-C stops it",
        "PORT=9000 crypto-exchange serve",
        needs_servers=False,
    )
    serve.epilog = f"{serve.epilog}\n\nSettings (environment) and defaults:\n{_settings_help()}"
    api = add(
        commands, "api", "services:api", "run one API process", "PORT=8000 crypto-exchange api"
    )
    api.add_argument(
        "--fd", type=int, help="serve on this inherited listening socket (default: HOST, PORT)"
    )
    worker = "run one worker process: buys, settles, refreshes prices, audits the books"
    add(commands, "worker", "services:worker", worker, "crypto-exchange worker")
    add(
        commands,
        "paper-exchange",
        "services:paper_exchange",
        "run the paper exchange, which speaks Binance's spot protocol",
        "PAPER_PORT=9100 EXCHANGE_API_KEY=k EXCHANGE_API_SECRET=s crypto-exchange paper-exchange",
        needs_servers=False,
    )


def _settings_help() -> str:
    from crypto_exchange.settings import SETTINGS

    return "\n".join(
        f"  {name}={'' if setting.default is None else setting.default}\n      "
        f"{setting.description}; {setting.kind.expected}"
        for name, setting in SETTINGS.items()
    )
