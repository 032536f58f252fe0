"""The protocol: what a deployment's openapi.json says, compared with what it answers, by schemathesis.

It runs in a process of its own, because schemathesis changes Hypothesis for the whole process: no
failing example of anybody else's test would be printed any more.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import msgspec

from crypto_exchange.entrypoints.testing.http.deployment import Deployment
from crypto_exchange.entrypoints.testing.violations import Violation

_MODULE = "crypto_exchange.entrypoints.testing.http.conformance"
_STARTING_S = 60


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is to do: `access` is the token of a user with a few dollars, `saver` of one who
    never buys, so that random deposits buy nothing, `officer` that of an administrator, or empty.
    """

    base_url: str
    access: str
    saver: str
    officer: str
    seed: int
    examples: int
    budget_s: int


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What it found. `calls` counts answers by call."""

    violations: tuple[Violation, ...]
    calls: dict[str, int]
    notes: tuple[str, ...] = ()


def check_protocol(deployment: Deployment, budget_s: int) -> Findings:
    """Send all kinds of requests, good and bad. Two of the kit's users are not used again.

    Raises:
        ModuleNotFoundError: schemathesis is not installed.
        RuntimeError: the process failed.
    """
    if find_spec("schemathesis") is None:
        needed = (
            "expected schemathesis to be installed, was not: pip install 'crypto-exchange[testing]'"
        )
        raise ModuleNotFoundError(needed, name="schemathesis")
    spender, saver = deployment.crowd.pick(2)
    spender.doubtful = saver.doubtful = True
    for person in (spender, saver):
        person.get("accounts/wallet/")  # a token that has expired is renewed
    options = deployment.options
    assignment = Assignment(
        base_url=options.base_url,
        access=spender.access,
        saver=saver.access,
        officer=options.officer,
        seed=options.seed,
        examples=options.protocol_examples,
        budget_s=budget_s,
    )
    ended = subprocess.run(  # noqa: S603 - this interpreter, a module of ours
        [sys.executable, "-m", _MODULE],
        input=msgspec.json.encode(assignment),
        capture_output=True,
        timeout=budget_s + _STARTING_S,
        check=False,
    )
    if ended.returncode:
        told = ended.stderr.decode(errors="replace")[-2000:]
        raise RuntimeError(f"the check of the protocol failed:\n{told}")
    return msgspec.json.decode(ended.stdout, type=Findings)
