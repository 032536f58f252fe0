"""`python -m tests.fuzz --seed 1 --cases 20000`: random requests for every call that openapi.json describes.

They go to a server of its own, with and without tokens, good ones and bad, until so many were answered.
No answer may be a fault of the server, of a status that is not declared, or shaped otherwise than
described.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx

from crypto_exchange.entrypoints.cli.house import DEMO_LOGIN
from crypto_exchange.entrypoints.testing.http.client import Client
from crypto_exchange.entrypoints.testing.http.deployment import Deployment
from crypto_exchange.entrypoints.testing.http.options import HttpOptions
from crypto_exchange.entrypoints.testing.http.protocol import check_protocol
from crypto_exchange.entrypoints.testing.violations import Violation
from tests.running import UNMEASURED, running_server

EACH = 150
"""Good and bad requests for one call, before the next seed is taken."""
_ROUND_S = 1_800


def main() -> int:
    """Run it and print what was found; 1 if anything was."""
    options = _options()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as directory,
        running_server(Path(directory), UNMEASURED) as server,
    ):
        calls, violations, notes = fuzz(server.run_file["api_url"], options.seed, options.cases)
        faults = [line for line in server.log().splitlines() if "Traceback" in line]
    for call, count in sorted(calls.items()):
        print(f"{count:7d}  {call}")
    for line in (*notes, *(violation.message for violation in violations)):
        print(line)
    seconds = time.monotonic() - began
    print(
        f"seed {options.seed}: {calls.total()} requests to {len(calls)} calls in {seconds:.0f} s, "
        f"{len(violations)} findings, {len(faults)} tracebacks in the log"
    )
    return int(bool(violations or faults))


def fuzz(url: str, seed: int, cases: int) -> tuple[Counter[str], list[Violation], list[str]]:
    """Send at least so many requests; returns how many to which call, what was wrong, and what was not
    judged.
    """
    calls: Counter[str] = Counter()
    violations: dict[str, Violation] = {}
    notes: list[str] = []
    while calls.total() < cases:
        officer = _log_in_as_administrator(url)
        options = HttpOptions(base_url=url, seed=seed, protocol_examples=EACH, officer=officer)
        with Client(url, options.patience_s) as client:
            found = check_protocol(Deployment(client, options), _ROUND_S)
        calls.update(found.calls)
        violations |= {violation.message: violation for violation in found.violations}
        notes += found.notes
        seed += 1
        print(f"{calls.total()} requests, {len(violations)} findings", file=sys.stderr, flush=True)
    return calls, list(violations.values()), notes


def _log_in_as_administrator(url: str) -> str:
    """An access token of the one that the seed data has."""
    username, password = DEMO_LOGIN
    login = {"username": username, "password": password}
    answer = httpx.post(f"{url}/api/v1/accounts/auth/login/", json=login, timeout=30)
    return str(answer.raise_for_status().json()["access"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    parser.add_argument("--cases", type=int, default=20_000, help="requests, at least")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
