"""How a command is defined: its name, what it calls, what it does, an example."""

from __future__ import annotations

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse has no public name for it
"""What commands are added to."""
_WHERE = """\
Settings come from the environment; `crypto-exchange serve --help` lists them. Without
POSTGRES_HOST, the servers of a `serve` that runs with the same DATA_DIR are used."""


def add(
    commands: Commands,
    name: str,
    target: str,
    text: str,
    example: str,
    *,
    needs_servers: bool = True,
) -> argparse.ArgumentParser:
    """Add a command that calls `target`, as `module:function` of this package."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"Example: {example}" + (f"\n\n{_WHERE}" if needs_servers else ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=target)
    return parser
