"""Mutation testing: which faults are planted, how, and what is remembered of them."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation import trial
from tests.mutation.campaign import Aim, sample
from tests.mutation.operators import Mutant, mutants_of
from tests.mutation.record import ERROR, KILLED, SURVIVED, TIMEOUT, Record, Sources, summarize

MODULE = '''\
"""A module."""

STEPS = {"a": 1, "b": 2}


def double(value: int = 3) -> int:
    """Twice."""
    return value * 2


class Box:
    def halve(self, value: int) -> int:
        return max(value, 0) // 2
'''


def changes(source: str) -> set[tuple[str, str]]:
    return {(mutant.before, mutant.after) for mutant in mutants_of("m.py", source)}


def in_function(body: str) -> set[tuple[str, str]]:
    return changes(f"def f(a, b, c):\n    {body}\n")


def mutant(before: str, after: str, source: str = MODULE) -> Mutant:
    (found,) = (m for m in mutants_of("m.py", source) if (m.before, m.after) == (before, after))
    return found


# ---- operators -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a < b", {"a <= b", "a > b"}),
        ("a >= b", {"a > b", "a < b"}),
        ("a == b", {"a != b"}),
        ("a is b", {"a is not b"}),
        ("a in b", {"a not in b"}),
        ("a < b <= c", {"a <= b <= c", "a > b <= c", "a < b < c", "a < b > c"}),
        ("a + b", {"a - b"}),
        ("a // b", {"a * b"}),
        ("a and b", {"a or b"}),
        ("not a", {"a"}),
        ("-a", {"a"}),
        ("min(a)", {"max(a)"}),
        ("all(a)", {"any(a)"}),
        ("sorted(a, key=b)", {"list(a)", "sorted(a)"}),
        ("f(a, b=1, c=2)", {"f(a, c=2)", "f(a, b=1)"}),
        ("a[b:c]", set()),
        ("{a, b}", {"{b}", "{a}"}),
        ("{a: b}", {"{}"}),
    ],
)
def test_an_expression_becomes_each_of_its_opposites(before: str, after: set[str]) -> None:
    found = {new for old, new in in_function(f"return {before}") if old == before}

    assert found == after


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        ("return a", "return a", "return None"),
        ("a.clear()", "a.clear()", "pass"),
        ("raise a", "raise a", "pass"),
        ("a += 1", "a += 1", "pass"),
        ("a = b", "a = b", "a = None"),
        ("return True", "True", "False"),
        ("return 7", "7", "8"),
        ("return 'x'", "'x'", "'XXxXX'"),
        ("return a[b:c]", "b:c", ":c"),
        ("return [x for x in a if x]", "x", "True"),
        ("return b if a else c", "a", "not a"),
        ("while a: break", "break", "continue"),
    ],
)
def test_statements_constants_and_conditions_are_changed_too(
    body: str, before: str, after: str
) -> None:
    assert (before, after) in in_function(body)


@pytest.mark.parametrize(
    "source",
    [
        '"""Docstring."""\nimport os\nfrom a import b',
        "x: Annotated[int, 3]",
        "Row = TypeVar('Row', bound=int)",
        "__all__ = ['a']",
        "def f(a: int | str) -> int | str: ...",
        "class C(Struct, frozen=True, kw_only=True): ...",
        "def f():\n    return None",
    ],
)
def test_what_only_declares_is_left_alone(source: str) -> None:
    assert changes(source) == set()


def test_the_words_of_a_message_are_left_alone_but_not_what_is_computed_in_it() -> None:
    assert in_function("return f'{a + b} units'") == {
        ("a + b", "a - b"),
        ("return f'{a + b} units'", "return None"),
    }


def test_every_mutant_compiles_and_differs_from_the_source() -> None:
    for number, each in enumerate(mutants_of("m.py", MODULE)):
        planted = mutants_of("m.py", MODULE)[number].plant()

        compile(planted, "m.py", "exec")
        assert each.before != each.after


def test_faults_that_look_alike_have_names_of_their_own() -> None:
    names = [each.name for each in mutants_of("m.py", "PAIR = (0, 0)")]

    assert names == ["m.py:1: 0  →  1", "m.py:1: 0  →  1 (2)"]


def test_a_mutant_knows_the_lines_that_run_it_and_its_outermost_function() -> None:
    inner = mutant("value * 2", "value // 2")
    method = mutant("max(value, 0)", "min(value, 0)")
    default, table = mutant("3", "4"), mutant("{'a': 1, 'b': 2}", "{'a': 1}")

    assert (inner.place.function, list(inner.place.lines)) == (("double", 6), [8])
    assert method.place.function == ("Box.halve", 12)
    assert default.place.function is None
    assert table.place.function is None


# ---- planting ------------------------------------------------------------------------------------


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[ModuleType]:
    path = tmp_path / "m.py"
    path.write_text(MODULE)
    spec = importlib.util.spec_from_file_location("planted_in", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("m", None)


def test_a_fault_in_a_function_is_there_for_everybody_who_has_it(
    loaded: ModuleType, tmp_path: Path
) -> None:
    double, halve = loaded.double, loaded.Box().halve

    assert trial.plant_in_place(mutant("value * 2", "value // 2"), tmp_path)
    assert trial.plant_in_place(mutant("max(value, 0)", "min(value, 0)"), tmp_path)

    assert (double(8), halve(8)) == (4, 0)


def test_a_function_that_is_not_loaded_takes_no_fault(tmp_path: Path) -> None:
    assert not trial.plant_in_place(mutant("value * 2", "value // 2"), tmp_path)


def test_a_fault_in_a_table_comes_with_the_next_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted_on_import.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))

    trial.plant_in_import("planted_on_import", mutant("1", "2").plant())

    steps = importlib.import_module("planted_on_import").STEPS
    assert steps == {"a": 2, "b": 2}


def test_a_test_that_never_ends_ends_the_process() -> None:
    child = os.fork()
    if child == 0:
        trial.limit(0.05)
        while True:
            pass

    _, status = os.waitpid(child, 0)

    assert os.WIFSIGNALED(status)


# ---- sample --------------------------------------------------------------------------------------


def test_the_same_seed_draws_the_same_sample_in_the_order_of_the_text() -> None:
    everything = mutants_of("m.py", MODULE)

    one, again, other = (sample(everything, 5, seed) for seed in (1, 1, 2))

    assert one == again != other
    assert [everything.index(each) for each in one] == sorted(everything.index(m) for m in one)
    assert sample(everything, 10**6, 1) == everything


def test_mutants_are_of_the_modules_that_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(MODULE)
    (tmp_path / "two.py").write_text(MODULE)
    aim = Aim(tmp_path, tmp_path, (), tmp_path)

    assert {each.path for each in aim.mutants()} == {"one.py", "two.py"}
    assert {each.path for each in aim.mutants("two")} == {"two.py"}


# ---- record --------------------------------------------------------------------------------------

SOURCES = Sources("code", {"tests/a.py": "a1", "tests/b.py": "b1"})


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.jsonl"
    record = Record(path, SOURCES)
    record.add("killed by a", KILLED, "tests/a.py::test", 0.1)
    record.add("timed out in b", TIMEOUT, "tests/b.py::test", 2.1)
    record.add("noticed nowhere", SURVIVED, "", 1.0)
    record.add("crashed", ERROR, "", 1.0)
    return path


def test_what_was_found_out_is_known_in_the_next_run_but_for_what_crashed(results: Path) -> None:
    known = Record(results, SOURCES).verdicts

    assert set(known) == {"killed by a", "timed out in b", "noticed nowhere"}


def test_after_a_change_to_the_code_nothing_is_known(results: Path) -> None:
    assert Record(results, replace(SOURCES, code="other")).verdicts == {}


@pytest.mark.parametrize(
    ("tests", "known"),
    [
        ({"tests/a.py": "a2", "tests/b.py": "b1"}, {"timed out in b"}),
        ({"tests/a.py": "a1", "tests/b.py": "b2"}, {"killed by a"}),
        ({**SOURCES.tests, "tests/c.py": "c1"}, {"killed by a", "timed out in b"}),
        ({"tests/b.py": "b1"}, {"timed out in b"}),
    ],
)
def test_a_test_that_notices_still_does_whatever_other_tests_change(
    results: Path, tests: dict[str, str], known: set[str]
) -> None:
    assert set(Record(results, replace(SOURCES, tests=tests)).verdicts) == known


def test_a_line_that_was_cut_off_is_left_out(results: Path) -> None:
    whole = results.read_text().splitlines()
    results.write_text("\n".join([whole[0], whole[1][:20]]))

    assert set(Record(results, SOURCES).verdicts) == {"killed by a"}


def test_the_score_is_the_share_that_was_noticed_and_the_others_are_listed(results: Path) -> None:
    record = Record(results, SOURCES)

    score, report = summarize(record.verdicts.values())

    assert round(score, 2) == 66.67
    assert report.splitlines() == [
        "survived  noticed nowhere",
        "3 mutants: 2 killed (of them 1 by their time), 1 not; score 66.7 %",
    ]
