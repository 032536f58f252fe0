"""The command `crypto-exchange`, also `python -m crypto_exchange`."""

from __future__ import annotations

import sys

from crypto_exchange.entrypoints.cli.main import run


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
