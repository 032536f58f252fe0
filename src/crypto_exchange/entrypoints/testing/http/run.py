"""A run over HTTP: stories of people, then everything is seen to its end, then the protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from crypto_exchange.entrypoints.testing.http.breaches import Broken, InDoubt, Stopped
from crypto_exchange.entrypoints.testing.http.client import Client
from crypto_exchange.entrypoints.testing.http.deployment import Deployment
from crypto_exchange.entrypoints.testing.http.endings import await_all
from crypto_exchange.entrypoints.testing.http.machine import HttpMachine
from crypto_exchange.entrypoints.testing.http.options import HttpOptions
from crypto_exchange.entrypoints.testing.http.protocol import check_protocol
from crypto_exchange.entrypoints.testing.http.report import HttpReport
from crypto_exchange.entrypoints.testing.http.scripts import SCRIPTS
from crypto_exchange.entrypoints.testing.reach import Reach
from crypto_exchange.entrypoints.testing.violations import Violation


def run_http(base_url: str, **options: Any) -> HttpReport:
    """Check a deployment by its address; `options` are those of `HttpOptions`.

    Raises:
        ModuleNotFoundError: schemathesis is not installed, and `protocol_examples` is not 0.
    """
    started = time.monotonic()
    chosen = HttpOptions(base_url=base_url, **options)
    with Client(base_url, chosen.patience_s) as client, Reach() as reach:
        run = _Run(chosen, client)
        run.check()
    return HttpReport(
        base_url=base_url,
        seed=chosen.seed,
        violations=tuple(run.violations),
        steps=run.steps,
        reach=dict(sorted(reach.counts.items())),
        requests=client.requests,
        notes=tuple(run.notes),
        seconds=int(time.monotonic() - started),
    )


class _Run:
    """Goes on after a violation, as far as the rest can still be judged."""

    def __init__(self, options: HttpOptions, client: Client) -> None:
        self.options, self.client = options, client
        self.violations: list[Violation] = []
        self.steps: tuple[str, ...] = ()
        self.notes: list[str] = []

    def check(self) -> None:
        """Look at all of it."""
        try:
            deployment = Deployment(self.client, self.options)
        except Stopped as why:
            self.violations.append(Violation("X0 an answer", str(why)))
            return
        if not deployment.has_receipts:
            self.notes.append("no receipts are described: they were not checked")
        if self.options.examples:
            self._check_rules(deployment)
        if self.options.protocol_examples and deployment.is_described:
            with self._noted():
                self._check_protocol(deployment)
        elif self.options.protocol_examples:
            self.notes.append("there is no openapi.json: the protocol was not checked")

    def _check_rules(self, deployment: Deployment) -> None:
        share = 3 if self.options.protocol_examples else 0
        deployment.allow(self.options.budget_s - (self.options.budget_s // share if share else 0))
        with self._noted():
            follow_scripts(deployment)
            if deployment.found is None:
                tell_stories(deployment)
        if deployment.found is not None:
            violation, self.steps = deployment.found
            self.violations.append(violation)
            return
        deployment.story = []
        with self._noted():
            try:
                await_all(deployment)
            except Broken as broken:
                self.violations.append(broken.violation)
                self.steps = tuple(deployment.story)

    def _check_protocol(self, deployment: Deployment) -> None:
        findings = check_protocol(deployment, max(1, self.options.budget_s // 3))
        self.violations += findings.violations
        self.notes += findings.notes
        deployment.client.requests += sum(findings.calls.values())

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """What ends a part of the run without being anybody's breach is told."""
        try:
            yield
        except (Stopped, InDoubt) as why:
            self.notes.append(str(why))


def follow_scripts(deployment: Deployment) -> None:
    """What every run begins with, until something is wrong: `deployment.found`.

    Raises:
        Stopped: the time is used up.
    """
    for script in SCRIPTS:
        machine = HttpMachine(deployment)
        try:
            for step, drawn in script:
                getattr(machine, step)(**drawn)
            machine.teardown()
        except Broken:
            return


def tell_stories(deployment: Deployment) -> None:
    """Let people do all kinds of things; `deployment.found` is what was wrong, in the fewest steps.

    Raises:
        Stopped: the time is used up.
    """
    options = deployment.options

    def machine() -> HttpMachine:
        return HttpMachine(deployment)

    factory: Callable[[], HttpMachine] = seed(options.seed)(machine)
    try:
        run_state_machine_as_test(
            factory,  # type: ignore[arg-type]  # a function will do, says its documentation
            settings=settings(
                max_examples=options.examples,
                stateful_step_count=options.steps,
                database=None,
                deadline=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
                verbosity=Verbosity.quiet,
                report_multiple_bugs=False,
                print_blob=False,
            ),
        )
    except Exception:
        if deployment.found is None:
            raise
    except Stopped:
        if deployment.found is None:
            raise
