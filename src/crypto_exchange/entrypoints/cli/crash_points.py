"""`crypto-exchange crash-points`."""

from __future__ import annotations

import argparse
import json

from crypto_exchange.adapters.faults import CRASH_POINTS
from crypto_exchange.settings import Settings


def crash_points(_settings: Settings, options: argparse.Namespace) -> int:
    """List the names of all crash points with what they mean."""
    if options.json:
        print(json.dumps(CRASH_POINTS, indent=2))
        return 0
    for name, meaning in CRASH_POINTS.items():
        print(f"{name:<22} {meaning}")
    return 0
