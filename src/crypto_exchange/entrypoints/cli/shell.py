"""`crypto-exchange shell`: a Python prompt with `await`, inside the running service's loop."""

from __future__ import annotations

import argparse
import asyncio
import code
import importlib
import inspect
from contextlib import suppress
from types import CodeType, FunctionType

from typing_extensions import override

from crypto_exchange import domain
from crypto_exchange.bootstrap import open_context
from crypto_exchange.domain import use_cases
from crypto_exchange.entrypoints.cli.connection import reachable
from crypto_exchange.settings import Settings

_BANNER = """\
`context` holds the ports (context.queries, context.begin, context.exchange …), `domain` the rules.
await works at the prompt, for example: await context.queries.list_assets()"""


def shell(settings: Settings, _options: argparse.Namespace) -> int:
    """Open the prompt; Ctrl-D ends it."""
    with suppress(ImportError):  # line editing and history, where Python has them
        importlib.import_module("readline")
    with asyncio.Runner() as runner:
        opened = open_context(reachable(settings))
        context = runner.run(opened.__aenter__())
        console = _AwaitConsole(runner, {"context": context, "domain": domain})
        console.locals["use_cases"] = use_cases
        try:
            console.interact(banner=_BANNER, exitmsg="")
        finally:
            runner.run(opened.__aexit__(None, None, None))
    return 0


class _AwaitConsole(code.InteractiveConsole):
    """The standard console, whose statements may await."""

    def __init__(self, runner: asyncio.Runner, names: dict[str, object]) -> None:
        super().__init__(names)
        self.runner = runner
        self.compile.compiler.flags |= 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    @override
    def runcode(self, code: CodeType) -> None:
        """Run a statement in the loop if it awaits."""
        try:
            result = FunctionType(code, self.locals)()
            if inspect.iscoroutine(result):
                self.runner.run(result)
        except SystemExit:
            raise
        except BaseException:
            self.showtraceback()
