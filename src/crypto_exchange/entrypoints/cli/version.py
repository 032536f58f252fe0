"""`crypto-exchange version`."""

from __future__ import annotations

import argparse

from crypto_exchange import __version__
from crypto_exchange.settings import Settings


def version(_settings: Settings, _options: argparse.Namespace) -> int:
    """Print the version."""
    print(f"crypto-exchange {__version__}")
    return 0
