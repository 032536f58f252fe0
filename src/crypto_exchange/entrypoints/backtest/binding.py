"""Tables of a TOML file as arguments: each key is a parameter, each value of a type that it takes.

A float is refused where an exact number is wanted: 10.10 in TOML is not ten dollars and ten cents.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import UnionType
from typing import Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

Made = TypeVar("Made")

_NAMES: dict[object, str] = {
    bool: "true or false",
    Decimal: 'an exact number such as "10.00"',
    timedelta: 'a time such as "6h"',
    date: "a date",
    datetime: "a date and time",
    float: "a number",
    int: "a whole number",
    str: "text",
}
"""What is said of a type, the most telling one first."""


class ConfigurationError(ValueError):
    """A sentence that names the key, what was expected of it, and what it was."""


def parameters(make: Callable[..., object]) -> tuple[str, ...]:
    """The names of what it takes."""
    return tuple(inspect.signature(make).parameters)


def call(
    make: Callable[..., Made], table: Mapping[str, object], where: str, **known: object
) -> Made:
    """Call `make` with a table's values, and with what is `known` for those that are not in it.

    Raises ConfigurationError: a key or a value that it does not take, or one that is missing.
    """
    names = parameters(make)
    refuse_unknown(table, names, where)
    values = {
        name: fit(value, hint(make, name), f"{where}.{name}") for name, value in table.items()
    }
    values = {name: value for name, value in known.items() if name in names} | values
    for name, each in inspect.signature(make).parameters.items():
        if each.default is each.empty and name not in values:
            raise ConfigurationError(f"{where}.{name}: expected to be given, was not there")
    try:
        return make(**values)
    except (TypeError, ValueError, OSError) as error:
        if isinstance(error, ConfigurationError):
            raise
        dot = "." if str(error).partition(":")[0] in names else ": "
        raise ConfigurationError(f"{where}{dot}{error}") from error


def refuse_unknown(table: Mapping[str, object], names: Iterable[str], where: str) -> None:
    """Raises ConfigurationError for a key that is none of the names; `where` is empty at the top."""
    known = tuple(names)
    for key in table:
        if key not in known:
            place = f"{where}.{key}" if where else key
            raise ConfigurationError(f"{place}: expected one of {', '.join(known)}, was {key!r}")


def hint(make: Callable[..., object], name: str) -> object:
    """The type of one parameter."""
    is_plain = isinstance(make, type) and not issubclass(make, msgspec.Struct)
    return get_type_hints(make.__init__ if is_plain else make)[name]


def fit(value: object, wanted: object, where: str) -> object:
    """A value of TOML, whose floats were read as Decimals, as what a parameter takes.

    Raises ConfigurationError: it takes nothing like it.
    """
    kinds = _kinds(wanted)
    for kind in kinds:
        if (
            isinstance(value, Mapping)
            and isinstance(kind, type)
            and issubclass(kind, msgspec.Struct)
        ):
            return call(kind, value, where)
        if isinstance(value, list) and get_origin(kind) in {tuple, list, Sequence}:
            return _fit_list(value, get_args(kind), where)
        if get_origin(kind) is Literal and value in get_args(kind):
            return value
    if isinstance(value, Decimal | int) and not isinstance(value, bool) and float in kinds:
        return float(value)
    if not isinstance(value, Decimal) and (type(value) in kinds or Any in kinds):
        return value
    raise ConfigurationError(f"{where}: expected {_described(kinds)}, was {_told(value)}")


def _fit_list(values: list[object], kinds: tuple[object, ...], where: str) -> tuple[object, ...]:
    each = (kinds[0],) * len(values) if len(kinds) == 1 or kinds[1] is ... else kinds
    if len(each) != len(values):
        raise ConfigurationError(f"{where}: expected {len(each)} values, was {len(values)}")
    pairs = enumerate(zip(values, each, strict=True))
    return tuple(fit(value, kind, f"{where}[{place}]") for place, (value, kind) in pairs)


def _kinds(wanted: object) -> tuple[object, ...]:
    """The types of a union, or the only one."""
    if get_origin(wanted) in {Union, UnionType}:
        return tuple(kind for each in get_args(wanted) for kind in _kinds(each))
    if isinstance(wanted, NewType):
        return _kinds(wanted.__supertype__)
    return (wanted,)


def _described(kinds: tuple[object, ...]) -> str:
    choices = [
        repr(each) for kind in kinds if get_origin(kind) is Literal for each in get_args(kind)
    ]
    if choices:
        return f"one of {', '.join(choices)}"
    named = [next((name for kind, name in _NAMES.items() if kind in kinds), "")]
    if any(isinstance(kind, type) and issubclass(kind, msgspec.Struct) for kind in kinds):
        named.append("a table")
    if any(get_origin(kind) in {tuple, list, Sequence} for kind in kinds):
        named.append("a list")
    return " or ".join(filter(None, named)) or "something else"


def _told(value: object) -> str:
    match value:
        case Decimal():
            return f'the float {value}: write "{value}"'
        case bool():
            return str(value).lower()
        case Mapping():
            return "a table"
        case list():
            return "a list"
        case date() | time():
            return str(value)
        case _:
            return repr(value)
