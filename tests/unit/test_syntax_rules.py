"""Rules over the syntax tree, for what no linter checks; each of them can fail."""

import ast
import builtins
import statistics
from pathlib import Path

import pytest

from tests.package_copy import PACKAGE

DOMAIN = PACKAGE / "domain"

pytestmark = pytest.mark.no_cover  # the package is read, and not run


def test_the_domain_is_exact_and_synchronous() -> None:
    found = {
        str(path.relative_to(DOMAIN)): complaints
        for path in sorted(DOMAIN.rglob("*.py"))
        if (complaints := impurities(path.read_text(), path.relative_to(DOMAIN)))
    }

    assert found == {}


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("fee = 0.1", "line 1: a float"),
        ("fee = 1e3", "line 1: a float"),
        ("fee = 1j", "line 1: a float"),
        ("half = total / 2", "line 1: a true division"),
        ("total /= 2", "line 1: a true division"),
        ("\nhalf = float(total)", "line 2: the name float"),
        ("def half(total: float) -> None: ...", "line 1: the name float"),
        ("async def place() -> None: ...", "line 1: async"),
        ("async def f():\n    async with x: pass", "line 2: async"),
        ("async def f():\n    async for x in y: pass", "line 2: async"),
        ("async def f():\n    await g()", "line 2: async"),
        ("raise Exception('no')", "line 1: raises Exception"),
        ("raise RuntimeError", "line 1: raises RuntimeError"),
        ("raise KeyError(1) from None", "line 1: raises KeyError"),
    ],
)
def test_inexact_or_asynchronous_code_is_noticed(source: str, complaint: str) -> None:
    complaints = impurities(source, Path("placement.py"))

    assert complaint in complaints


@pytest.mark.parametrize(
    "path", ["ports.py", "queries.py", "credentials.py", "use_cases/orders.py"]
)
def test_ports_and_use_cases_may_be_asynchronous(path: str) -> None:
    complaints = impurities("async def f():\n    await g()\n    return 1 // 2", Path(path))

    assert complaints == []


def test_functions_and_modules_are_short() -> None:
    sources = {str(path.relative_to(PACKAGE)): path.read_text() for path in modules()}
    found = {path: functions(text) for path, text in sources.items()}
    lengths = [length for each in found.values() for _, length in each]

    long_modules = {path: n for path, text in sources.items() if (n := line_count(text)) > 300}
    long_functions = {path: long for path, each in found.items() if (long := too_long(each))}

    assert long_modules == {}
    assert long_functions == {}
    assert statistics.median(lengths) <= 12


def test_long_functions_and_modules_are_noticed() -> None:
    source = "def f():\n" + "    pass\n" * 50

    assert too_long(functions(source)) == [("f", 51)]
    assert too_long(functions(source.removesuffix("    pass\n"))) == []
    assert line_count("\n" * 301) == 301


def impurities(source: str, path: Path) -> list[str]:
    """What a module of the domain must not contain, each with its line."""
    ports = {"ports.py", "credentials.py", "signal_store.py"}
    may_wait = (
        path.name in ports or path.name.endswith("queries.py") or path.parts[0] == "use_cases"
    )
    found = []
    for node in ast.walk(ast.parse(source)):
        complaint = inexact(node) or raises_builtin(node) or ("" if may_wait else waits(node))
        if complaint:
            found.append(f"line {getattr(node, 'lineno', 0)}: {complaint}")
    return found


def inexact(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=float() | complex()):
            return "a float"
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            return "a true division"
        case ast.Name(id="float"):
            return "the name float"
        case _:
            return ""


def raises_builtin(node: ast.AST) -> str:
    """A rule that says no raises a DomainError; ValueError is left for text that is no number."""
    match node:
        case ast.Raise(exc=ast.Name(id=name) | ast.Call(func=ast.Name(id=name))):
            error = getattr(builtins, name, None)
            if isinstance(error, type) and name != "ValueError":
                return f"raises {name}"
        case _:
            pass
    return ""


def waits(node: ast.AST) -> str:
    """`async` comprehensions need no case: they stand only in functions that are async."""
    kinds = (ast.AsyncFunctionDef, ast.AsyncWith, ast.AsyncFor, ast.Await)
    return "async" if isinstance(node, kinds) else ""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def line_count(source: str) -> int:
    return len(source.splitlines())


def functions(source: str) -> list[tuple[str, int]]:
    """Every function's name and number of lines, from `def` to its last."""
    return [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def too_long(found: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(name, length) for name, length in found if length > 50]
