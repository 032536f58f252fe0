"""Suites: classes of checks, one class for each port, that whoever wrote an adapter subclasses.

A check is a method `test_…`, plain or `async`: the suite runs it in an event loop of its own, so that no
plugin of pytest is needed for that. Its name is `port.rule`: the class `UnitOfWorkTests` and its method
`test_a_batch_is_settled_once` make `unit_of_work.a_batch_is_settled_once`.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from difflib import get_close_matches
from typing import Any, ClassVar, TypeAlias, TypeVar

import msgspec
import pytest

from crypto_exchange.entrypoints.override import override
from crypto_exchange.entrypoints.testing.adapters import Supports

VERSIONS = ("1", "2")
"""Versions of the suites, oldest first: the newest is what a suite has that pins none."""

Function: TypeAlias = Callable[..., Any]
Marked = TypeVar("Marked", bound=Function)
Given = TypeVar("Given")


class Check(msgspec.Struct, frozen=True):
    """What is known of a check: the capabilities it needs, and the version that it came with."""

    name: str
    needs: tuple[str, ...] = ()
    since: str = VERSIONS[0]


def requires(*capabilities: str) -> Callable[[Marked], Marked]:
    """Leave a check out unless the suite has these: fields of `Supports`, optional methods, or what its
    class says by True or False.
    """
    return _marking("needs", capabilities)


def since(version: str) -> Callable[[Marked], Marked]:
    """Leave a check out of suites that are pinned to an earlier version."""
    return _marking("since", version)


def optional(method: Marked) -> Marked:
    """A method that a suite may override; checks that require it are left out otherwise."""
    return _marking("optional", value=True)(method)


async def given(value: Given | Awaitable[Given]) -> Given:
    """What a factory gave, which may be `async` or not."""
    return await value if inspect.isawaitable(value) else value


class Suite:
    """What all suites have in common.

    `suite_version` pins the checks: a later release adds none to a pinned suite. `supports` says what
    the adapters cannot do; checks that need it are left out. `expected_failures` gives the reason
    why a check fails, by its name; one that passes after all is an error.

    Raises:
        TypeError: when a subclass is defined with an unknown version or name, or two checks collide.
    """

    suite_version: ClassVar[str] = VERSIONS[-1]
    supports: ClassVar[Supports] = Supports()
    expected_failures: ClassVar[Mapping[str, str]] = {}
    check: Check
    """The check that runs."""
    resources: AsyncExitStack
    """Closed when the check has ended, in its event loop: for what factories open."""

    own_checks: ClassVar[Mapping[str, Function]] = {}
    """What this class itself defines, whatever is left out of it."""

    @override
    def __init_subclass__(cls, *, port: str | None = None) -> None:
        """Define a suite; `port` replaces what its name says its checks are of."""
        super().__init_subclass__()
        cls.own_checks = {
            name: _runnable(value, _check(value, port or _port_of(cls.__name__), name))
            for name, value in vars(cls).items()
            if name.startswith("test_") and inspect.isfunction(value)
        }
        checks = _all_checks(cls)
        _require_known(cls, [check_of(function).name for function in checks.values()])
        for name, function in checks.items():
            _select(cls, name, function)

    @classmethod
    def has(cls, capability: str) -> bool:
        """Whether the class says that a capability is there."""
        if capability in Supports.__struct_fields__:
            return bool(getattr(cls.supports, capability))
        said = getattr(cls, capability)
        return said if isinstance(said, bool) else "optional" not in vars(said)

    def require(self, supports: Supports) -> None:
        """Skip the check if the adapters themselves say that they cannot do what it needs."""
        missing = [need for need in self.check.needs if not getattr(supports, need, True)]
        if missing:
            pytest.skip(f"the adapters do not support: {', '.join(missing)}")


def check_of(function: Function) -> Check:
    """What is known of a method of a suite."""
    check = vars(function)["check"]
    assert isinstance(check, Check)
    return check


def _marking(key: str, value: object) -> Callable[[Marked], Marked]:
    def mark(function: Marked) -> Marked:
        vars(function)[key] = value
        return function

    return mark


def _check(function: Function, port: str, name: str) -> Check:
    marks = vars(function)
    rule = name.removeprefix("test_")
    return Check(f"{port}.{rule}", marks.get("needs", ()), marks.get("since", VERSIONS[0]))


def _port_of(class_name: str) -> str:
    words = re.findall("[A-Z][a-z0-9]*|[a-z0-9]+", re.sub("^Test|Tests$", "", class_name))
    return "_".join(words).lower()


def _runnable(function: Function, check: Check) -> Function:
    """The method as pytest shall call it."""

    async def run(suite: Suite, *args: Any, **kwargs: Any) -> None:
        async with AsyncExitStack() as suite.resources:
            await given(function(suite, *args, **kwargs))

    @functools.wraps(function)
    def call(self: Suite, *args: Any, **kwargs: Any) -> None:
        self.check = check
        if not inspect.iscoroutinefunction(function):
            function(self, *args, **kwargs)
            return
        # With a factory the runner leaves the current loop, which may be a plugin's, alone.
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(run(self, *args, **kwargs))

    vars(call)["check"] = check
    return call


def _all_checks(cls: type[Suite]) -> dict[str, Function]:
    """Methods by name, inherited ones too: the one that Python finds first."""
    found: dict[str, tuple[type, Function]] = {}
    for base in _suites_of(cls):
        for name, function in base.own_checks.items():
            known = found.get(name)
            if known is None:
                found[name] = base, function
            elif not issubclass(known[0], base):
                raise TypeError(
                    f"{cls.__name__}: expected one check {name}, was one of {known[0].__name__} "
                    f"and one of {base.__name__}"
                )
    return {name: function for name, (_, function) in found.items()}


def _suites_of(cls: type[Suite]) -> Iterator[type[Suite]]:
    return (base for base in cls.__mro__ if issubclass(base, Suite))


def _require_known(cls: type[Suite], names: list[str]) -> None:
    if cls.suite_version not in VERSIONS:
        raise TypeError(
            f"{cls.__name__}: expected a suite_version of {', '.join(VERSIONS)}, "
            f"was {cls.suite_version!r}"
        )
    for name in cls.expected_failures:
        if name not in names:
            nearest = ", ".join(get_close_matches(name, names, cutoff=0)) or "none"
            raise TypeError(
                f"{cls.__name__}: expected in expected_failures the name of a check, was {name!r}; "
                f"the nearest are {nearest}"
            )


def _select(cls: type[Suite], name: str, function: Function) -> None:
    """Put the check in its place: as it is, as one that is expected to fail, or not at all."""
    check = check_of(function)
    pinned_before = VERSIONS.index(check.since) > VERSIONS.index(cls.suite_version)
    if pinned_before or not all(cls.has(need) for need in check.needs):
        setattr(cls, name, None)
    elif check.name in cls.expected_failures:
        setattr(cls, name, _failing(function, cls.expected_failures[check.name]))
    else:
        setattr(cls, name, function)


def _failing(function: Function, reason: str) -> Function:
    @functools.wraps(function)
    def call(self: Suite, *args: Any, **kwargs: Any) -> None:
        function(self, *args, **kwargs)

    marked: Function = pytest.mark.xfail(strict=True, reason=reason)(call)
    return marked
