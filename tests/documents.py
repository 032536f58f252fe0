"""The parts of the documents that follow from the code: `make docs` writes them, tests compare them.

A part stands between the lines `<!-- NAME: written by make docs -->` and `<!-- end -->`.
"""

import argparse
import enum
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from crypto_exchange.domain import errors
from crypto_exchange.domain.batch import BATCH_TRANSITIONS, BatchState
from crypto_exchange.domain.order import ORDER_TRANSITIONS, OrderState
from crypto_exchange.domain.purchase import GIVEN_UP, PURCHASE_TRANSITIONS, PurchaseState
from crypto_exchange.domain.user import Role
from crypto_exchange.entrypoints.cli.parser import build_parser
from crypto_exchange.entrypoints.http.app import list_operations
from crypto_exchange.entrypoints.http.problems import PROBLEMS
from crypto_exchange.entrypoints.testing.mutants import MUTANTS, Mutant
from crypto_exchange.entrypoints.testing.plugin import OPTIONS
from crypto_exchange.entrypoints.testing.reach import REQUIRED
from crypto_exchange.settings import SETTINGS
from tests.examples import EXAMPLES, tables
from tests.fault_matrix import Moment, matrix, rows_of
from tests.harness.server_mutants import SERVER_MUTANTS

State = TypeVar("State", bound=enum.Enum)
Trigger = TypeVar("Trigger", bound=enum.Enum)

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "docs/configuration.md",
    "docs/commands.md",
    "docs/api.md",
    "docs/settlement.md",
    "docs/fault-matrix.md",
    "docs/mutants.md",
    "docs/testing-kit.md",
)
MOST_USED = (
    *("PORT", "DATA_DIR", "AGGREGATION_THRESHOLD", "MAX_WAIT", "ON_DEADLINE"),
    *("PRICE_TOLERANCE_BPS", "POSTGRES_HOST", "REDIS_HOST", "EXCHANGE_URL", "PAPER_PRICES"),
)
_PART = re.compile(r"(<!-- (\w+): written by make docs -->\n).*?(<!-- end -->)", re.DOTALL)


def renewed(text: str) -> str:
    """A document with its parts written anew."""
    return _PART.sub(lambda part: f"{part[1]}{PARTS[part[2]]()}\n{part[3]}", text)


def settings_table(names: tuple[str, ...] = tuple(SETTINGS)) -> str:
    rows = [
        (f"`{name}`", f"`{setting.default}`" if setting.default else "–", setting.description)
        for name, setting in ((name, SETTINGS[name]) for name in names)
    ]
    written = [(SETTINGS[name].kind.expected,) for name in names]
    cells = [(*row, *how) for row, how in zip(rows, written, strict=True)]
    return _table(("name", "default", "what it is", "how it is written"), cells)


def commands_table() -> str:
    rows = [(f"`{name}`", text, f"`{example}`") for name, text, example in list_commands()]
    return _table(("command", "what it does", "example"), rows)


def list_commands() -> Iterator[tuple[str, str, str]]:
    """Name with its arguments, what it does, an example."""
    for parser in _subparsers(build_parser()):
        usage = " ".join(_argument(action) for action in parser._actions if action.dest != "help")
        name = f"{parser.prog} {usage}".removeprefix("crypto-exchange ").strip()
        example = (parser.epilog or "").partition("\n")[0].removeprefix("Example: ")
        yield name, str(parser.description), example


def calls_table() -> str:
    rows = [
        (
            f"`{call.method} {call.path.replace(':str', '')}`",
            f"{call.summary}{'' if call.public else ' 🔒'}"
            f"{'' if call.role is Role.USER else f' `{call.role.value}`'}"
            f"{'' if call.scope is None else f' 🔑 `{call.scope.value}`'}"
            f"{' 🔁' if call.idempotent else ''}",
            str(call.status),
            ", ".join(f"`{code}`" for code in call.codes),
        )
        for call in list_operations()
    ]
    return _table(("call", "what it does", "answer", "refusals"), rows)


def codes_table() -> str:
    meanings = {
        kind.code: " ".join((kind.__doc__ or "").partition("\n\n")[0].split())
        for kind in errors.DomainError.__subclasses__()
    }
    rows = [
        (f"`{code}`", str(kind.status), f"{kind.title}.", kind.when or meanings[code])
        for code, kind in PROBLEMS.items()
    ]
    return _table(("code", "status", "title", "when"), rows)


def mutants_table(mutants: Sequence[Mutant]) -> str:
    rows = [
        (each.name, each.title, f"`{each.module.removeprefix('crypto_exchange.')}`", each.origin)
        for each in mutants
    ]
    return _table(("name", "what it breaks", "module", "in the published list"), rows)


def kit_options_table() -> str:
    rows = []
    for flag, settings in OPTIONS:
        metavar = settings.get("metavar")
        rows.append((f"`{flag}={metavar}`" if metavar else f"`{flag}`", settings["help"]))
    return _table(("option", "what it does"), rows)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in c)} |" for c in lines)


def _subparsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield child
                yield from _subparsers(child)


def _argument(action: argparse.Action) -> str:
    if isinstance(action, argparse._SubParsersAction):
        return f"{{{','.join(action.choices)}}}"
    name = action.option_strings[-1] if action.option_strings else ""
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    given = f"{name} {value}".strip()
    return given if action.required else f"[{given}]"


def diagram(
    transitions: Mapping[tuple[State, Trigger], State],
    *starts: State,
    ends: Collection[State] = (),
) -> str:
    """A Mermaid diagram of a transition table; what leads nowhere is final, and so are some others."""
    arrows = [f"    [*] --> {state.value}" for state in starts]
    arrows += [
        f"    {before.value} --> {after.value}: {trigger.value}"
        for (before, trigger), after in transitions.items()
    ]
    final = dict.fromkeys(after for after in transitions.values())
    open_states = {before for before, _ in transitions}
    arrows += [
        f"    {state.value} --> [*]" for state in final if state in ends or state not in open_states
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```"])


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "used_settings": lambda: settings_table(MOST_USED),
    "commands": commands_table,
    "calls": calls_table,
    "codes": codes_table,
    "orders": lambda: diagram(ORDER_TRANSITIONS, OrderState.PENDING, OrderState.AGGREGATED),
    "batches": lambda: diagram(BATCH_TRANSITIONS, BatchState.SEALED),
    "purchases": lambda: diagram(PURCHASE_TRANSITIONS, PurchaseState.SUBMITTING, ends=GIVEN_UP),
    **{f"example_{name}": partial(tables, name) for name in EXAMPLES},
    "fault_matrix": matrix,
    **{f"faults_{moment.name.lower()}": partial(rows_of, moment) for moment in Moment},
    "kit_options": kit_options_table,
    "kit_reach": lambda: "\n".join(f"- {name}" for name in REQUIRED),
    "mutants": partial(mutants_table, MUTANTS),
    "server_mutants": partial(mutants_table, SERVER_MUTANTS),
}

if __name__ == "__main__":
    for document in DOCUMENTS:
        path = ROOT / document
        path.write_text(renewed(path.read_text()))
