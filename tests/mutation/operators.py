"""The small faults that are planted in a module, one at a time."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_FUNCTIONS = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "sorted": "list",
    "reversed": "iter",
}
_DECLARATIONS = {"annotation", "returns", "decorator_list", "bases", "keywords", "type_params"}
"""Fields of definitions that are the type checker's business."""


@dataclass(frozen=True)
class Place:
    """Where a node hangs, and the lines and function that it is run with.

    `function` is the outermost one, with its first line; None for what an import runs.
    """

    parent: ast.AST
    field: str
    index: int | None
    lines: range
    function: tuple[str, int] | None

    def put(self, node: ast.AST) -> None:
        """Hang another node here."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


@dataclass(frozen=True)
class Mutant:
    """One fault: at `place` of `tree`, `before` becomes `after`; the `number`th such on its line."""

    path: str
    line: int
    before: str
    after: str
    number: int
    tree: ast.Module
    place: Place
    replacement: ast.AST

    @property
    def name(self) -> str:
        """The same in every run over the same source."""
        which = f" ({self.number})" if self.number > 1 else ""
        return f"{self.path}:{self.line}: {self.before}  →  {self.after}{which}"

    def plant(self) -> ast.Module:
        """The whole module with the fault in it. Changes `tree`."""
        self.place.put(self.replacement)
        return self.tree


def mutants_of(path: str, source: str) -> list[Mutant]:
    """Every fault that the operators make of a module, in the order of its text."""
    tree = ast.parse(source)
    found: list[Mutant] = []
    alike: Counter[tuple[int, str, str]] = Counter()
    for node, place in _places(tree, range(0), None):
        before = ast.unparse(node)
        for replacement in _replacements(node, place):
            ast.copy_location(replacement, node)
            ast.fix_missing_locations(replacement)
            fault = (getattr(node, "lineno", place.lines.start), before, ast.unparse(replacement))
            alike[fault] += 1
            found.append(Mutant(path, *fault, alike[fault], tree, place, replacement))
    return found


def _places(
    parent: ast.AST, lines: range, function: tuple[str, int] | None, scope: str = ""
) -> Iterator[tuple[ast.AST, Place]]:
    """Every node that may be mutated, with its place."""
    for field, value in ast.iter_fields(parent):
        if _is_declared(parent, field):
            continue
        inside, within = function, scope
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            within = f"{scope}{parent.name}."
            if field == "body" and function is None and not isinstance(parent, ast.ClassDef):
                first = min([parent.lineno, *(each.lineno for each in parent.decorator_list)])
                inside = (f"{scope}{parent.name}", first)
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_text(parent, node):
                continue
            own = _lines_of(node) if isinstance(node, (ast.stmt, ast.match_case)) else lines
            yield node, Place(parent, field, index, own, inside)
            yield from _places(node, own, inside, within)


def _is_declared(parent: ast.AST, field: str) -> bool:
    """Whether a field says what something is, not what it does."""
    if isinstance(parent, ast.AnnAssign) and "TypeAlias" in ast.unparse(parent.annotation):
        return True
    if isinstance(parent, ast.Assign) and _declares(parent):
        return True
    return field in _DECLARATIONS and not isinstance(parent, ast.Call)


def _declares(statement: ast.Assign) -> bool:
    name = ast.unparse(statement.targets[0])
    return name == "__all__" or ast.unparse(statement.value).startswith("TypeVar(")


def _is_text(parent: ast.AST, node: ast.AST) -> bool:
    """Docstrings, the words of f-strings, and imports."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    words = isinstance(node, ast.Constant) and isinstance(parent, ast.JoinedStr)
    return words or isinstance(node, (ast.Import, ast.ImportFrom))


def _lines_of(statement: ast.AST) -> range:
    """The lines of a statement, of one with a body those before it."""
    if isinstance(statement, ast.match_case):
        return range(statement.pattern.lineno, statement.body[0].lineno + 1)
    assert isinstance(statement, ast.stmt)
    body = getattr(statement, "body", None)
    last = body[0].lineno - 1 if body else statement.end_lineno or 0
    return range(statement.lineno, max(statement.lineno, last) + 1)


def _replacements(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    yield from _negated(node, place)
    if isinstance(node, ast.stmt) and place.function:
        yield from _other_statements(node)
    match node:
        case ast.Constant():
            yield from _other_constants(node)
        case ast.Compare():
            yield from _other_comparisons(node)
        case ast.BoolOp():
            yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.BinOp() | ast.AugAssign() if type(node.op) in _ARITHMETIC:
            yield _with(node, op=_ARITHMETIC[type(node.op)]())
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.Call():
            yield from _other_calls(node)
        case ast.Dict() | ast.Set():
            yield from _shorter(node)
        case ast.Slice():
            yield from (_with(node, **{end: None}) for end in _ends(node))
        case _:
            pass


def _negated(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    """Conditions: turned round; filters of comprehensions: gone."""
    if place.field == "ifs":
        yield ast.Constant(True)
    conditions = (ast.Compare, ast.BoolOp, ast.UnaryOp)
    if place.field in {"test", "ifs", "guard"} and not isinstance(node, conditions):
        assert isinstance(node, ast.expr)
        yield ast.UnaryOp(ast.Not(), node)


def _other_constants(node: ast.Constant) -> Iterator[ast.AST]:
    match node.value:
        case bool():
            yield ast.Constant(not node.value)
        case int():
            yield ast.Constant(node.value + 1)
        case str():
            yield ast.Constant(f"XX{node.value}XX")
        case _:
            pass


def _other_comparisons(node: ast.Compare) -> Iterator[ast.AST]:
    for index, old in enumerate(node.ops):
        for new in _COMPARISONS[type(old)]:
            yield _with(node, ops=[*node.ops[:index], new(), *node.ops[index + 1 :]])


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    """The opposite function, and the call without each of its named arguments."""
    if isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        name = _FUNCTIONS[node.func.id]
        keywords = [] if name == "list" else node.keywords
        yield _with(node, func=ast.Name(name, ast.Load()), keywords=keywords)
    for index, keyword in enumerate(node.keywords):
        if keyword.arg:
            yield _with(node, keywords=node.keywords[:index] + node.keywords[index + 1 :])


def _shorter(node: ast.Dict | ast.Set) -> Iterator[ast.AST]:
    """The display without each of its entries."""
    entries: list[ast.expr] = node.values if isinstance(node, ast.Dict) else node.elts
    for index in range(len(entries)):
        rest = entries[:index] + entries[index + 1 :]
        if isinstance(node, ast.Dict):
            yield _with(node, keys=node.keys[:index] + node.keys[index + 1 :], values=rest)
        elif rest:
            yield _with(node, elts=rest)


def _ends(node: ast.Slice) -> list[str]:
    return [end for end in ("lower", "upper") if getattr(node, end)]


def _other_statements(node: ast.stmt) -> Iterator[ast.AST]:
    """Nothing returned or assigned; the statement gone; one way out of a loop for the other."""
    match node:
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Assign(targets=[ast.Tuple()]):
            return  # none of these could be unpacked: no fault that a test has to look for
        case ast.Assign() | ast.AnnAssign(value=ast.expr()) if not _is_none(node.value):
            yield _with(node, value=ast.Constant(None))
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case _:
            pass


def _is_none(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _with(node: Node, **changes: object) -> Node:
    """A copy of a node that shares its children."""
    return type(node)(**{**dict(ast.iter_fields(node)), **changes})
